// The two ends of what is measured over the link, each a process on its host:
//
//   node dist/wan/peer.js serve PORT    answers TCP connections by their first byte: `b` bytes for ever, `u` and a digit takes
//                                       the bytes of that flow, `f` a file, `e` an echo; answers datagrams with themselves
//   node dist/wan/peer.js measure PLAN  does what the plan (JSON) says
//
// Both print lines of JSON (PeerLine). Times are those of the monotonic clock in ms, which all processes of a machine share.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Where something listens. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

/** What the measuring end does. */
export interface Plan {
  /** Transfers, each by an own connection; they begin `delay` seconds after the first. */
  readonly flows: readonly (Place & { readonly direction: 'down' | 'up'; readonly delay: number })[];
  /** Where messages go there and back, from {@link Plan.warmUp} on. */
  readonly message?: Place;
  /** Datagrams go there and back outside of all tunnels: what waits at the bottleneck makes them late. */
  readonly probe: Place;
  /** How many files are fetched one after the other, from the place of the first flow, which then transfers nothing else. */
  readonly files?: number;
  /** s */
  readonly warmUp: number;
  /** How long all of it takes, s. */
  readonly seconds: number;
}

/** A round trip: when it began, and how long it took, ms. */
export type RoundTrip = readonly [at: number, ms: number];

/** What a peer says. */
export type PeerLine =
  | { readonly kind: 'begin'; readonly at: number }
  /** What has arrived of a flow so far. */
  | { readonly kind: 'bytes'; readonly flow: number; readonly at: number; readonly bytes: number }
  | {
      readonly kind: 'end';
      /** A message that did not come back counts with the time that it has been on its way. */
      readonly messages: readonly RoundTrip[];
      readonly probes: readonly RoundTrip[];
      /** ms from the connection to the last byte. */
      readonly files: readonly number[];
    };

const FILE_BYTES = 256 * 1024;
const MESSAGE_BYTES = 64;
const MESSAGE_INTERVAL = 50;
/** How long messages may still come back at the end, ms. */
const MESSAGE_PATIENCE = 3000;
const PROBE_INTERVAL = 20;
const REPORT_INTERVAL = 100;
/** How long a program may take until it listens, and answers, in ms. */
const START_LIMIT = 20_000;

const block = Buffer.alloc(64 * 1024, 0x5a);
const clock = (): number => Number(process.hrtime.bigint()) / 1e6;
const received = new Map<number, number>();

function say(line: PeerLine): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

function reportBytes(): void {
  for (const [flow, bytes] of received) say({ kind: 'bytes', flow, at: clock(), bytes });
}

function count(flow: number, socket: net.Socket): void {
  if (!received.has(flow)) received.set(flow, 0);
  socket.on('data', (chunk: Buffer) => received.set(flow, (received.get(flow) ?? 0) + chunk.length));
}

function pump(socket: net.Socket): void {
  const fill = (): void => {
    while (!socket.destroyed && socket.write(block));
  };
  socket.on('drain', fill);
  fill();
}

/** Answers until the process is killed. */
function serve(port: number): void {
  setInterval(reportBytes, REPORT_INTERVAL);
  net
    .createServer({ noDelay: true }, (socket) => {
      socket.on('error', () => socket.destroy());
      socket.once('data', (first: Buffer) => {
        const kind = String.fromCharCode(first[0] ?? 0);
        if (kind === 'e') {
          socket.write(first.subarray(1));
          socket.on('data', (chunk) => socket.write(chunk));
        } else if (kind === 'f') {
          socket.end(Buffer.alloc(FILE_BYTES, 0x5a));
        } else if (kind === 'u') {
          count(Number(String.fromCharCode(first[1] ?? 0)), socket);
        } else {
          pump(socket);
        }
      });
    })
    .listen(port);
  const echo = createSocket('udp4');
  echo.on('message', (datagram, from) => echo.send(datagram, from.port, from.address)).bind(port);
}

function connect(place: Place, first: string): net.Socket {
  const socket = net.connect({ ...place, noDelay: true });
  socket.on('error', (error) => {
    console.error(`${place.host}:${place.port}: ${error.message}`);
    process.exit(1);
  });
  // Before anything else: what is written before the connection stands is sent in this order.
  socket.write(first);
  return socket;
}

/** Waits until a byte comes back from a place: on a busy machine programs take their time to start. */
async function untilAnswered({ host, port }: Place): Promise<void> {
  const end = clock() + START_LIMIT;
  for (;;) {
    const socket = net.connect({ host, port, noDelay: true });
    try {
      await once(socket, 'connect');
      socket.write('ex');
      await once(socket, 'data', { signal: AbortSignal.timeout(START_LIMIT) });
      socket.destroy();
      return;
    } catch (error) {
      socket.destroy();
      if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED' || clock() > end) throw error;
      await sleep(100);
    }
  }
}

/** Sends a message at each interval whether the last one is back or not, as a game or a terminal would. */
async function exchangeMessages(place: Place, seconds: number): Promise<RoundTrip[]> {
  const socket = connect(place, 'e');
  const sent: number[] = [];
  const times: RoundTrip[] = [];
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    const now = clock();
    for (let start = sent[times.length]; start !== undefined && (times.length + 1) * MESSAGE_BYTES <= bytes; start = sent[times.length])
      times.push([start, now - start]);
  });
  const timer = setInterval(() => {
    sent.push(clock());
    socket.write(Buffer.alloc(MESSAGE_BYTES, 1));
  }, MESSAGE_INTERVAL);
  await sleep(seconds * 1000);
  clearInterval(timer);
  for (const end = clock() + MESSAGE_PATIENCE; times.length < sent.length && clock() < end; ) await sleep(MESSAGE_INTERVAL);
  socket.destroy();
  return [...times, ...sent.slice(times.length).map((start): RoundTrip => [start, clock() - start])];
}

async function probe({ host, port }: Place, seconds: number): Promise<RoundTrip[]> {
  const socket = createSocket('udp4');
  const times: RoundTrip[] = [];
  socket.on('message', (datagram) => {
    const start = datagram.readDoubleLE();
    times.push([start, clock() - start]);
  });
  const timer = setInterval(() => {
    const datagram = Buffer.alloc(MESSAGE_BYTES);
    datagram.writeDoubleLE(clock());
    socket.send(datagram, port, host);
  }, PROBE_INTERVAL);
  await sleep(seconds * 1000);
  clearInterval(timer);
  socket.close();
  return times;
}

function fetchFile(place: Place): Promise<number> {
  return new Promise((resolve) => {
    const started = clock();
    let bytes = 0;
    const socket = connect(place, 'f');
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes < FILE_BYTES) return;
      socket.destroy();
      resolve(clock() - started);
    });
  });
}

async function measure(plan: Plan): Promise<void> {
  for (const flow of plan.flows) await untilAnswered(flow);
  say({ kind: 'begin', at: clock() });
  const files: number[] = [];
  let messages: Promise<RoundTrip[]> | undefined;
  const probes = probe(plan.probe, plan.seconds);
  if (plan.files === undefined) {
    setInterval(reportBytes, REPORT_INTERVAL);
    for (const [index, flow] of plan.flows.entries()) {
      setTimeout(() => {
        const socket = connect(flow, flow.direction === 'up' ? `u${index}` : 'b');
        if (flow.direction === 'up') pump(socket);
        else count(index, socket);
      }, flow.delay * 1000);
    }
    const { message, warmUp, seconds } = plan;
    if (message !== undefined) messages = sleep(warmUp * 1000).then(() => exchangeMessages(message, seconds - warmUp));
  } else {
    for (const [place] = plan.flows; files.length < plan.files && place !== undefined; ) files.push(await fetchFile(place));
  }
  const trips = { messages: (await messages) ?? [], probes: plan.files === undefined ? await probes : [] };
  // The reports of both ends go on beyond the last moment that counts.
  await sleep(3 * REPORT_INTERVAL);
  say({ kind: 'end', ...trips, files });
  process.stdout.write('', () => process.exit());
}

const [role, argument = ''] = process.argv.slice(2);
if (role === 'serve') serve(Number(argument));
else if (role === 'measure') await measure(JSON.parse(argument) as Plan);
