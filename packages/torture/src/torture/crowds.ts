// Many at once, and some that take without giving: they must cost the others nothing.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { Kind } from '@kcptun/interop';
import { transfer } from '@kcptun/testkit/node';
import { residentBytes } from './process-state.ts';
import { pause, until } from './rig.ts';
import { type Context, onRig, seconds, type TortureCase } from './torture-case.ts';

const CROWD = 2000;
const SHORT_CROWD = 400;
const CROWD_TIME = 30_000;
const MISERS = 300;
const MISER_BYTES = 12;
const MISER_PAUSE = 500;
/** Each holds the window that every stream starts with, 256 KiB: together less than the buffer of a session. */
const STUCK = 16;
/** Written into each stuck connection, or asked of the target, in bytes: more than all buffers on the way together. */
const STUCK_BYTES = 16 * 1024 * 1024;
const MEMORY_LIMIT_MIB = 500;
const MIB = 2 ** 20;

/** The cases of this file. */
export const crowds: readonly TortureCase[] = [
  { name: 'crowd', ends: ['ours', 'ours'], short: true, run: (context) => crowd(context, ['ours', 'ours']) },
  { name: 'crowd-before-go', ends: ['ours', 'new'], short: false, run: (context) => crowd(context, ['ours', 'new']) },
  { name: 'crowd-of-go', ends: ['new', 'ours'], short: false, run: (context) => crowd(context, ['new', 'ours']) },
  { name: 'slow-loris', ends: ['ours', 'ours'], short: false, run: (context) => misers(context, ['ours', 'ours']) },
  { name: 'slow-loris-of-go', ends: ['new', 'ours'], short: false, run: (context) => misers(context, ['new', 'ours']) },
  { name: 'never-reads', ends: ['ours', 'ours'], short: true, run: (context) => stuck(context, ['ours', 'ours']) },
  { name: 'never-reads-of-go', ends: ['new', 'ours'], short: false, run: (context) => stuck(context, ['new', 'ours']) },
];

/** So many connections at the same moment; none can end before all are open. */
function crowd(context: Context, [client, server]: readonly [Kind, Kind]): Promise<string> {
  const size = context.short ? SHORT_CROWD : CROWD;
  return onRig(context, { client, server }, async (rig) => {
    const { port, target } = rig;
    const started = performance.now();
    const gate = target.opened(size);
    const opened = gate.then(() => performance.now() - started);
    await Promise.all(
      Array.from({ length: size }, (_, seed) =>
        transfer({ port, seed, upload: 2000 + seed, download: 6000 - seed, order: 'at-once', gate, timeoutMs: CROWD_TIME }),
      ),
    );
    const all = performance.now() - started;
    const recovered = await rig.probe();
    rig.judge([]);
    return `${size} open after ${seconds(await opened)}, done after ${seconds(all)}, then ${seconds(recovered)}; ${await rig.settle()}`;
  });
}

/** Connections that say a byte now and then, or nothing: others do not notice. */
function misers(context: Context, [client, server]: readonly [Kind, Kind]): Promise<string> {
  return onRig(context, { client, server }, async (rig) => {
    const sockets = Array.from({ length: MISERS }, () => connect({ port: rig.port, host: '127.0.0.1', allowHalfOpen: true }));
    const ends = sockets.map(ended);
    await rig.target.opened(MISERS);
    const { failures } = await rig.bulk(context.random);
    let slowest = 0;
    for (let byte = 0; byte < MISER_BYTES; byte++) {
      // Every other one says nothing at all. The header of an exchange is longer than what the rest says.
      for (let index = 0; index < MISERS; index += 2) sockets[index]?.write(Uint8Array.of(byte));
      if (byte % 4 === 0) slowest = Math.max(slowest, await rig.probe());
      await pause(MISER_PAUSE);
    }
    for (const socket of sockets) socket.end();
    await Promise.all(ends);
    rig.judge(await failures, { cutAtTarget: true });
    return `${MISERS} misers, others took ${seconds(slowest)} at most; ${await rig.settle()}`;
  });
}

/** Resolves when a connection has ended in order; rejects when it broke. */
async function ended(socket: Socket): Promise<void> {
  socket.resume();
  await once(socket, 'end', { signal: AbortSignal.timeout(CROWD_TIME) });
}

/**
 * A target that accepts and never reads, applications that never read: others do not notice, and what waits is bounded. A client in Go grants two
 * streams all of its buffer and stops when they are stuck, so its applications read.
 */
function stuck(context: Context, [client, server]: readonly [Kind, Kind]): Promise<string> {
  let stalls = false;
  return onRig(context, { client, server, stalls: () => stalls }, async (rig) => {
    stalls = true;
    const senders = Array.from({ length: STUCK }, () => connect({ port: rig.port, host: '127.0.0.1' }));
    for (const socket of senders) {
      socket.on('error', () => {});
      pour(socket);
    }
    await until(CROWD_TIME, 'connections that the target leaves unread', () => rig.target.stats.stalled === STUCK);
    stalls = false;
    const receivers = Array.from({ length: client === 'ours' ? STUCK : 0 }, () => connect({ port: rig.port, host: '127.0.0.1' }));
    for (const socket of receivers) {
      socket.on('error', () => {});
      socket.pause();
      socket.write(demand(STUCK_BYTES));
    }
    await stopped([...senders, ...receivers]);
    const taken = Math.max(...senders.map((socket) => socket.bytesWritten - socket.writableLength));
    const beside = await rig.probe();
    const memory = (['client', 'server'] as const).map((role) => residentBytes(rig.pid(role)) / MIB);
    if (Math.max(...memory) > MEMORY_LIMIT_MIB)
      throw new Error(`with ${senders.length + receivers.length} stuck connections: rss ${memory.map(Math.round)} MiB`);
    for (const socket of [...senders, ...receivers]) socket.destroy();
    await pause(500);
    rig.target.endStalled();
    const recovered = await rig.probe();
    rig.judge([], { cutAtTarget: true });
    // A Go client goes on writing into a stream that its peer has closed and waits for a window that no longer opens; the connections
    // behind it stay until the session ends, as they do before a server in Go.
    const leftBehind = async (): Promise<string> => (client === 'ours' ? rig.settle() : 'what the Go client keeps is not judged');
    return (
      `others took ${seconds(beside)} beside ${senders.length + receivers.length} stuck ones (rss ${memory.map((size) => size.toFixed(0)).join('/')} MiB, ` +
      `${(taken / MIB).toFixed(1)} MiB taken), ${seconds(recovered)} after; ${await leftBehind()}`
    );
  });
}

/** Writes into a connection for as long as it takes any. */
function pour(socket: Socket): void {
  const chunk = new Uint8Array(64 * 1024);
  let written = 0;
  const write = (): void => {
    while (written < STUCK_BYTES && !socket.destroyed) {
      written += chunk.length;
      if (!socket.write(chunk)) {
        socket.once('drain', write);
        return;
      }
    }
  };
  write();
}

/** An exchange without an upload (see testkit's transfer-protocol.ts). */
function demand(download: number): Uint8Array {
  const header = new DataView(new ArrayBuffer(16));
  header.setUint32(4, download, true);
  return new Uint8Array(header.buffer);
}

/** Waits until nothing moves any more: every buffer on the way is full. */
async function stopped(sockets: readonly Socket[]): Promise<void> {
  let before = -1;
  for (let quiet = 0; quiet < 5; ) {
    await pause(100);
    const now = sockets.reduce((sum, socket) => sum + socket.writableLength - socket.bytesRead, 0);
    quiet = now === before ? quiet + 1 : 0;
    before = now;
  }
}
