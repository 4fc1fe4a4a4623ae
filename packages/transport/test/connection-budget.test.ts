// The budget of byte connections of a process, and the limit that it is made of.

import { openFilesLimit } from '@kcptun/transport';
import { expect, test } from 'vitest';
import { ConnectionBudget, RESERVED_FILES } from '../src/connection-budget.ts';

test('without a limit there is always one left', () => {
  const budget = new ConnectionBudget();
  for (let taken = 0; taken < 100_000; taken++) budget.take();
  expect(budget.open).toBe(100_000);
  expect(budget.free).toBe(Number.POSITIVE_INFINITY);
});

test('a reserve is kept back, and room for datagram sockets', () => {
  const budget = new ConnectionBudget(1000);
  expect(budget.limit).toBe(1000 - RESERVED_FILES);
  budget.reserve(100);
  expect(budget.limit).toBe(900 - RESERVED_FILES);
  const taken = Array.from({ length: budget.limit }, () => budget.take());
  expect(taken.every((release) => release !== undefined)).toBe(true);
  expect(budget.take()).toBeUndefined();
  taken[0]?.();
  taken[0]?.();
  expect(budget.free).toBe(1);
  budget.reserve(-100);
  expect(budget.free).toBe(101);
});

test('where the limit is very low, connections have half of it', () => {
  expect(new ConnectionBudget(100).limit).toBe(50);
  expect(new ConnectionBudget(RESERVED_FILES).limit).toBe(RESERVED_FILES / 2);
});

test.runIf(process.platform === 'linux')('the limit of open files is that of the process', () => {
  const report = process.report.getReport() as unknown as { userLimits: { open_files: { soft: number } } };
  expect(openFilesLimit()).toBe(report.userLimits.open_files.soft);
});
