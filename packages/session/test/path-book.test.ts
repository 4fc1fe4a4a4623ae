// The bounded tables behind paths: candidates, and addresses that have answered.

import { Random } from '@kcptun/testkit';
import { expect, test } from 'vitest';
import { MAX_CANDIDATES, MAX_PROVEN, PROVEN_AGE, type Session } from '../src/index.ts';
import { PathBook } from '../src/path-book.ts';
import { PathQuestion } from '../src/path-question.ts';
import { ProvenAddresses } from '../src/proven-addresses.ts';

test(`${MAX_CANDIDATES} candidates of all sessions; the oldest gives way, and its path is free again`, () => {
  const book = new PathBook();
  const random = new Random(1).source;
  for (let path = 0; path < MAX_CANDIDATES + 10; path++) {
    const session = { path: 100_000 + path } as Session;
    book.add({ session, path, question: new PathQuestion(random, 0), until: 10_000, allowance: 0 });
  }
  const freed: number[] = [];
  for (let path = book.pollForgotten(); path !== undefined; path = book.pollForgotten()) freed.push(path);
  expect(freed).toEqual(Array.from({ length: 10 }, (_, path) => path));
  expect(book.candidate(9)).toBeUndefined();
  expect(book.candidate(10)?.path).toBe(10);
  book.pollDue(10_000);
  expect(book.candidate(MAX_CANDIDATES)).toBeUndefined();
  expect(book.nextTimeout).toBe(Number.POSITIVE_INFINITY);
});

test(`${MAX_PROVEN} proven addresses, each for an hour after it was last proven`, () => {
  const proven = new ProvenAddresses();
  for (let index = 0; index < MAX_PROVEN + 5; index++) proven.add(`address ${index}`, 0);
  expect(proven.size).toBe(MAX_PROVEN);
  expect(proven.has('address 4', 0)).toBe(false);
  expect(proven.has('address 5', PROVEN_AGE - 1)).toBe(true);
  expect(proven.has('address 5', PROVEN_AGE)).toBe(false);
  proven.add('address 5', 1000);
  proven.add('another', PROVEN_AGE);
  expect(proven.has('address 5', PROVEN_AGE)).toBe(true);
  expect(proven.size).toBe(2);
  proven.add('', 0);
  expect(proven.has('', 0)).toBe(false);
});

test('the sn of a question is behind every window, and no two are alike', () => {
  const random = new Random(2).source;
  const seen = new Set<number>();
  for (let round = 0; round < 1000; round++) {
    const { sn } = new PathQuestion(random, 77);
    seen.add(sn);
    const distance = (77 - sn) >>> 0;
    expect(distance).toBeGreaterThanOrEqual(2 ** 20);
    expect(distance).toBeLessThanOrEqual(2 ** 31 - 2 ** 20);
  }
  expect(seen.size).toBe(1000);
});
