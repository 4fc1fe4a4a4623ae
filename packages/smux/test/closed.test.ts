// Streams that are closed here and have bytes left, for a peer that reads later, or never.

import { describe, expect, test } from 'vitest';
import { MAX_CLOSED_BYTES, MAX_CLOSED_STREAMS } from '../src/index.ts';
import { Pair, pattern } from './support.ts';

const START = 262_144;

describe('a closed stream whose peer takes nothing any more', () => {
  const beyondWindow = 300_000;
  const second = 1000;

  /** A stream with more bytes than the window, ended and closed here; the peer has closed, too. */
  function stuck(version: 1 | 2): Pair {
    const pair = new Pair({ version });
    const [near, far] = pair.open();
    near.write(pattern(0, beyondWindow));
    near.end();
    far.close();
    pair.pump();
    near.close();
    pair.pump();
    return pair;
  }

  test('is kept for an hour, and sends what it has when its peer reads', () => {
    const pair = new Pair({ version: 2 });
    const [near, far] = pair.open();
    near.write(pattern(0, beyondWindow));
    near.end();
    far.end();
    pair.pump();
    near.close();
    for (let now = 0; now <= 3600 * second; now += 10 * second) {
      pair.client.handleTimeout(now);
      pair.server.handleTimeout(now);
      pair.pump();
    }
    let received = 0;
    while (received < beyondWindow) {
      const chunk = far.take()!;
      received += chunk.end - chunk.start;
      far.consumed(chunk.end - chunk.start);
      pair.pool.release(chunk);
      pair.pump();
    }
    expect(far.finReceived).toBe(true);
    expect(pair.client.takeDropped()).toBe(0);
  });

  test('gives way to others when they have too many bytes, after a minute, without a FIN that would say that this was all', () => {
    const pair = new Pair({ version: 2 });
    const left = 1024 * 1024;
    for (let made = 0; made < 6; made++) {
      const [near, far] = pair.open();
      near.write(pattern(0, beyondWindow + left));
      near.end();
      far.close();
      pair.pump();
      near.close();
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
    for (let made = 0; made <= MAX_CLOSED_STREAMS + 9; made++) {
      const [near, far] = pair.open();
      near.write(bytes);
      near.end();
      far.close();
      pair.pump();
      near.close();
    }
    for (const now of [0, 10, 60, 70]) pair.client.handleTimeout(now * second);
    expect(pair.client.streamCount).toBe(MAX_CLOSED_STREAMS);
  });

  test('is kept while its peer reads, however slowly', () => {
    const pair = new Pair({ version: 2 });
    const [near, far] = pair.open();
    near.write(pattern(0, beyondWindow));
    near.end();
    far.end();
    pair.pump();
    near.close();
    let received = 0;
    for (let now = 0; received < beyondWindow; now += 50 * second) {
      pair.client.handleTimeout(now);
      pair.server.handleTimeout(now);
      pair.pump();
      const chunk = far.take()!;
      received += chunk.end - chunk.start;
      far.consumed(chunk.end - chunk.start);
      pair.pool.release(chunk);
      pair.pump();
    }
    expect(far.finReceived).toBe(true);
    expect([pair.client.streamCount, pair.server.streamCount]).toEqual([0, 0]);
  });

  test('ends when a peer of this implementation resets the stream', () => {
    const pair = stuck(2);
    const [near, far] = pair.open();
    near.write(pattern(0, beyondWindow));
    near.end();
    pair.pump();
    near.close();
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
    for (let chunk = near.take(); chunk !== undefined; chunk = near.take()) {
      received += chunk.end - chunk.start;
      near.consumed(chunk.end - chunk.start);
      pair.pool.release(chunk);
      pair.pump();
    }
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
