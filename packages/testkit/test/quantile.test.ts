// Quantiles are values that were measured, whatever their order.

import { median, quantile } from '@kcptun/testkit';
import { expect, test } from 'vitest';

test('the median is the middle one, or the upper one of two', () => {
  const values = [10, 9, 1];
  expect(median(values)).toBe(9);
  expect(median([1, 2, 3, 4])).toBe(3);
  expect(values).toEqual([10, 9, 1]);
});

test('quantiles sort by value and never run past the end', () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect([0, 0.5, 0.99, 1].map((q) => quantile(values, q))).toEqual([1, 51, 100, 100]);
  expect(quantile([], 0.5)).toBeNaN();
});
