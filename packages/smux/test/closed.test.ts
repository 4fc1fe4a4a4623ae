// Streams that are closed here and have bytes left, for a peer that reads later, or never.

import { describe, expect, test } from 'vitest';
import { MAX_CLOSED_BYTES, MAX_CLOSED_STREAMS, type SmuxStream } from '../src/index.ts';
import { Pair, pattern, readAll } from './support.ts';

const START = 262_144;

describe('a closed stream whose peer takes nothing any more', () => {
  const beyondWindow = 300_000;
  const second = 1000;

  /** A stream that its peer `does` something with, and the client closes with bytes behind its end. */
  function closeWithRest(pair: Pair, does: (far: SmuxStream) => void, bytes: Uint8Array = pattern(0, beyondWindow)): SmuxStream {
    const [near, far] = pair.open();
    near.write(bytes);
    near.end();
    does(far);
    pair.pump();
    near.close();
    return far;
  }

  /** Such a stream whose peer has closed, too. */
  function stuck(version: 1 | 2): Pair {
    const pair = new Pair({ version });
    closeWithRest(pair, (far) => far.close());
    pair.pump();
    return pair;
  }

  /** Takes and reports one chunk; returns its length. */
  function readChunk(stream: SmuxStream, pair: Pair): number {
    const chunk = stream.take();
    if (chunk === undefined) return 0;
    const length = chunk.end - chunk.start;
    stream.consumed(length);
    pair.pool.release(chunk);
    pair.pump();
    return length;
  }

  test('is kept for an hour, and sends what it has when its peer reads', () => {
    const pair = new Pair({ version: 2 });
    const far = closeWithRest(pair, (stream) => stream.end());
    for (let now = 0; now <= 3600 * second; now += 10 * second) {
      pair.client.handleTimeout(now);
      pair.server.handleTimeout(now);
      pair.pump();
    }
    let received = 0;
    for (let length = 1; length > 0; received += length) length = readChunk(far, pair);
    expect(received).toBe(beyondWindow);
    expect(far.finReceived).toBe(true);
    expect(pair.client.takeDropped()).toBe(0);
  });

  test('gives way to others when they have too many bytes, after a minute, without a FIN that would say that this was all', () => {
    const pair = new Pair({ version: 2 });
    const left = 1024 * 1024;
    for (let made = 0; made < 6; made++) {
      closeWithRest(pair, (far) => far.close(), pattern(0, beyondWindow + left));
      pair.client.handleTimeout(made * second);
    }
    for (let now = 10 * second; now <= 60 * second; now += 10 * second) {
      pair.client.handleTimeout(now);
      pair.server.handleTimeout(now);
      pair.pump();
    }
    expect(pair.client.streamCount).toBe(6);
    pair.client.handleTimeout(70 * second);
    pair.pump();
    const each = beyondWindow + left - START;
    const kept = Math.floor(MAX_CLOSED_BYTES / each);
    expect(pair.client.streamCount).toBe(kept);
    expect([pair.client.takeDropped(), pair.client.takeDropped()]).toEqual([6 - kept, 0]);
    expect(pair.client.stats.streamsDropped).toBe(6 - kept);
    expect(pair.toServer.filter(({ cmd }) => cmd === 1)).toEqual([]);
    expect(pair.client.closed).toBe(false);
  });

  test('gives way when they are too many', () => {
    const pair = new Pair({ version: 2 });
    const bytes = pattern(0, START + 100);
    for (let made = 0; made <= MAX_CLOSED_STREAMS + 9; made++) closeWithRest(pair, (far) => far.close(), bytes);
    for (const now of [0, 10, 60, 70]) pair.client.handleTimeout(now * second);
    expect(pair.client.streamCount).toBe(MAX_CLOSED_STREAMS);
  });

  test('is kept while its peer reads, however slowly', () => {
    const pair = new Pair({ version: 2 });
    const far = closeWithRest(pair, (stream) => stream.end());
    let received = 0;
    for (let now = 0, length = 1; length > 0; now += 50 * second, received += length) {
      pair.client.handleTimeout(now);
      pair.server.handleTimeout(now);
      pair.pump();
      length = readChunk(far, pair);
    }
    expect(received).toBe(beyondWindow);
    expect(far.finReceived).toBe(true);
    expect([pair.client.streamCount, pair.server.streamCount]).toEqual([0, 0]);
  });

  test('ends when a peer of this implementation resets the stream', () => {
    const pair = stuck(2);
    const far = closeWithRest(pair, () => {});
    pair.pump();
    expect(pair.client.streamCount).toBe(2);
    far.reset();
    pair.pump();
    expect([pair.client.streamCount, pair.server.streamCount]).toEqual([1, 0]);
  });

  test('learns that its peer takes nothing behind the last bytes of that peer', () => {
    const pair = new Pair({ version: 2 });
    const [near, far] = pair.open();
    near.write(pattern(0, beyondWindow));
    near.end();
    far.write(pattern(0, beyondWindow));
    far.end();
    pair.pump();
    far.close();
    let received = 0;
    for (let length = 1; length > 0; received += length) length = readChunk(near, pair);
    expect([received, near.finReceived, near.error?.code]).toEqual([beyondWindow, true, 'KCPTUN_ERR_SMUX_RESET']);
    near.close();
    pair.pump();
    expect([pair.client.streamCount, pair.server.streamCount]).toEqual([0, 0]);
  });

  test('is no matter with version 1, whose peer throws away what nobody reads', () => {
    const pair = stuck(1);
    expect([pair.client.streamCount, pair.server.streamCount]).toEqual([0, 0]);
  });
});

describe('the end of a stream that was cut short', () => {
  test('a close that drops bytes is no orderly end', () => {
    const pair = new Pair({ version: 2 });
    const [near, far] = pair.open();
    near.write(pattern(0, 100));
    pair.pump();
    near.write(pattern(0, 100));
    near.close();
    pair.pump();
    expect(readAll(far, pair.pool)).toHaveLength(100);
    expect([far.finReceived, far.error?.code]).toEqual([false, 'KCPTUN_ERR_SMUX_RESET']);
  });

  test('is answered once, though the owner of the other end waits with its reset', () => {
    const pair = new Pair({ version: 2 });
    const [near, far] = pair.open();
    near.write(pattern(0, 100));
    far.write(pattern(0, 300_000));
    pair.pump();
    near.reset();
    pair.pump();
    expect(pair.toClient.slice(-2).map(({ cmd, payload }) => [cmd, payload.length])).toEqual([
      [2, 0],
      [1, 0],
    ]);
    const answered = pair.toClient.length;
    far.reset();
    pair.pump();
    expect(pair.toClient).toHaveLength(answered);
    expect([pair.client.streamCount, pair.server.streamCount]).toEqual([0, 0]);
  });
});
