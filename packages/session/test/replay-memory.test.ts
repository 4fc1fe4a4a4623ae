// The memory of datagram heads: against a plain model, at its bounds, and with keys that were chosen to collide.

import { Random } from '@kcptun/testkit';
import { describe, expect, test } from 'vitest';
import { ReplayMemory } from '../src/replay-memory.ts';

const HOUR = 3_600_000;

describe('what is remembered', () => {
  test('a key once, and its neighbours not', () => {
    const memory = new ReplayMemory({ entries: 256, age: HOUR, seed: 1 });
    for (const [low, high] of [
      [1, 2],
      [2, 1],
      [0, 0],
      [0, 1 << 31],
      [-1, -1],
      [0xffff_fffe, 7],
    ] as const) {
      expect(memory.has(low, high)).toBe(false);
      expect(memory.add(low, high, 0)).toBe(true);
      expect(memory.add(low, high, 0)).toBe(false);
      expect(memory.has(low, high)).toBe(true);
    }
    expect(memory.size).toBe(6);
    expect(memory.has(1, 1)).toBe(false);
  });

  test.each([1, 2, 3])('the last 4096 keys and at most twice as many, like a plain list says; seed %i', (seed) => {
    const random = new Random(seed);
    const entries = 4096;
    const memory = new ReplayMemory({ entries, age: HOUR, seed: random.u32() });
    const all: [number, number][] = [];
    for (let round = 0; round < 30_000; round++) {
      if (all.length > 0 && random.chance(0.3)) {
        const back = random.integer(1, Math.min(all.length, 3 * entries));
        const [low, high] = all[all.length - back] as [number, number];
        const known = memory.has(low, high);
        if (back <= entries) expect(known).toBe(true);
        if (back > 2 * entries) expect(known).toBe(false);
        if (known) expect(memory.add(low, high, 0)).toBe(false);
      } else {
        const key: [number, number] = [random.u32(), random.u32()];
        expect(memory.add(...key, 0)).toBe(true);
        all.push(key);
      }
    }
    expect(memory.size).toBeLessThanOrEqual(2 * entries);
    expect(memory.byteLength).toBe(entries * 32);
  });

  test('the same, whether the keys of a batch were fetched before or not', () => {
    const random = new Random(4);
    const [plain, fetched] = [0, 1].map(() => new ReplayMemory({ entries: 512, age: 1000, seed: 5 })) as [ReplayMemory, ReplayMemory];
    const keys = new Int32Array(2 * 96);
    for (let batch = 0; batch < 50; batch++) {
      // Few different keys: some are known, from this generation or the one before.
      for (let at = 0; at < keys.length; at++) keys[at] = random.integer(-20, 20);
      fetched.fetch(keys, 96);
      for (let at = 0; at < keys.length; at += 2) {
        const now = batch * 90;
        expect(fetched.add(keys[at] as number, keys[at + 1] as number, now)).toBe(
          plain.add(keys[at] as number, keys[at + 1] as number, now),
        );
      }
    }
    expect(fetched.size).toBe(plain.size);
  });

  test('for as long as `age`, and not for twice as long', () => {
    const memory = new ReplayMemory({ entries: 65_536, age: 1000, seed: 9 });
    memory.add(1, 1, 0);
    expect(memory.add(1, 1, 999)).toBe(false);
    expect(memory.add(2, 2, 1500)).toBe(true);
    expect(memory.add(1, 1, 1600)).toBe(false);
    expect(memory.add(3, 3, 2600)).toBe(true);
    expect(memory.has(1, 1)).toBe(false);
    expect(memory.has(2, 2)).toBe(true);
  });
});

describe('what it costs', () => {
  test('grows with what comes in, and shrinks when less comes', () => {
    const random = new Random(4);
    const memory = new ReplayMemory({ entries: 16_384, age: 1000, seed: 4 });
    const small = memory.byteLength;
    expect(small).toBe(8192);
    for (let index = 0; index < 100_000; index++) memory.add(random.u32(), random.u32(), index / 100);
    expect(memory.byteLength).toBe(16_384 * 32);
    for (let second = 1; second < 5; second++) memory.add(random.u32(), random.u32(), 1000 + second * 1000);
    expect(memory.byteLength).toBe(small);
    expect(memory.size).toBeLessThanOrEqual(2);
  });

  test('keys that agree in all low bits do not pile up', () => {
    // In a pile, each key passes all before it: this would take twenty thousand million steps, and the test run into its time limit.
    for (let seed = 1; seed <= 10; seed++) {
      const memory = new ReplayMemory({ entries: 65_536, age: HOUR, seed: seed * 0x1234_5678 });
      for (let index = 0; index < 65_536; index++) memory.add(index << 16, (index * 7) << 16, 0);
      expect(memory.size).toBe(65_536);
    }
  });
});
