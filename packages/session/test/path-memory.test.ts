// What is remembered of paths: by address, for a time, within bounds.

import { expect, test } from 'vitest';
import { KNOWN_PATH_AGE, KNOWN_PATHS_MOST, PathMemory } from '../src/path-memory.ts';

const PATH = { rate: 9, roundTrip: 100, loss: 0.02 } as const;

test('what was noted last is recalled, for its own address only', () => {
  const memory = new PathMemory();
  memory.remember('192.0.2.1', { ...PATH, rate: 5 }, 0);
  memory.remember('192.0.2.1', PATH, 10);
  expect(memory.recall('192.0.2.1', 20)).toMatchObject(PATH);
  expect(memory.recall('192.0.2.2', 20)).toBeUndefined();
});

test('an entry that is too old is forgotten', () => {
  const memory = new PathMemory();
  memory.remember('192.0.2.1', PATH, 1000);
  expect(memory.recall('192.0.2.1', 1000 + KNOWN_PATH_AGE)).toBeDefined();
  expect(memory.recall('192.0.2.1', 1001 + KNOWN_PATH_AGE)).toBeUndefined();
  expect(memory.size).toBe(0);
});

test('there is room for so many addresses: the one that was written longest ago gives way', () => {
  const memory = new PathMemory();
  for (let index = 0; index < KNOWN_PATHS_MOST; index++) memory.remember(`a${index}`, PATH, index);
  memory.remember('a0', PATH, KNOWN_PATHS_MOST);
  memory.remember('new', PATH, KNOWN_PATHS_MOST);
  expect(memory.size).toBe(KNOWN_PATHS_MOST);
  expect(memory.recall('a0', KNOWN_PATHS_MOST)).toBeDefined();
  expect(memory.recall('a1', KNOWN_PATHS_MOST)).toBeUndefined();
});

test('forged values stay within bounds, and what makes no sense is not noted', () => {
  const memory = new PathMemory();
  memory.remember('liar', { rate: Number.POSITIVE_INFINITY, roundTrip: 1e12, loss: 7 }, 0);
  expect(memory.recall('liar', 0)).toMatchObject({ rate: 1000, roundTrip: 2000, loss: 1 });
  for (const bad of [Number.NaN, 0, -1]) memory.remember('other', { ...PATH, rate: bad, roundTrip: bad }, 0);
  memory.remember('other', { ...PATH, loss: Number.NaN }, 0);
  memory.remember('', PATH, 0);
  expect(memory.size).toBe(1);
});
