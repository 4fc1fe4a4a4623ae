// Life of sessions and streams: opening, half-close, closing, order of frames, events, errors.

import { ChunkPool } from '@kcptun/common';
import { describe, expect, test } from 'vitest';
import { SEND_HIGH_WATER, SEND_LOW_WATER, SmuxError, type SmuxStream } from '../src/index.ts';
import { concat, feed, frame, makeSession, output, Pair, parseFrames, pattern, Recorder, readAll, same, takeAll, upd } from './support.ts';

const cmds = (frames: readonly { cmd: number; sid: number }[]): string =>
  frames.map(({ cmd, sid }) => `${['SYN', 'FIN', 'PSH', 'NOP', 'UPD'][cmd]}${sid}`).join(' ');

const errorCode = (run: () => unknown): string | undefined => {
  try {
    run();
  } catch (error) {
    return error instanceof SmuxError ? error.code : String(error);
  }
  return undefined;
};

describe.each([1, 2] as const)('version %i', (version) => {
  test('withdraw: a stream of which nothing was handed out leaves no trace; any other stays', () => {
    const pair = new Pair({ version });
    const stream = pair.client.openStream(0);
    stream.write(pattern(0, 300));
    stream.write(pattern(300, 500));
    expect(stream.begun).toBe(false);
    expect(concat(stream.withdraw())).toEqual(pattern(0, 800));
    expect([stream.closed, pair.client.streamCount, stream.withdraw()]).toEqual([true, 0, []]);
    const next = pair.client.openStream(0);
    next.write(pattern(0, 10));
    const sink = new Recorder();
    pair.client.pollTransmit(sink);
    expect(cmds(parseFrames(sink.drain()))).toBe('SYN5 PSH5');
    expect(next.begun).toBe(true);
    expect([next.withdraw(), next.closed]).toEqual([[], false]);
  });

  test('half close: the other direction goes on until its own FIN', () => {
    const pair = new Pair({ version });
    const [near, far] = pair.open();
    near.write(pattern(0, 10));
    near.end();
    near.end();
    pair.pump();
    expect(far.finReceived).toBe(false);
    expect(pair.server.pollReadable()).toBe(far);
    expect(readAll(far, pair.pool)).toEqual(pattern(0, 10));
    expect(far.finReceived).toBe(true);
    far.write(pattern(0, 70_000));
    far.end();
    pair.pump();
    expect(far.closed).toBe(true);
    expect(near.closed).toBe(false);
    expect(same(readAll(near, pair.pool), pattern(0, 70_000))).toBe(true);
    expect([near.finReceived, near.closed, pair.client.streamCount, pair.server.streamCount]).toEqual([true, true, 0, 0]);
    expect([near.error, far.error]).toEqual([undefined, undefined]);
    expect(pair.pool.lent).toBe(0);
  });

  test('data that arrived before FIN survives both FINs', () => {
    const pair = new Pair({ version });
    const [near, far] = pair.open();
    far.write(pattern(0, 5000));
    far.end();
    near.end();
    pair.pump();
    expect(pair.client.streamCount).toBe(1);
    expect(same(readAll(near, pair.pool), pattern(0, 5000))).toBe(true);
    expect(pair.client.streamCount).toBe(0);
    expect(pair.client.receiveTokens).toBe(4_194_304);
  });

  test('bytes taken before the end still return their tokens when they are consumed after it', () => {
    const pair = new Pair({ version });
    const [near, far] = pair.open();
    far.write(pattern(0, 5000));
    far.end();
    near.end();
    pair.pump();
    takeAll(near, pair.pool);
    expect([near.closed, pair.client.receiveTokens]).toEqual([true, 4_194_304 - 5000]);
    near.consumed(2000);
    near.close();
    near.consumed(3000);
    expect(pair.client.receiveTokens).toBe(4_194_304);
  });

  test('close drops what was not sent and gives back what was not read', () => {
    const pair = new Pair({ version });
    const [near, far] = pair.open();
    far.write(pattern(0, 5000));
    pair.pump();
    near.write(pattern(0, 5000));
    near.close();
    near.close();
    expect([near.closed, near.bufferedAmount, pair.client.receiveTokens]).toEqual([true, 0, 4_194_304]);
    // The empty PSH tells a peer of ours that this was not all.
    expect(cmds(output(pair.client))).toBe(`PSH${near.sid} FIN${near.sid}`);
    expect(pair.client.streamCount).toBe(0);
    feed(pair.client, frame(version, 2, near.sid, [1, 2, 3]));
    expect(pair.client.stats.bytesDiscarded).toBe(3);
    expect(pair.pool.lent).toBe(0);
  });

  test('close after end still sends what was written before', () => {
    const pair = new Pair({ version });
    const [near, far] = pair.open();
    const data = pattern(0, 300_000);
    near.write(data);
    near.end();
    near.close();
    const parts: Uint8Array[] = [];
    for (let round = 0; round < 4; round++) {
      pair.pump();
      parts.push(readAll(far, pair.pool));
    }
    expect(same(concat(parts), data)).toBe(true);
    expect([far.finReceived, pair.client.streamCount]).toEqual([true, 0]);
  });

  test('a stream that is closed before its SYN was written still shows as SYN, FIN', () => {
    const client = makeSession(true, { version });
    client.openStream(0).close();
    expect(cmds(output(client))).toBe('SYN3 FIN3');
    expect(client.streamCount).toBe(0);
  });

  test('control frames go first, then streams with a frame or less, then the others', () => {
    const client = makeSession(true, { version, maxFrameSize: 10 });
    const streams = [client.openStream(0), client.openStream(0), client.openStream(0)] as const;
    streams[0].write(pattern(0, 30));
    streams[1].write(pattern(0, 5));
    streams[1].end();
    streams[2].write(pattern(0, 20));
    client.handleTimeout(10_000);
    expect(cmds(output(client))).toBe('NOP0 SYN3 SYN5 SYN7 PSH5 FIN5 PSH3 PSH3 PSH3 PSH7 PSH7');
    expect(client.hasOutput).toBe(false);
  });

  test('writing stops when the sink has no room; the last frame may exceed it', () => {
    const client = makeSession(true, { version });
    const stream = client.openStream(0);
    stream.write(pattern(0, 30_000));
    const sink = new Recorder(100);
    client.pollTransmit(sink);
    expect(parseFrames(sink.drain()).map((one) => one.payload.length)).toEqual([0, 8192]);
    sink.limit = 0;
    client.pollTransmit(sink);
    expect([sink.length, client.hasOutput, stream.bufferedAmount]).toEqual([0, true, 30_000 - 8192]);
  });

  test('small writes that wait are gathered into one frame; a sink with `frame` gets each frame whole', () => {
    const client = makeSession(true, { version, maxFrameSize: 100 });
    const stream = client.openStream(0);
    for (let i = 0; i < 30; i++) stream.write(pattern(i * 7, 7));
    const sink = new Recorder(50);
    client.pollTransmit(sink);
    const frames = parseFrames(sink.drain());
    expect(frames.map((one) => one.payload.length)).toEqual([0, 100]);
    const whole: string[] = [];
    client.pollTransmit({
      room: () => 1,
      write: () => expect.unreachable('frames come whole'),
      frame: (header, headerLength, payload, offset, length) => {
        whole.push(`${headerLength}+${length}`);
        frames.push(...parseFrames(Uint8Array.from([...header.subarray(0, headerLength), ...payload.subarray(offset, offset + length)])));
      },
    });
    expect(whole[0]).toBe('8+5');
    expect(whole.slice(1)).toEqual(new Array(15).fill('8+7'));
    expect(same(concat(frames.map((one) => one.payload)), pattern(0, 210))).toBe(true);
  });

  test('write tells when to stop, pollWritable when to go on and when nothing is lent any more', () => {
    const client = makeSession(true, { version, maxFrameSize: 16_384 });
    const stream = client.openStream(0);
    const half = new Uint8Array(SEND_HIGH_WATER / 2);
    expect(stream.write(half)).toBe(true);
    expect(stream.write(half)).toBe(false);
    const sink = new Recorder(1);
    const seen: number[] = [];
    while (client.hasOutput) {
      client.pollTransmit(sink);
      sink.drain();
      if (client.pollWritable() === stream) seen.push(stream.bufferedAmount);
    }
    expect(seen).toEqual([SEND_LOW_WATER, 0]);
    expect(client.pollWritable()).toBeUndefined();
  });

  test('what could not be sent of the last write moves to other memory; the memory that was lent is free', () => {
    const client = makeSession(true, { version, maxFrameSize: 1000 });
    const stream = client.openStream(0);
    const lent = pattern(0, 4000);
    stream.write(lent);
    expect(stream.lentAmount).toBe(4000);
    const sink = new Recorder(1500);
    client.pollTransmit(sink);
    const left = stream.bufferedAmount;
    expect([left, stream.lentAmount]).toEqual([2000, 2000]);
    expect(() => stream.moveLent(new Uint8Array(left - 1))).toThrow(RangeError);
    const moved = new Uint8Array(left + 5);
    stream.moveLent(moved);
    lent.fill(0);
    expect([stream.bufferedAmount, stream.lentAmount, stream.congested]).toEqual([left, 0, false]);
    stream.write(pattern(4000, 10));
    const frames = parseFrames(sink.drain());
    sink.limit = Number.POSITIVE_INFINITY;
    client.pollTransmit(sink);
    frames.push(...parseFrames(sink.drain()));
    expect(same(concat(frames.map((one) => one.payload)), pattern(0, 4010))).toBe(true);
    stream.moveLent(new Uint8Array(0));
    expect(stream.bufferedAmount).toBe(0);
  });

  test('pollReadable gives a stream once per change, and not before it was accepted', () => {
    const pool = new ChunkPool();
    const server = makeSession(false, { version }, pool);
    feed(server, frame(version, 0, 3));
    feed(server, frame(version, 2, 3, [1]));
    expect(server.pollReadable()).toBeUndefined();
    const stream = server.pollAccept();
    feed(server, frame(version, 2, 3, [2]));
    expect(server.pollReadable()).toBe(stream);
    expect(server.pollReadable()).toBeUndefined();
    feed(server, frame(version, 1, 3));
    feed(server, frame(version, 1, 3));
    expect(server.pollReadable()).toBe(stream);
    expect(takeAll(stream!, pool)).toEqual(Uint8Array.of(1, 2));
    stream?.close();
    expect(server.pollReadable()).toBeUndefined();
  });

  test('a part of a frame can be read before the rest arrives', () => {
    const pool = new ChunkPool();
    const server = makeSession(false, { version }, pool);
    const bytes = frame(version, 2, 3, [1, 2, 3, 4]);
    feed(server, frame(version, 0, 3));
    const stream = server.pollAccept()!;
    feed(server, bytes.subarray(0, 10));
    expect(readAll(stream, pool)).toEqual(Uint8Array.of(1, 2));
    feed(server, bytes.subarray(10));
    expect(readAll(stream, pool)).toEqual(Uint8Array.of(3, 4));
  });

  test('closing the session sends nothing, keeps received bytes readable and frees what was lent', () => {
    const pair = new Pair({ version });
    const [near, far] = pair.open();
    far.write(pattern(0, 100));
    pair.pump();
    near.write(pattern(0, 100));
    const waiting = pair.client.openStream(0);
    expect(pair.client.pollReadable()).toBe(near);
    pair.client.close();
    pair.client.close(new SmuxError('KCPTUN_ERR_SMUX_CONNECTION', 'too late'));
    expect([pair.client.closed, pair.client.error, pair.client.hasOutput, pair.client.wantsInput]).toEqual([true, undefined, false, false]);
    expect(output(pair.client)).toEqual([]);
    expect([near.closed, near.bufferedAmount, near.error?.code]).toEqual([true, 0, 'KCPTUN_ERR_SMUX_SESSION_CLOSED']);
    expect([pair.client.pollReadable(), pair.client.pollReadable()]).toEqual([near, waiting]);
    expect(near.write(pattern(0, 10))).toBe(false);
    expect(readAll(near, pair.pool)).toEqual(pattern(0, 100));
    expect(feed(pair.client, frame(version, 0, 9))).toBe(8);
    expect(pair.client.streamCount).toBe(0);
    expect(errorCode(() => pair.client.openStream(0))).toBe('KCPTUN_ERR_SMUX_SESSION_CLOSED');
    near.close();
    expect(near.bufferedAmount).toBe(0);
  });

  test('streams that nobody accepted leave no memory behind when the session ends', () => {
    const pool = new ChunkPool();
    const server = makeSession(false, { version }, pool);
    feed(server, frame(version, 0, 3));
    feed(server, frame(version, 2, 3, [1, 2, 3]));
    expect(pool.lent).toBe(1);
    const reason = new SmuxError('KCPTUN_ERR_SMUX_CONNECTION', 'connection is gone');
    server.close(reason);
    expect([pool.lent, server.pollAccept(), server.error]).toEqual([0, undefined, reason]);
  });

  test('programming errors', () => {
    const pair = new Pair({ version });
    const [near, far] = pair.open();
    far.write(pattern(0, 10));
    pair.pump();
    expect(() => near.consumed(1)).toThrow(RangeError);
    takeAll(near, pair.pool);
    near.consumed(10);
    expect(() => near.consumed(1)).toThrow(RangeError);
    expect(() => near.write([1] as unknown as Uint8Array)).toThrow(TypeError);
    expect(() => near.write(pattern(0, 10), 5, 6)).toThrow(RangeError);
    expect(near.write(pattern(0, 10), 10)).toBe(true);
    near.end();
    expect(errorCode(() => near.write(pattern(0, 1)))).toBe('KCPTUN_ERR_SMUX_WRITE_AFTER_END');
  });

  test('ids: odd for the client, even for the server, ids in use are passed over, and they end for good', () => {
    const client = makeSession(true, { version });
    const server = makeSession(false, { version });
    feed(client, frame(version, 0, 5));
    expect([client.openStream(1).sid, client.openStream(2).sid, client.openStream(3).openedAt]).toEqual([3, 7, 3]);
    expect([server.openStream(0).sid, server.openStream(0).sid]).toEqual([2, 4]);
    client.nextSid = 0xffff_fffd;
    expect([client.openStream(0).sid, client.openStream(0).sid]).toEqual([0xffff_fffd, 0xffff_ffff]);
    for (let i = 0; i < 2; i++) expect(() => client.openStream(0)).toThrow('stream id overflows, should start a new connection');
    expect(errorCode(() => client.openStream(0))).toBe('KCPTUN_ERR_SMUX_STREAM_IDS');
    expect(client.closed).toBe(false);
    server.nextSid = 0xffff_fffe;
    expect(server.openStream(0).sid).toBe(0xffff_fffe);
    expect(errorCode(() => server.openStream(0))).toBe('KCPTUN_ERR_SMUX_STREAM_IDS');
    expect(output(client).map((one) => one.sid)).toEqual([3, 7, 9, 0xffff_fffd, 0xffff_ffff]);
  });

  test('keepalive: NOP each interval, the peer is dead when a whole period brought nothing', () => {
    const session = makeSession(true, { version });
    const nops: number[] = [];
    for (let now = session.nextTimeout(); now !== undefined && now < 30_000; now = session.nextTimeout()) {
      session.handleTimeout(now);
      if (output(session).length > 0) nops.push(now);
    }
    expect(nops).toEqual([10_000, 20_000]);
    feed(session, frame(version, 3, 0), 29_000);
    session.handleTimeout(30_000);
    expect([session.closed, session.nextTimeout()]).toEqual([false, 40_000]);
    session.handleTimeout(59_999.5);
    expect(session.closed).toBe(false);
    session.handleTimeout(60_000);
    expect([session.error?.code, session.nextTimeout()]).toEqual(['KCPTUN_ERR_SMUX_TIMEOUT', undefined]);
    session.handleTimeout(90_000);
    expect(session.hasOutput).toBe(false);
  });

  test('keepalive: a frame or a chunk that takes longer than a period is a sign of life', () => {
    const session = makeSession(false, { version });
    feed(session, frame(version, 0, 3));
    feed(session, frame(version, 2, 3, [], 60_000));
    session.handleTimeout(30_000);
    feed(session, Uint8Array.of(1), 59_000);
    session.handleTimeout(60_000);
    session.handleSignOfLife();
    session.handleTimeout(90_000);
    expect(session.closed).toBe(false);
    session.handleTimeout(120_000);
    expect(session.error?.code).toBe('KCPTUN_ERR_SMUX_TIMEOUT');
  });

  test('keepalive: NOPs do not pile up, a late call sends one, 0 turns it off', () => {
    const session = makeSession(true, { version });
    session.handleTimeout(10_000);
    session.handleTimeout(25_000);
    expect(cmds(output(session))).toBe('NOP0');
    expect(session.nextTimeout()).toBe(30_000);
    const off = makeSession(true, { version, keepAliveInterval: 0 });
    off.handleTimeout(1e9);
    expect([off.nextTimeout(), off.hasOutput, off.closed]).toEqual([undefined, false, false]);
  });

  test('keepalive: a session that takes no input itself does not blame the peer', () => {
    const session = makeSession(false, { version, maxReceiveBuffer: 4, maxStreamBuffer: 4 });
    feed(session, frame(version, 0, 3));
    feed(session, frame(version, 2, 3, [1, 2, 3, 4]));
    session.handleTimeout(30_000);
    session.handleTimeout(60_000);
    expect([session.wantsInput, session.closed]).toEqual([false, false]);
    session.pollAccept()?.close();
    session.handleTimeout(90_000);
    expect(session.error?.code).toBe('KCPTUN_ERR_SMUX_TIMEOUT');
  });
});

test('a peer of another version is told apart from one that speaks no smux', () => {
  const server = makeSession(false, { version: 1 });
  feed(server, frame(2, 0, 3));
  expect(server.error).toMatchObject({ message: 'invalid protocol', seenVersion: 2, expectedVersion: 1 });
  const other = makeSession(false, { version: 2 });
  feed(other, Uint8Array.of(255, 6, 0, 0, 115, 78, 97, 80));
  expect(other.error).toMatchObject({ seenVersion: 255, expectedVersion: 2 });
});

test('a peer that claims to have consumed more than was sent fails the stream, not the session', () => {
  const pair = new Pair({ version: 2 });
  const [near] = pair.open();
  const other = pair.client.openStream(0);
  near.write(pattern(0, 300_000));
  pair.pump();
  feed(pair.client, upd(near.sid, 262_145, 1000));
  expect(near.error).toMatchObject({ code: 'KCPTUN_ERR_SMUX_CONSUMED', message: 'peer consumed more than sent' });
  expect([near.bufferedAmount, near.write(pattern(0, 1)), pair.client.closed]).toEqual([0, false, false]);
  expect(pair.client.pollReadable()).toBe(near);
  feed(pair.client, upd(near.sid, 500_000, 1000));
  expect(pair.client.pollReadable()).toBeUndefined();
  expect(cmds(output(pair.client))).toBe(`PSH${near.sid} FIN${near.sid}`);
  other.write(pattern(0, 1));
  expect(cmds(output(pair.client))).toBe(`PSH${other.sid}`);
});

test('an id that the peer uses again does not lose its new stream to the old one', () => {
  const server = makeSession(false, { version: 1 });
  feed(server, frame(1, 0, 3));
  const first = server.pollAccept() as SmuxStream;
  first.close();
  feed(server, frame(1, 0, 3));
  expect(server.stats.framesIgnored).toBe(1);
  output(server);
  feed(server, frame(1, 0, 3));
  expect(server.pollAccept()).not.toBe(first);
  expect(server.streamCount).toBe(1);
});
