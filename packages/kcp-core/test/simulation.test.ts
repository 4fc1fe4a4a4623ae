// Whole transfers over a bad path, and how much gets through. The goodput floors are what the C original reaches on the same
// path (100 ms round trip, 1,20,2,1, mtu 1350): a change that falls below them has broken recovery from loss.

import { Random } from '@kcptun/testkit';
import { describe, expect, it } from 'vitest';
import { Pair } from './simulate.ts';

const MODE = { nodelay: 1, interval: 20, resend: 2, nc: 1, mtu: 1350, stream: true };

/** Mbit/s of payload that B reads in `seconds`, after the first second. */
function goodput(wnd: number, loss: number, seconds: number, deferFlush: boolean): number {
  const pair = new Pair({ ...MODE, sndWnd: wnd, rcvWnd: wnd }, { seed: wnd + loss * 1000, delay: 50, loss });
  const block = new Uint8Array(pair.a.mss);
  pair.a.deferFlush = deferFlush;
  pair.b.deferFlush = deferFlush;
  let read = 0;
  pair.onStep = () => {
    let wrote = false;
    while (pair.a.waitSnd < 2 * wnd) wrote = pair.a.send(block) === 0;
    if (wrote) pair.a.flush(pair.now);
  };
  pair.onArrival = (end) => {
    while (end.peekSegment()) {
      if (pair.now >= 1000) read += end.segmentLength;
      end.dropSegment();
    }
  };
  pair.run(1000 + seconds * 1000);
  return (read * 8) / 1e6 / seconds;
}

describe('goodput over a lossy path', () => {
  // Window, loss, what the C original reaches, least share of it. Where a lost retransmission stalls a large window, both
  // are bound by the same timeout and the difference between two seeds is larger than that between the programs.
  const floors: readonly (readonly [number, number, number, number])[] = [
    [128, 0, 11.3, 1],
    [128, 0.01, 7.9, 1],
    [128, 0.05, 5.8, 1],
    [128, 0.1, 4.8, 1],
    [512, 0, 45.2, 1],
    [512, 0.01, 25.2, 1],
    [512, 0.05, 21, 1],
    [512, 0.1, 16.8, 1],
    [1024, 0, 90.2, 1],
    [1024, 0.01, 48.3, 1],
    [1024, 0.05, 40.1, 0.95],
    [1024, 0.1, 32.6, 0.95],
  ];
  for (const [wnd, loss, original, share] of floors) {
    it(`is at least ${share} x ${original} Mbit/s with window ${wnd} and ${loss * 100} % loss`, () => {
      const seconds = share < 1 ? 20 : wnd === 1024 ? 3 : 6;
      expect(goodput(wnd, loss, seconds, true)).toBeGreaterThanOrEqual(share * original);
    }, 30_000);
  }
});

describe('transfer over a bad path', () => {
  for (const stream of [true, false]) {
    for (const deferFlush of [true, false]) {
      it(`delivers everything in order (stream ${stream}, deferred flush ${deferFlush})`, () => {
        const pair = new Pair(
          { mode: 'fast3', mtu: 200, stream, sndWnd: 64, rcvWnd: 32, startSn: 0xffffff00 },
          { seed: 5, delay: 15, loss: 0.08, duplicate: 0.05, late: 0.1 },
        );
        const random = new Random(9);
        const sent: Uint8Array[] = [];
        const got: Uint8Array[] = [];
        const target = new Uint8Array(65_536);
        pair.a.deferFlush = deferFlush;
        pair.b.deferFlush = deferFlush;
        pair.onStep = () => {
          while (pair.a.waitSnd < 64 && sent.length < 600) {
            const message = random.bytes(random.integer(1, 700));
            sent.push(message);
            pair.a.send(message);
            pair.a.flush(pair.now);
          }
        };
        pair.onArrival = (end) => {
          for (let size = end.recv(target); size >= 0; size = end.recv(target)) got.push(target.slice(0, size));
        };
        // Idle means: everything acknowledged, nothing to wake up for on either side.
        expect(pair.run(120_000)).toBe(true);
        expect(pair.a.waitSnd).toBe(0);
        if (!stream) expect(got.map((message) => message.length)).toEqual(sent.map((message) => message.length));
        expect(Buffer.concat(got).equals(Buffer.concat(sent))).toBe(true);
        expect(pair.a.stats.retransSegs).toBeGreaterThan(0);
        expect(pair.b.stats.repeatSegs).toBeGreaterThan(0);
      }, 30_000);
    }
  }

  it('opens a closed window again, although the reader was asleep and window messages get lost', () => {
    const pair = new Pair({ mode: 'fast3', mtu: 200, stream: true, sndWnd: 64, rcvWnd: 8 }, { seed: 3, delay: 10, loss: 0.3 });
    let read = 0;
    let awake = false;
    const drain = () => {
      while (awake && pair.b.peekSegment()) {
        read += pair.b.segmentLength;
        pair.b.dropSegment();
      }
    };
    pair.onArrival = drain;
    pair.a.send(new Uint8Array(40_000));
    pair.a.flush(pair.now);
    expect(pair.run(5000)).toBe(false);
    expect(pair.a.rmtWnd).toBe(0);
    awake = true;
    drain();
    expect(pair.run(300_000)).toBe(true);
    expect(read).toBe(40_000);
  });
});
