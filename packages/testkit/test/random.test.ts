// Random numbers for tests: repeatable, within their ranges, and evenly spread.

import { fc, test } from '@fast-check/vitest';
import { Random } from '@kcptun/testkit';
import { describe, expect } from 'vitest';

describe('Random', () => {
  test('gives the same numbers for ever', () => {
    const random = new Random(1);
    expect([random.u32(), random.u32(), random.u32(), random.u32()]).toEqual([1000447639, 1819228046, 1990737779, 3581784838]);
  });

  test.prop([fc.integer(), fc.nat()])('starts over when reseeded', (seed, index) => {
    const random = new Random(seed);
    random.reseed(seed, index);
    const first = [random.u32(), random.u32(), random.u32()];
    random.reseed(seed, index);
    expect([random.u32(), random.u32(), random.u32()]).toEqual(first);
    random.reseed(seed, index + 1);
    expect([random.u32(), random.u32(), random.u32()]).not.toEqual(first);
  });

  test.prop([fc.integer(), fc.integer({ min: -1000, max: 1000 }), fc.nat(1000)])('keeps integers within the range', (seed, min, span) => {
    const random = new Random(seed);
    for (let round = 0; round < 20; round++) {
      const value = random.integer(min, min + span);
      expect(Number.isInteger(value) && value >= min && value <= min + span).toBe(true);
    }
  });

  test('reaches both ends of a range', () => {
    const random = new Random(2);
    const seen = new Set(Array.from({ length: 200 }, () => random.integer(-1, 2)));
    expect([...seen].sort()).toEqual([-1, 0, 1, 2].sort());
  });

  test('takes a chance as often as it should', () => {
    const random = new Random(3);
    let hits = 0;
    for (let round = 0; round < 20_000; round++) if (random.chance(0.08)) hits += 1;
    expect(hits).toBeGreaterThan(1450);
    expect(hits).toBeLessThan(1750);
    expect(random.chance(0)).toBe(false);
    expect(random.chance(1)).toBe(true);
  });

  test('fills every byte of a buffer with every value', () => {
    const random = new Random(4);
    const seen = new Set<number>();
    for (let round = 0; round < 100; round++) for (const byte of random.bytes(63)) seen.add(byte);
    expect(seen.size).toBe(256);
    const target = new Uint8Array(8);
    random.source(target.subarray(2, 5));
    expect([target[0], target[1], target[5], target[6], target[7]]).toEqual([0, 0, 0, 0, 0]);
  });

  test('shuffles without losing items', () => {
    const items = Array.from({ length: 50 }, (_, index) => index);
    const shuffled = new Random(5).shuffle(items);
    expect(shuffled).not.toEqual(items);
    expect([...shuffled].sort((a, b) => a - b)).toEqual(items);
  });

  test('forks into an unrelated sequence', () => {
    const random = new Random(6);
    const fork = random.fork();
    expect([fork.u32(), fork.u32()]).not.toEqual([random.u32(), random.u32()]);
  });

  test('picks each of the items', () => {
    const random = new Random(7);
    const seen = new Set(Array.from({ length: 100 }, () => random.pick(['a', 'b', 'c'])));
    expect(seen).toEqual(new Set(['a', 'b', 'c']));
  });

  test('refuses an empty range and an empty choice', () => {
    expect(() => new Random(1).integer(3, 2)).toThrow(RangeError);
    expect(() => new Random(1).integer(0.5, 2)).toThrow(RangeError);
    expect(() => new Random(1).pick([])).toThrow(RangeError);
  });
});
