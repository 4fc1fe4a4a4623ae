// Counting ACKs in one walk that leaves out what is settled, against counting them one by one, with timestamps anywhere in
// the 32-bit circle: many rounds of ACKs, retransmissions, timeouts and progress on one window.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FASTACK_DONE } from '../src/constants.ts';
import { FAST_ACK_LOG_MAX, FastAcks } from '../src/fast-acks.ts';
import { SegmentPool } from '../src/segment-pool.ts';
import { SendWindow } from '../src/send-window.ts';

const SEGMENTS = 48;

// Near times, as from honest peers, mixed with a few from anywhere.
const time = fc.oneof({ weight: 6, arbitrary: fc.nat(60) }, { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffffffff }) });
const round = fc.record({
  acks: fc.array(fc.record({ at: fc.nat(SEGMENTS - 1), ts: time }), { maxLength: 40 }),
  done: fc.array(fc.nat(SEGMENTS - 1), { maxLength: 6 }),
  timeouts: fc.array(fc.nat(SEGMENTS - 1), { maxLength: 2 }),
  advance: fc.constantFrom(0, 0, 1, 3, 9),
});
const scenario = fc.record({
  start: fc.constantFrom(0, 0xffffffe0, 0x7fffffe8),
  times: fc.array(time, { minLength: SEGMENTS, maxLength: SEGMENTS }),
  threshold: fc.constantFrom(0, 1, 2, 5),
  rounds: fc.array(round, { minLength: 1, maxLength: 12 }),
});

function fill(start: number, count: number): SendWindow {
  const window = new SendWindow(new SegmentPool(), start);
  for (let at = 0; at < count; at++) window.push(Uint8Array.of(1), 0, 1, 0);
  window.admit(count);
  return window;
}

function play({ start, times, threshold, rounds }: typeof scenario extends fc.Arbitrary<infer T> ? T : never): void {
  const window = fill(start, SEGMENTS);
  const index = (at: number) => (start + at) & window.mask;
  const log = new FastAcks(start);
  const counts = times.map(() => 0);
  const acked = times.map(() => false);
  let una = 0;
  times.forEach((ts, at) => {
    window.ts[index(at)] = ts;
  });
  for (const { acks, done, timeouts, advance } of rounds) {
    let due = false;
    for (const { at, ts } of acks) {
      if (at < una) continue;
      window.markAcked((start + at) >>> 0);
      acked[at] = true;
      log.add((start + at) >>> 0, ts);
      for (let below = una; below < at; below++) {
        if (counts[below] === FASTACK_DONE || (((times[below] as number) - ts) | 0) > 0) continue;
        (counts[below] as number) += 1;
        if ((counts[below] as number) >= threshold) due = true;
      }
    }
    expect(log.apply(window, threshold)).toBe(due);
    const waiting = [...counts.keys()].filter((at) => at >= una && !acked[at]);
    expect(waiting.map((at) => window.fastack[index(at)])).toEqual(waiting.map((at) => counts[at]));
    const outside = waiting.filter(
      (at) => (counts[at] as number) > 0 && (((start + at - log.low) | 0) < 0 || ((start + at - log.high) | 0) > 0),
    );
    expect(outside).toEqual([]);
    expect(log.earlyDue || waiting.every((at) => (counts[at] as number) <= 0)).toBe(true);
    for (const at of done) {
      if (!waiting.includes(at) || (counts[at] as number) <= 0) continue;
      counts[at] = FASTACK_DONE;
      window.fastack[index(at)] = FASTACK_DONE;
    }
    for (const at of timeouts) {
      if (!waiting.includes(at)) continue;
      counts[at] = 0;
      window.fastack[index(at)] = 0;
      log.unsettle(window.una);
    }
    una = Math.min(SEGMENTS, una + advance);
    window.acknowledge((start + una) >>> 0);
  }
}

describe('FastAcks', () => {
  it('asks for a flush and counts as if every ACK had walked the window', () => {
    fc.assert(fc.property(scenario, play), { numRuns: 250 });
  }, 30_000);

  it('takes ACKs in any order up to its limit', () => {
    const window = fill(0, 300);
    const log = new FastAcks(0);
    for (let count = 0; count < FAST_ACK_LOG_MAX; count++) log.add(299 - (count % 100), 0);
    expect(log.count).toBe(FAST_ACK_LOG_MAX);
    expect(log.apply(window, 2)).toBe(true);
    expect([log.count, window.fastack[199], window.fastack[299]]).toEqual([0, FAST_ACK_LOG_MAX, 0]);
  });
});
