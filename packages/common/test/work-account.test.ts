// The account that bounds what a peer may make us do.

import { describe, expect, test } from 'vitest';
import { WorkAccount } from '../src/index.ts';

describe('an account of work', () => {
  test('fills up within a millisecond, and not beyond', () => {
    const work = new WorkAccount(8192);
    expect(work.allowance(5)).toBe(8192);
    work.spend(8192);
    expect(work.wait).toBe(1);
    expect(work.allowance(5)).toBe(0);
    expect(work.allowance(5.5)).toBe(4096);
    expect(work.allowance(100)).toBe(8192);
  });

  test('makes up for what exceeded it', () => {
    const work = new WorkAccount(100);
    work.allowance(0);
    work.spend(300);
    expect(work.wait).toBe(3);
    expect(work.allowance(2)).toBe(0);
    expect(work.allowance(3)).toBe(100);
  });

  test('holds what came in a longer time where it may', () => {
    const work = new WorkAccount(100, 1000);
    expect(work.allowance(0)).toBe(1000);
    work.spend(1000);
    expect(work.allowance(4)).toBe(400);
    expect(work.wait).toBe(0);
    expect(work.allowance(50)).toBe(1000);
  });
});
