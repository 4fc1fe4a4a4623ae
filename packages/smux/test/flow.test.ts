// Flow control: the session's bucket, the windows of version 2, stalled streams, counters that wrap, limits.

import { ChunkPool } from '@kcptun/common';
import { describe, expect, test } from 'vitest';
import { MAX_REFUSALS, MIN_WINDOW, parseSmuxConfig, type SmuxSession, type SmuxStream } from '../src/index.ts';
import { ReceiveBudget, ReceiveWindow } from '../src/receive-budget.ts';
import { SendWindow } from '../src/send-window.ts';
import { concat, feed, frame, makeSession, output, Pair, pattern, readAll, same, takeAll, upd } from './support.ts';

const MIB = 1_048_576;
const START = 262_144;

/** The last window that a session announced for a stream. */
const announced = (pair: Pair, sid: number): number | undefined => {
  const last = pair.toClient.filter((one) => one.cmd === 4 && one.sid === sid).at(-1);
  return last && new DataView(last.payload.buffer, last.payload.byteOffset).getUint32(4, true);
};

describe('the bucket', () => {
  test('stops between frames, may go below zero by one frame, and starts again when bytes were consumed', () => {
    const pool = new ChunkPool();
    const server = makeSession(false, { version: 1, maxReceiveBuffer: 100, maxStreamBuffer: 100 }, pool);
    const psh = frame(1, 2, 3, pattern(0, 60));
    const input = concat([frame(1, 0, 3), psh, psh, psh]);
    expect(feed(server, input)).toBe(8 + 68 + 68);
    expect([server.receiveTokens, server.wantsInput]).toEqual([-20, false]);
    const stream = server.pollAccept() as SmuxStream;
    takeAll(stream, pool);
    expect(server.wantsInput).toBe(false);
    stream.consumed(20);
    expect(server.wantsInput).toBe(false);
    stream.consumed(1);
    expect(server.wantsInput).toBe(true);
    expect(feed(server, psh)).toBe(68);
    stream.close();
    expect(server.receiveTokens).toBe(100);
  });

  test('a frame that has begun is taken to its end', () => {
    const server = makeSession(false, { version: 1, maxReceiveBuffer: 100, maxStreamBuffer: 100 });
    const psh = frame(1, 2, 3, pattern(0, 200));
    feed(server, frame(1, 0, 3));
    feed(server, psh.subarray(0, 150));
    expect([server.receiveTokens, server.wantsInput]).toEqual([-42, true]);
    expect(feed(server, psh.subarray(150))).toBe(58);
    expect(server.wantsInput).toBe(false);
    expect(feed(server, psh.subarray(0, 3))).toBe(0);
  });

  test('version 1: a stalled stream holds the session, and lets go of it', () => {
    const pair = new Pair({ version: 1 });
    const [stalled] = pair.open();
    const [near, far] = pair.open();
    stalled.write(new Uint8Array(6 * MIB));
    pair.pump();
    expect(pair.server.wantsInput).toBe(false);
    near.write(pattern(0, 10));
    pair.pump();
    expect(readAll(far, pair.pool)).toHaveLength(0);
    const atServer = pair.server.pollReadable() as SmuxStream;
    for (let i = 0; i < 2; i++) {
      readAll(atServer, pair.pool);
      pair.pump();
    }
    expect(readAll(far, pair.pool)).toEqual(pattern(0, 10));
    atServer.close();
    expect(pair.server.receiveTokens).toBe(4 * MIB);
  });
});

describe('windows of version 2', () => {
  test('the owner is told when the rest of its bytes has to wait for the window, and when they are sent', () => {
    const client = makeSession(true, { version: 2 });
    const stream = client.openStream(0);
    stream.write(new Uint8Array(START + 1000));
    output(client);
    expect([client.pollWritable(), stream.windowClosed, stream.bufferedAmount]).toEqual([stream, true, 1000]);
    expect(client.pollWritable()).toBeUndefined();
    feed(client, upd(stream.sid, START, START));
    output(client);
    expect([client.pollWritable(), stream.windowClosed, stream.bufferedAmount]).toEqual([stream, false, 0]);
  });

  test('upstream’s window while there is room, half of what the others leave otherwise', () => {
    const pair = new Pair({ version: 2 });
    const windows: (number | undefined)[] = [];
    for (let i = 0; i < 8; i++) {
      const [near, far] = pair.open();
      near.write(pattern(0, 10));
      pair.pump();
      readAll(far, pair.pool);
      pair.pump();
      windows.push(announced(pair, near.sid));
    }
    expect(windows.map((window) => Number(window) / MIN_WINDOW)).toEqual([32, 16, 8, 4, 2, 1, 1, 1]);
  });

  test('streams that stall one after the other stop only their own senders', () => {
    const pair = new Pair({ version: 2 });
    const stalled: SmuxStream[] = [];
    for (let i = 0; i < 8; i++) {
      const [near, far] = pair.open();
      near.write(pattern(0, 1000));
      pair.pump();
      readAll(far, pair.pool);
      near.write(new Uint8Array(4 * MIB));
      stalled.push(near);
      pair.pump(16_384);
    }
    expect(stalled.every((stream) => stream.bufferedAmount > 0)).toBe(true);
    expect(pair.server.receiveTokens).toBeGreaterThan(0);
    expectFlow(pair, 6 * MIB);
  });

  test('streams that stall at the same time stop only their own senders', () => {
    const pair = new Pair({ version: 2 });
    const stalled: SmuxStream[] = [];
    for (let i = 0; i < 12; i++) {
      const [near, far] = pair.open();
      near.write(pattern(0, 1000));
      pair.pump();
      readAll(far, pair.pool);
      stalled.push(near);
    }
    pair.pump();
    for (const near of stalled) near.write(new Uint8Array(4 * MIB));
    pair.pump(16_384);
    expect(stalled.every((stream) => stream.bufferedAmount > 0)).toBe(true);
    expect(pair.server.receiveTokens).toBeGreaterThan(0);
    expectFlow(pair, 6 * MIB);
  });

  test('a slow reader is set back while others are active, and raised when it has caught up', () => {
    const pair = new Pair({ version: 2 });
    const [other, otherFar] = pair.open();
    other.write(pattern(0, 10));
    pair.pump();
    readAll(otherFar, pair.pool);
    const [near, far] = pair.open();
    near.write(pattern(0, 10));
    pair.pump();
    readAll(far, pair.pool);
    pair.pump();
    expect(announced(pair, near.sid)).toBe(MIB);
    near.write(new Uint8Array(2 * MIB));
    pair.pump(16_384);
    expect(announced(pair, near.sid)).toBe(START);
    expect(near.bufferedAmount).toBeGreaterThan(MIB);
    for (let i = 0; i < 20; i++) {
      readAll(far, pair.pool);
      pair.pump(16_384);
    }
    expect([near.bufferedAmount, announced(pair, near.sid)]).toEqual([0, MIB]);
  });

  test('idle streams do not take room from busy ones', () => {
    const pair = new Pair({ version: 2 });
    const idle: [SmuxStream, SmuxStream][] = [];
    for (let i = 0; i < 20; i++) {
      const ends = pair.open();
      ends[0].write(pattern(0, 10));
      pair.pump();
      readAll(ends[1], pair.pool);
      idle.push(ends);
    }
    const [near, far] = pair.open();
    near.write(new Uint8Array(8 * MIB));
    for (let round = 0; near.bufferedAmount > 0; round++) {
      expect(round).toBeLessThan(1000);
      pair.pump(65_536);
      readAll(far, pair.pool);
    }
    pair.pump();
    expect(announced(pair, near.sid)).toBe(2 * MIB);
    // One that wakes up is told its new, smaller window with its first read.
    const [woken, wokenFar] = idle[0]!;
    expect(announced(pair, woken.sid)).toBe(2 * MIB);
    woken.write(pattern(10, 10));
    pair.pump();
    readAll(wokenFar, pair.pool);
    pair.pump();
    expect(announced(pair, woken.sid)).toBe(MIB);
  });

  test('a waiting UPD carries the values of the moment when it is written', () => {
    const pair = new Pair({ version: 2 });
    const [near, far] = pair.open();
    near.write(pattern(0, 100));
    pair.pump();
    takeAll(far, pair.pool);
    far.consumed(40);
    far.consumed(60);
    expect(output(pair.server).map((one) => [...one.bytes])).toEqual([[...upd(near.sid, 100, 2 * MIB)]]);
  });

  test('no UPD once the peer has ended', () => {
    const pair = new Pair({ version: 2 });
    const [near, far] = pair.open();
    near.write(pattern(0, 100));
    pair.pump();
    takeAll(far, pair.pool);
    far.consumed(10);
    near.end();
    feed(pair.server, concat(output(pair.client).map((one) => one.bytes)));
    far.consumed(90);
    expect(output(pair.server)).toEqual([]);
    expect(pair.server.receiveTokens).toBe(4 * MIB);
  });

  test('the budget is back to its base when all streams are gone', () => {
    const budget = new ReceiveBudget(parseSmuxConfig());
    const windows = Array.from({ length: 5 }, () => new ReceiveWindow());
    for (const window of windows) budget.receive(window, 1000);
    budget.consume(windows[0]!, 1000);
    budget.consume(windows[1]!, 1000);
    budget.consume(windows[2]!, 400);
    for (const window of windows) budget.announce(window);
    budget.receive(windows[1]!, 10);
    budget.finish(windows[1]!);
    budget.finish(windows[2]!);
    budget.consume(windows[2]!, 600);
    for (const window of windows) budget.release(window);
    expect([budget.tokens, budget.counted]).toEqual([4 * MIB, 0]);
  });
});

/** Sends through a new stream whose reader keeps up. */
function expectFlow(pair: Pair, total: number): void {
  const [near, far] = pair.open();
  const block = pattern(0, 65_536);
  let sent = 0;
  let received = 0;
  for (let round = 0; received < total && round < 2000; round++) {
    if (near.bufferedAmount === 0 && sent < total) {
      near.write(block);
      sent += block.length;
    }
    pair.pump(16_384);
    const bytes = readAll(far, pair.pool);
    for (let at = 0; at < bytes.length; at += 1000) expect(bytes[at]).toBe(block[(received + at) & 65_535]);
    received += bytes.length;
  }
  expect(received).toBe(total);
}

describe('counters that wrap', () => {
  test('send window across 2^32', () => {
    const window = new SendWindow(true);
    expect(window.available).toBe(START);
    window.sent(0xffff_ff00);
    expect(window.update(0xffff_ff00, 1000)).toBe(true);
    expect(window.available).toBe(1000);
    window.sent(1000);
    expect(window.available).toBe(0);
    expect(window.update(500, 0x7fff_ffff)).toBe(true);
    expect(window.available).toBe(0x7fff_ffff - 244);
    expect(window.update(745, 1000)).toBe(false);
    expect(window.update(744, 0xffff_ffff)).toBe(true);
    expect(window.available).toBe(-1);
  });

  test('a stream beyond 4 GiB: receiver and sender wrap alike', () => {
    const pair = new Pair({ version: 2 });
    const [near, far] = pair.open();
    const done = 0xffff_8000;
    near.sendWindow.sent(done);
    near.handleUpdate(done, START);
    far.receiveWindow.numRead = done;
    const data = pattern(0, 3 * MIB);
    near.write(data);
    const parts: Uint8Array[] = [];
    for (let i = 0; i < 10; i++) {
      pair.pump(65_536);
      parts.push(readAll(far, pair.pool));
    }
    expect(same(concat(parts), data)).toBe(true);
    expect([near.error, near.bufferedAmount]).toEqual([undefined, 0]);
    expect(far.receiveWindow.numRead).toBe((done + data.length) >>> 0);
  });

  test('version 1 has no window', () => {
    const window = new SendWindow(false);
    window.sent(0xffff_ffff);
    expect(window.available).toBeGreaterThan(0xffff_ffff);
  });
});

describe('limits', () => {
  test('a full backlog stops the input, and accepting lets it go on without a new byte', () => {
    const server = makeSession(false, { version: 1, acceptBacklog: 2 });
    const input = concat([3, 5, 7, 9].map((sid) => frame(1, 0, sid)));
    expect(feed(server, input)).toBe(24);
    expect([server.wantsInput, server.streamCount]).toEqual([false, 2]);
    expect(feed(server, input.subarray(24))).toBe(0);
    expect([server.pollAccept()?.sid, server.wantsInput, server.streamCount]).toEqual([3, true, 3]);
    expect(feed(server, input.subarray(24))).toBe(8);
    expect([5, 7, 9].map(() => server.pollAccept()?.sid)).toEqual([5, 7, 9]);
    expect([server.pollAccept(), server.wantsInput]).toEqual([undefined, true]);
  });

  test('streams beyond the limit are answered with FIN, without an answer beyond the limit of answers', () => {
    const server = makeSession(false, { version: 2, maxStreams: 2 });
    for (let sid = 1; sid <= 3 + MAX_REFUSALS; sid++) feed(server, concat([frame(2, 0, sid), frame(2, 2, sid, [1, 2])]));
    expect([server.streamCount, server.stats.streamsRefused, server.wantsInput]).toEqual([2, MAX_REFUSALS + 1, true]);
    expect(server.stats.bytesDiscarded).toBe(2 * (MAX_REFUSALS + 1));
    const answers = output(server);
    expect(answers.map((one) => one.cmd)).toEqual(new Array(MAX_REFUSALS).fill(1));
    expect(answers[0]?.sid).toBe(3);
    expect(() => server.openStream(0)).toThrow(
      expect.objectContaining({ code: 'KCPTUN_ERR_SMUX_TOO_MANY_STREAMS', message: '2 streams are open already' }),
    );
    server.pollAccept()?.close();
    output(server);
    feed(server, frame(2, 0, 9999));
    expect(server.streamCount).toBe(2);
  });

  test('streams that are opened and closed while nothing can be sent still count', () => {
    const server: SmuxSession = makeSession(false, { version: 1, maxStreams: 10 });
    for (let sid = 3; sid < 103; sid += 2) {
      feed(server, frame(1, 0, sid));
      server.pollAccept()?.close();
    }
    expect([server.streamCount, server.stats.streamsRefused]).toEqual([10, 40]);
  });

  test('a reset drops what waits and tells a peer of our kind; what was sent before it can still be read', () => {
    const pair = new Pair({ version: 2 });
    const [near, far] = pair.open();
    near.write(pattern(0, 100));
    pair.pump();
    near.write(new Uint8Array(6 * MIB));
    near.reset();
    near.reset();
    pair.pump();
    expect(pair.toServer.slice(-2).map(({ cmd, payload }) => [cmd, payload.length])).toEqual([
      [2, 0],
      [1, 0],
    ]);
    expect(far.error?.code).toBe('KCPTUN_ERR_SMUX_RESET');
    expect(readAll(far, pair.pool)).toHaveLength(100);
  });

  test('data behind FIN is thrown away', () => {
    const pool = new ChunkPool();
    const server = makeSession(false, { version: 2 }, pool);
    feed(server, concat([frame(2, 0, 3), frame(2, 1, 3), frame(2, 2, 3, [1, 2, 3])]));
    expect([pool.lent, server.receiveTokens, server.stats.bytesDiscarded]).toEqual([0, 4 * MIB, 3]);
  });
});

test.each([1, 2] as const)('1000 streams at once, version %i', (version) => {
  const pair = new Pair({ version });
  const ends = Array.from({ length: 1000 }, () => pair.open());
  const data = pattern(0, 3000);
  for (const [near, far] of ends) {
    near.write(data);
    near.end();
    far.write(data, 1000);
    far.end();
  }
  pair.pump();
  for (const [near, far] of ends) {
    expect(same(readAll(far, pair.pool), data)).toBe(true);
    expect(same(readAll(near, pair.pool), data.subarray(1000))).toBe(true);
  }
  expect([pair.client.streamCount, pair.server.streamCount, pair.pool.lent]).toEqual([0, 0, 0]);
  expect([pair.client.receiveTokens, pair.server.receiveTokens]).toEqual([4 * MIB, 4 * MIB]);
});
