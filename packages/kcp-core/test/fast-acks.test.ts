// Counting ACKs in one walk against counting them one by one, with timestamps anywhere in the 32-bit circle.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FASTACK_DONE } from '../src/constants.ts';
import { FAST_ACK_LOG_MAX, FastAcks } from '../src/fast-acks.ts';
import { SegmentPool } from '../src/segment-pool.ts';
import { SendWindow } from '../src/send-window.ts';

const u32 = fc.oneof(fc.integer({ min: 0, max: 0xffffffff }), fc.constantFrom(0, 0x7fffffff, 0x80000000, 0xffffffff));
const scenario = fc.record({
  start: fc.constantFrom(0, 0xfffffff8),
  segments: fc.array(fc.record({ ts: u32, fastack: fc.constantFrom(0, 1, 5, FASTACK_DONE), acked: fc.boolean() }), {
    minLength: 1,
    maxLength: 40,
  }),
  acks: fc.array(fc.record({ at: fc.nat(39), ts: u32 }), { maxLength: 60 }),
  threshold: fc.constantFrom(0, 1, 2, 6),
});

describe('FastAcks', () => {
  it('counts as if every ACK had walked the window', () => {
    fc.assert(
      fc.property(scenario, ({ start, segments, acks, threshold }) => {
        const window = new SendWindow(new SegmentPool(), start);
        for (const segment of segments) {
          const sn = window.end;
          window.push(Uint8Array.of(1), 0, 1, 0);
          window.ts[sn & window.mask] = segment.ts;
          window.fastack[sn & window.mask] = segment.fastack;
          window.admit(segments.length);
          if (segment.acked) window.markAcked(sn);
        }
        const log = new FastAcks();
        const counts = segments.map((segment) => segment.fastack);
        let due = false;
        for (const { at, ts } of acks) {
          if (at >= segments.length) continue;
          log.add((start + at) >>> 0, ts);
          for (let below = 0; below < at; below++) {
            if (counts[below] === FASTACK_DONE || ((segments[below]!.ts - ts) | 0) > 0) continue;
            counts[below]! += 1;
            if (counts[below]! >= threshold) due = true;
          }
        }
        expect(log.apply(window, threshold)).toBe(due);
        expect(segments.map((_, at) => window.fastack[(start + at) & window.mask])).toEqual(counts);
        expect(log.count).toBe(0);
      }),
      { numRuns: 300 },
    );
  });

  it('keeps ACKs sorted and grows up to its limit', () => {
    const window = new SendWindow(new SegmentPool(), 0);
    for (let sn = 0; sn < 300; sn++) window.push(Uint8Array.of(1), 0, 1, 0);
    window.admit(300);
    const log = new FastAcks();
    for (let count = 0; count < FAST_ACK_LOG_MAX; count++) log.add(299 - (count % 100), 0);
    expect(log.count).toBe(FAST_ACK_LOG_MAX);
    expect(log.apply(window, 2)).toBe(true);
    expect(window.fastack[199]).toBe(FAST_ACK_LOG_MAX);
    expect(window.fastack[299]).toBe(0);
  });
});
