// What connections go through: half-closes, resets, readers that stall, many at once. Every byte that arrives is the right one, and afterwards
// nothing is left.

import { once } from 'node:events';
import type net from 'node:net';
import { checkPattern, patternBytes } from '@kcptun/testkit';
import { keepAliveTimers, touch, transfer } from '@kcptun/testkit/node';
import { describe, expect, it } from 'vitest';
import { connect, listen, startWorld, until, type World } from './world.ts';

/** Everything a socket receives until its end, checked against the pattern of seed 3. */
function receivePattern(socket: net.Socket): { readonly length: number; readonly wrong: number; readonly ended: boolean } {
  const state = { length: 0, wrong: -1, ended: false };
  socket.on('data', (bytes) => {
    const at = checkPattern(bytes, 3, state.length);
    if (at >= 0 && state.wrong < 0) state.wrong = state.length + at;
    state.length += bytes.length;
  });
  socket.on('end', () => {
    state.ended = true;
  });
  return state;
}

/**
 * Resolves with the code of the error that ends a socket, or `undefined` when it is closed in order. Node tells a reset that it finds behind
 * unread bytes as an end; then nothing can be written any more.
 */
function endOf(socket: net.Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'EPIPE' ? 'ECONNRESET' : code));
    socket.once('close', () => resolve(undefined));
    socket.once('end', () => socket.write('x'));
  });
}

async function nothingLeft({ client, server }: World): Promise<void> {
  await until(() => client.stats().streams + server.stats().streams === 0);
  await until(() => client.stats().chunks + server.stats().chunks === 0);
  await until(() => [...client.stats().links, ...server.stats().links].every((link) => link.settled));
}

/** The far end of the one connection that a test makes. */
async function listenOnce(): Promise<{ readonly port: number; readonly far: Promise<net.Socket> }> {
  let accepted: (socket: net.Socket) => void = () => {};
  const far = new Promise<net.Socket>((resolve) => {
    accepted = resolve;
  });
  return { port: await listen((socket) => accepted(socket)), far };
}

describe.runIf(process.platform === 'linux')('TCP keepalive, by the timers of the kernel', () => {
  it.each([undefined, 20_000, 0])('option %s: of the application connection and of the target connection', async (tcpKeepAlive) => {
    const { port, far } = await listenOnce();
    const world = await startWorld({ targetPort: port, shared: tcpKeepAlive === undefined ? {} : { tcpKeepAlive } });
    connect(world.client.port);
    await far;
    await until(() => world.client.stats().streams + world.server.stats().streams === 2);
    const ours = [...keepAliveTimers(world.client.port).accepted, ...keepAliveTimers(port).connected];
    expect(ours.length).toBe(tcpKeepAlive === 0 ? 0 : 2);
    // Without native code the first question comes later (transport, keep-alive.ts).
    const most = ((tcpKeepAlive ?? 15_000) / 1000) * (process.env['KCPTUN_NO_NATIVE'] === '1' ? 10 : 1);
    for (const seconds of ours) expect(seconds).toBeLessThanOrEqual(most);
  });
});

describe('half-close', () => {
  it('lets each direction end by itself, the application first', async () => {
    const { port, far } = await listenOnce();
    const world = await startWorld({ targetPort: port });
    const near = connect(world.client.port);
    const back = receivePattern(near);
    near.end(patternBytes(100_000, 3));
    const socket = await far;
    const forth = receivePattern(socket);
    await until(() => forth.ended);
    expect(forth).toEqual({ length: 100_000, wrong: -1, ended: true });
    expect(back.ended).toBe(false);
    socket.end(patternBytes(200_000, 3));
    await until(() => back.ended);
    expect(back).toEqual({ length: 200_000, wrong: -1, ended: true });
    await nothingLeft(world);
  });

  it('lets each direction end by itself, the target first', async () => {
    const { port, far } = await listenOnce();
    const world = await startWorld({ targetPort: port });
    const near = connect(world.client.port);
    const back = receivePattern(near);
    near.write(patternBytes(1000, 3));
    const socket = await far;
    const forth = receivePattern(socket);
    socket.end();
    await until(() => back.ended);
    near.end(patternBytes(500_000, 3).subarray(1000));
    await until(() => forth.ended);
    expect(forth).toEqual({ length: 500_000, wrong: -1, ended: true });
    await nothingLeft(world);
  });

  it('passes on an end without a byte', async () => {
    const world = await startWorld();
    await touch({ port: world.client.port });
    expect(world.target.stats.empty).toBe(1);
    await nothingLeft(world);
  });
});

describe('reset', () => {
  it('by the application in the middle resets the connection to the target', async () => {
    const { port, far } = await listenOnce();
    const world = await startWorld({ targetPort: port });
    const near = connect(world.client.port);
    near.write(patternBytes(3_000_000, 3));
    const socket = await far;
    const forth = receivePattern(socket);
    await until(() => forth.length > 100_000);
    const end = endOf(socket);
    near.resetAndDestroy();
    expect(await end).toBe('ECONNRESET');
    expect(forth.wrong).toBe(-1);
    await nothingLeft(world);
  });

  it('by the target in the middle resets the connection to the application, behind what had come', async () => {
    const { port, far } = await listenOnce();
    const world = await startWorld({ targetPort: port });
    const near = connect(world.client.port);
    near.write('x');
    const back = receivePattern(near);
    const socket = await far;
    // More than the system and the tunnel can hold: the reset cuts something off.
    socket.write(patternBytes(60_000_000, 3));
    await until(() => back.length > 100_000);
    const end = endOf(near);
    socket.resetAndDestroy();
    expect(await end).toBe('ECONNRESET');
    expect(back.wrong).toBe(-1);
    expect(back.length).toBeLessThan(60_000_000);
    await nothingLeft(world);
  });
});

describe('a reset of a quiet connection', () => {
  it.each(['the application', 'the target'])('by %s is passed on and told in one line', async (who) => {
    const { port, far } = await listenOnce();
    const world = await startWorld({ targetPort: port });
    const near = connect(world.client.port);
    near.write('x');
    const socket = await far;
    await once(socket, 'data');
    (who === 'the target' ? socket : near).resetAndDestroy();
    const other = who === 'the target' ? near : socket;
    other.resume();
    expect(await endOf(other)).toBe('ECONNRESET');
    await nothingLeft(world);
    const log = who === 'the target' ? world.serverLog : world.clientLog;
    expect(log.matching(/^pipe: read ECONNRESET in: /)).toHaveLength(1);
  });
});

describe('a target that cannot be reached', () => {
  it('resets each connection with one line that says why, and the session lives on', async () => {
    const world = await startWorld({ targetPort: 1 });
    for (let round = 0; round < 3; round++) {
      const near = connect(world.client.port);
      near.resume();
      near.end(patternBytes(5000, 3));
      expect(await endOf(near)).toBe('ECONNRESET');
    }
    expect(world.serverLog.troubles).toEqual(Array(3).fill('the target cannot be reached: connect ECONNREFUSED 127.0.0.1:1'));
    expect(world.clientLog.troubles).toEqual([]);
    expect(world.client.stats().links).toHaveLength(1);
    await nothingLeft(world);
  });
});

describe('back-pressure', () => {
  /** Most that may be under way between two sockets: windows of smux and KCP, both ends' queues, and what two kernels hold for a loopback connection. */
  const UNDER_WAY = 20_000_000;

  it.each([1, 2] as const)('holds a sender whose target does not read, smux %i', async (version) => {
    const { port, far } = await listenOnce();
    const world = await startWorld({ targetPort: port, shared: { smux: { version } } });
    const near = connect(world.client.port);
    const total = 40_000_000;
    const bytes = patternBytes(1_000_000, 3);
    for (let at = 0; at < total; at += bytes.length) near.write(at === 0 ? bytes : patternBytes(bytes.length, 3, at));
    near.end();
    const socket = await far;
    let before = -1;
    let quiet = 0;
    // Bytes stop flowing: the same count in ten looks 30 ms apart.
    while (quiet < 10) {
      const sent = near.bytesWritten - near.writableLength;
      quiet = sent === before ? quiet + 1 : 0;
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    expect(before).toBeLessThan(UNDER_WAY);
    // smuxbuf is the limit of what the server holds: 4 MiB in chunks of 64 KiB, and some that are not full.
    expect(world.server.stats().chunks).toBeLessThan(80);
    const forth = receivePattern(socket);
    await until(() => forth.ended);
    expect(forth).toEqual({ length: total, wrong: -1, ended: true });
    near.resume();
    socket.end();
    await nothingLeft(world);
  });

  it('delivers everything to an application that reads slowly', async () => {
    const { port, far } = await listenOnce();
    const slow = await startWorld({ targetPort: port });
    const near = connect(slow.client.port);
    near.write('x');
    (await far).end(patternBytes(4_000_000, 3));
    const back = receivePattern(near);
    near.pause();
    while (!back.ended) {
      near.resume();
      await new Promise((resolve) => setTimeout(resolve, 1));
      near.pause();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(back).toEqual({ length: 4_000_000, wrong: -1, ended: true });
    near.end();
    await nothingLeft(slow);
  });

  it('of stalled streams leaves a busy one alone with smux 2', async () => {
    const stalled: net.Socket[] = [];
    const port = await listen((socket) => {
      // A connection that begins with 's' is never read again.
      socket.once('data', (first) => {
        if (first[0] === 0x73) {
          socket.pause();
          stalled.push(socket);
        } else {
          socket.write(first.subarray(1));
          socket.pipe(socket);
        }
      });
    });
    const world = await startWorld({ targetPort: port });
    for (let index = 0; index < 4; index++) {
      const near = connect(world.client.port);
      near.write('s');
      near.write(patternBytes(12_000_000, 3));
    }
    await until(() => stalled.length === 4);
    const busy = connect(world.client.port);
    const back = receivePattern(busy);
    busy.write('b');
    busy.end(patternBytes(6_000_000, 3));
    await until(() => back.ended);
    expect(back).toEqual({ length: 6_000_000, wrong: -1, ended: true });
    expect(world.client.stats().links).toHaveLength(1);
  });
});

describe('many connections', () => {
  it('200 one after the other', async () => {
    const world = await startWorld();
    for (let seed = 0; seed < 200; seed++) await transfer({ port: world.client.port, upload: 100, download: 100, seed });
    expect(world.target.stats).toMatchObject({ connections: 200, answered: 200 });
    await nothingLeft(world);
  });

  it('100 at once, the session opened by all of them together', async () => {
    const world = await startWorld();
    await Promise.all(
      Array.from({ length: 100 }, (_, seed) => transfer({ port: world.client.port, upload: 10_000, download: 10_000, seed })),
    );
    expect(world.target.stats).toMatchObject({ connections: 100, answered: 100 });
    expect(world.server.stats().links).toHaveLength(1);
    await nothingLeft(world);
  });
});
