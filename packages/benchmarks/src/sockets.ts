// Datagram sockets between two processes over loopback, by backend: microseconds of CPU per datagram of the sender and of the receiver, the rate,
// and the time of a round trip of one small datagram. Run on built output, on a quiet machine: `npm run bench:sockets`.
// The receiver acknowledges, and the sender keeps at most a window in flight: nothing is lost.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { PacketBatch, RECEIVE_OFFSET } from '@kcptun/common';
import { median } from '@kcptun/testkit';
import { parseToolFlags } from '@kcptun/testkit/node';
import { createNodeHost, type DatagramEvents, type DatagramOptions, type DatagramSocket, type Host } from '@kcptun/transport';

const USAGE = `usage: npm run bench:sockets -- [--packets 200000] [--rounds 5] [--batch 48]

CPU of sender and receiver per datagram, the rate, and the time of a round trip, for each pair of backends.`;

const values = parseToolFlags(
  USAGE,
  {
    packets: { type: 'string', default: '200000' },
    rounds: { type: 'string', default: '5' },
    batch: { type: 'string', default: '48' },
    // Set by this program for the process of the receiver.
    receiver: { type: 'string' },
  },
  ['packets', 'rounds', 'batch'],
);
const SIZE = 1350;
const WINDOW = 1024;
const ACKNOWLEDGE_EVERY = 128;
const WARM_UP = 20_000;
const STALL = 5000;
const LOST = 'datagrams were lost: the machine is too busy for this';
const ROUND_TRIPS = 3000;
const BUFFER = 4 * 1024 * 1024;
const BACKENDS = ['dgram', 'native'] as const;
type Backend = (typeof BACKENDS)[number];

interface Figures {
  readonly send: number;
  readonly receive: number;
  readonly rate: number;
  readonly roundTrip: number;
}

function openSocket(host: Host, options: DatagramOptions, onBatch: (batch: PacketBatch) => void): Promise<DatagramSocket> {
  const events: DatagramEvents = {
    onBatch,
    onTrouble: (error) => {
      throw error;
    },
  };
  return new Promise((resolve, reject) => {
    host.openDatagram(options, events, (error, socket) => (socket === undefined ? reject(error) : resolve(socket)));
  });
}

function cpuMicroseconds(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Full-sized datagrams are counted and acknowledged now and then, others are sent back. */
async function receive(backend: Backend): Promise<void> {
  const host = createNodeHost({ native: backend === 'native' });
  const answer = new PacketBatch(host.memory);
  answer.add(RECEIVE_OFFSET, 4, 0);
  const view = new DataView(answer.bytes.buffer, answer.offset[0]!, 4);
  let received = 0;
  let acknowledged = 0;
  const socket = await openSocket(host, { host: '127.0.0.1', port: 0, bufferSize: BUFFER }, (batch) => {
    const to = batch.path[0]!;
    if (batch.length[0] !== SIZE) {
      socket.send(batch);
      return;
    }
    received += batch.count;
    if (received - acknowledged < ACKNOWLEDGE_EVERY) return;
    acknowledged = received;
    view.setUint32(0, received);
    answer.path[0] = to;
    socket.send(answer);
  });
  process.on('message', () => process.send?.({ cpu: cpuMicroseconds(), received }));
  process.send?.({ port: socket.local.port });
}

/** CPU time of the receiver in microseconds, once it has received `count` datagrams in all. */
async function receiverCpu(child: ChildProcess, count: number): Promise<number> {
  for (const end = performance.now() + STALL; ; ) {
    child.send('usage');
    const [usage] = (await once(child, 'message')) as [{ cpu: number; received: number }];
    if (usage.received >= count) return usage.cpu;
    if (performance.now() > end) throw new Error(LOST);
  }
}

async function measure(sender: Backend, receiver: Backend): Promise<Figures> {
  const child = fork(import.meta.filename, ['--receiver', receiver]);
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  const host = createNodeHost({ native: sender === 'native' });
  let onBatch: (batch: PacketBatch) => void = () => {};
  const remote = { address: '127.0.0.1', port, family: 4 } as const;
  const socket = await openSocket(host, { host: '', port: 0, remote, bufferSize: BUFFER }, (batch) => onBatch(batch));
  const batch = new PacketBatch(host.memory);
  const packets = Number(values.packets);

  const bulk = (count: number, before: number): Promise<void> =>
    new Promise((resolve, reject) => {
      let sent = 0;
      let acknowledged = 0;
      const stalled = setTimeout(() => reject(new Error(LOST)), STALL);
      const push = (): void => {
        while (sent < count && sent - acknowledged < WINDOW) {
          batch.clear();
          for (let left = Math.min(Number(values.batch), count - sent); left > 0; left--) batch.add(RECEIVE_OFFSET, SIZE, 0);
          sent += socket.send(batch);
        }
      };
      onBatch = (answers) => {
        const last = answers.offset[answers.count - 1]!;
        const total = new DataView(answers.bytes.buffer, last, 4).getUint32(0);
        acknowledged = total - before;
        stalled.refresh();
        if (count - acknowledged >= ACKNOWLEDGE_EVERY) {
          push();
          return;
        }
        clearTimeout(stalled);
        resolve();
      };
      push();
    });
  await bulk(WARM_UP, 0);
  const before = await receiverCpu(child, WARM_UP);
  const cpu = cpuMicroseconds();
  const started = performance.now();
  await bulk(packets, WARM_UP);
  const seconds = (performance.now() - started) / 1000;
  const sendCpu = cpuMicroseconds() - cpu;
  const after = await receiverCpu(child, WARM_UP + packets);

  const times: number[] = [];
  await new Promise<void>((resolve) => {
    let left = ROUND_TRIPS;
    let at = 0;
    const ping = (): void => {
      batch.clear();
      batch.add(RECEIVE_OFFSET, 64, 0);
      at = performance.now();
      socket.send(batch);
    };
    onBatch = () => {
      times.push(performance.now() - at);
      left -= 1;
      if (left === 0) resolve();
      else ping();
    };
    ping();
  });
  socket.close();
  child.kill();
  return {
    send: sendCpu / packets,
    receive: (after - before) / packets,
    rate: packets / seconds,
    roundTrip: median(times) * 1000,
  };
}

if (values.receiver !== undefined) {
  await receive(values.receiver as Backend);
} else {
  const pairs = BACKENDS.flatMap((sender) => BACKENDS.map((receiver) => [sender, receiver] as const));
  const results = new Map<string, Figures[]>();
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [sender, receiver] of pairs) {
      const name = `${sender} -> ${receiver}`;
      results.set(name, [...(results.get(name) ?? []), await measure(sender, receiver)]);
    }
  }
  console.log(`${SIZE} bytes, batches of ${values.batch}, medians of ${values.rounds}`);
  for (const [name, list] of results) {
    const of = (key: keyof Figures): number => median(list.map((figures) => figures[key]));
    console.log(
      `${name.padEnd(18)} send ${of('send').toFixed(2).padStart(6)} us  receive ${of('receive').toFixed(2).padStart(6)} us` +
        `  ${(of('rate') / 1000).toFixed(0).padStart(6)} thousand/s  round trip ${of('roundTrip').toFixed(0).padStart(5)} us`,
    );
  }
}
