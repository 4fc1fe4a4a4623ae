// Counting by a tree against counting one by one, with times anywhere in the 32-bit circle, and what it costs.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AckCounts } from '../src/ack-counts.ts';

const time = fc.oneof(
  fc.nat(60),
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.constantFrom(0, 1, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff),
);

test('counts what is not older, as one by one', () => {
  fc.assert(
    fc.property(fc.array(time, { minLength: 1, maxLength: 60 }), fc.array(time, { maxLength: 30 }), (acks, segments) => {
      const ts = Int32Array.from(acks, (value) => value | 0);
      const counts = new AckCounts();
      counts.begin(ts, ts.length);
      segments.forEach((segment, index) => {
        const from = Math.max(0, ts.length - 1 - index * 3);
        const expected = ts.subarray(from).filter((ack) => ((segment - ack) | 0) <= 0).length;
        expect(counts.count(from, segment | 0)).toBe(expected);
      });
    }),
    { numRuns: 500 },
  );
});

test('2048 times in all directions cost each of 2048 segments some steps, not 2048', () => {
  const ts = Int32Array.from({ length: 2048 }, (_, index) => Math.imul(index, 0x9e3779b1));
  const counts = new AckCounts();
  counts.begin(ts, ts.length);
  for (let segment = 0; segment < 2048; segment++) counts.count(2047 - segment, Math.imul(segment, 0x85ebca6b));
  expect(counts.steps / 2048).toBeLessThan(40);
});
