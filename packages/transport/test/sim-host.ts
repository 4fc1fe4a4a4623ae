// A Host on a virtual clock whose datagrams travel over a simulated network. Every socket is a node; node n has the address 10.0.0.n. The name
// `server` is that of node 1; others are not found.

import { createPacketCrypt } from '@kcptun/crypt';
import { createTestMemory, Random, SimNetwork, type SimNetworkOptions, VirtualClock } from '@kcptun/testkit';
import { ConnectionBudget, type DatagramSocket, type Host, type SocketAddress } from '../src/index.ts';

/** What a test holds on to. */
export interface SimWorld {
  readonly clock: VirtualClock;
  readonly network: SimNetwork;
  readonly host: Host;
  /** Sockets that are open. */
  readonly sockets: Set<DatagramSocket>;
  /** Timers that are armed. */
  timers: number;
}

/** Makes a world with one host. */
export function simWorld(seed = 1, configure?: SimNetworkOptions['configure']): SimWorld {
  const clock = new VirtualClock(1000);
  const network = new SimNetwork({ clock, seed, ...(configure === undefined ? {} : { configure }) });
  const random = new Random(seed);
  const memory = createTestMemory();
  const sockets: Set<DatagramSocket> = new Set();
  let nodes = 0;
  const world: SimWorld = { clock, network, host: undefined as unknown as Host, sockets, timers: 0 };
  const host: Host = {
    now: () => clock.now,
    wallTime: () => clock.now,
    defer: (callback) => {
      clock.after(0, callback);
    },
    setTimer: (delay, callback) => {
      world.timers += 1;
      const timer = clock.after(delay, () => {
        world.timers -= 1;
        callback();
      });
      return {
        cancel: () => {
          if (timer.pending) world.timers -= 1;
          clock.cancel(timer);
        },
      };
    },
    random: random.source,
    memory,
    connectionBudget: new ConnectionBudget(),
    datagramBackend: 'simulated',
    createCrypt: (method, key) => createPacketCrypt({ method, key, random: random.source, memory }),
    resolve: (name, port, callback) => {
      clock.after(3, () => {
        if (name === 'server') callback(undefined, [{ address: '10.0.0.1', port, family: 4 }]);
        else callback(new Error(`no such name: ${name}`), undefined);
      });
    },
    checkFakeTcp: () => 'is not simulated',
    openDatagram: (options, events, callback) => {
      nodes += 1;
      const node = nodes;
      const remoteNode = options.remote === undefined ? undefined : Number(options.remote.address.split('.')[3]);
      const addressOf = (of: number): SocketAddress => ({ address: `10.0.0.${of}`, port: of === 1 ? 4000 : 5000, family: 4 });
      // A path that was forgotten leads nowhere until its remote is heard again.
      const known: Set<number> = new Set();
      const socket: DatagramSocket = {
        backend: 'simulated',
        local: addressOf(node),
        bufferSizes: { receive: undefined, send: undefined },
        notes: [],
        send: (batch) => {
          if (sockets.has(socket)) network.sendBatch(node, batch, (path) => remoteNode ?? (known.has(path) ? path : undefined));
          return batch.count;
        },
        remote: (path) => options.remote ?? addressOf(path),
        forget: (path) => {
          known.delete(path);
        },
        hearOnly: () => {}, // one node has one address here
        close: () => {
          sockets.delete(socket);
          network.detach(node);
        },
      };
      sockets.add(socket);
      network.attachBatches(node, (batch) => {
        for (let index = 0; index < batch.count; index++) {
          if (remoteNode === undefined) known.add(batch.path[index] as number);
          else batch.path[index] = 0;
        }
        events.onBatch(batch);
      });
      clock.after(0, () => callback(undefined, socket));
    },
    connect: () => {
      throw new Error('no byte connections here');
    },
    listen: () => {
      throw new Error('no byte connections here');
    },
  };
  return Object.assign(world, { host });
}

/** Lets promises and stream events run between steps of virtual time, until `done` or `limit` ms have passed. */
export async function runUntil({ clock }: SimWorld, done: () => boolean, limit: number): Promise<void> {
  const end = clock.now + limit;
  for (let idle = 0; idle < 100; idle++) {
    await settle();
    if (done()) return;
    if (clock.next === undefined) continue;
    if (clock.next > end) throw new Error(`not done after ${limit} ms of virtual time`);
    clock.advanceTo(clock.next);
    idle = 0;
  }
  throw new Error('not done, and nothing is scheduled');
}

/** Moves time on by `ms`. */
export async function pass(world: SimWorld, ms: number): Promise<void> {
  const end = world.clock.now + ms;
  while (world.clock.now < end) {
    await settle();
    world.clock.advanceTo(Math.min(end, Math.max(world.clock.now, world.clock.next ?? end)));
  }
  await settle();
}

/** Waits for the result of a promise while virtual time runs. */
export async function within<T>(world: SimWorld, promise: Promise<T>, limit = 10_000): Promise<T> {
  let settled = false;
  const watch = promise.finally(() => {
    settled = true;
  });
  watch.catch(() => {});
  await runUntil(world, () => settled, limit);
  return watch;
}

/** Stream events and promises take some rounds. */
async function settle(): Promise<void> {
  for (let round = 0; round < 3; round++) await new Promise((resolve) => setImmediate(resolve));
}
