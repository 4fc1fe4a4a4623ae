// Who sends next: turns of streams with much to send, small ones before them, and neither stops the other.

import { describe, expect, test } from 'vitest';
import { BULK_TURN } from '../src/limits.ts';
import type { SmuxStream } from '../src/stream.ts';
import { feed, makeSession, parseFrames, Recorder, upd } from './support.ts';

const FRAME = 8192;
const TURN = BULK_TURN / FRAME;

/** A client with streams whose SYNs are sent. */
function streamsOf(count: number): { streams: SmuxStream[]; next: (frames: number) => number[] } {
  const client = makeSession(true, { version: 1 });
  const streams = Array.from({ length: count }, () => client.openStream(0));
  const sink = new Recorder(1);
  const next = (frames: number): number[] => {
    const sids: number[] = [];
    while (sids.length < frames && client.hasOutput) {
      sink.limit = sink.length + 1;
      client.pollTransmit(sink);
      for (const { sid, payload } of parseFrames(sink.drain()))
        if (payload.length > 0) sids.push(streams.findIndex((one) => one.sid === sid));
    }
    return sids;
  };
  for (let index = 0; index < count; index++) {
    sink.limit = 1;
    client.pollTransmit(sink);
    sink.drain();
  }
  return { streams, next };
}

const repeat = (value: number, times: number): number[] => new Array<number>(times).fill(value);

describe('streams that send', () => {
  test('much take turns of 64 KiB', () => {
    const { streams, next } = streamsOf(3);
    for (const stream of streams) stream.write(new Uint8Array(2 * BULK_TURN));
    const round = [...repeat(0, TURN), ...repeat(1, TURN), ...repeat(2, TURN)];
    expect(next(100)).toEqual([...round, ...round]);
  });

  test('a little go before them, in the middle of a turn as well', () => {
    const { streams, next } = streamsOf(3);
    streams[0]!.write(new Uint8Array(10 * FRAME));
    streams[1]!.write(new Uint8Array(10 * FRAME));
    expect(next(3)).toEqual([0, 0, 0]);
    streams[2]!.write(new Uint8Array(50));
    expect(next(100)).toEqual([2, ...repeat(0, TURN - 3), ...repeat(1, TURN), 0, 0, 1, 1]);
  });

  test('a little again and again get no more than those with much', () => {
    const { streams, next } = streamsOf(3);
    streams[0]!.write(new Uint8Array(100 * FRAME));
    const sent: number[] = [];
    while (sent.length < 200) {
      for (const stream of [streams[1]!, streams[2]!]) if (stream.bufferedAmount === 0) stream.write(new Uint8Array(FRAME));
      sent.push(...next(1));
    }
    const bulk = sent.filter((index) => index === 0).length;
    expect(bulk).toBeGreaterThanOrEqual((200 - TURN) / 2 - 1);
    expect(sent.filter((index) => index === 1).length).toBeGreaterThan(40);
  });

  test('one that can send no more leaves its turn to the next', () => {
    const { streams, next } = streamsOf(2);
    streams[0]!.write(new Uint8Array(2 * FRAME));
    streams[1]!.write(new Uint8Array(2 * FRAME));
    expect(next(1)).toEqual([0]);
    streams[0]!.close();
    expect(next(100)).toEqual([1, 1]);
  });

  test('a little leave although they have had their share, when those with much have lost their windows', () => {
    const client = makeSession(true, { version: 2 });
    const [much, little] = [client.openStream(0), client.openStream(0)];
    const sink = new Recorder(1);
    /** The streams of the frames that one call sends, at most one frame of payload. */
    const poll = (): number[] => {
      sink.limit = sink.length + 1;
      client.pollTransmit(sink);
      return parseFrames(sink.drain()).map(({ sid }) => sid);
    };
    expect([poll(), poll()]).toEqual([[much.sid], [little.sid]]);
    much.write(new Uint8Array(2 * BULK_TURN));
    for (let turn = 0; turn < TURN; turn++) {
      little.write(new Uint8Array(FRAME));
      expect(poll()).toEqual([little.sid]);
    }
    feed(client, upd(much.sid, 0, 0));
    little.write(new Uint8Array(1));
    expect(poll()).toEqual([little.sid]);
  });
});
