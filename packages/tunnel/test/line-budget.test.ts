// The bound for log lines that strangers can cause.

import { expect, test } from 'vitest';
import { LineBudget } from '../src/line-budget.ts';

test('twenty lines a minute; the next one tells how many were left out', () => {
  const budget = new LineBudget();
  for (let line = 0; line < 20; line++) expect(budget.take(1000 + line)).toBe('');
  for (let line = 0; line < 5000; line++) expect(budget.take(2000 + line)).toBeUndefined();
  expect(budget.take(60_999)).toBeUndefined();
  expect(budget.take(61_000)).toBe(' (5001 more lines like this were left out)');
  expect(budget.take(61_001)).toBe('');
});
