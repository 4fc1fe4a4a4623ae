// Nobody who knows the key can leave the others without a connection.

import { ConnectionBudget } from '@kcptun/transport';
import { describe, expect, test } from 'vitest';
import { ConnectionShares } from '../src/connection-shares.ts';

/** Takes for a session until nothing more is given. */
function takeAll(shares: ConnectionShares, session: object, address: string): (() => void)[] {
  const taken: (() => void)[] = [];
  for (;;) {
    const release = shares.take(session, address);
    if (release === undefined) return taken;
    taken.push(release);
  }
}

function sharesOf(limit: number): { shares: ConnectionShares; budget: ConnectionBudget } {
  const budget = new ConnectionBudget(2 * limit);
  budget.reserve(2 * limit);
  expect(budget.limit).toBe(limit);
  return { shares: new ConnectionShares(budget), budget };
}

describe('shares', () => {
  test('one session that takes all it can gets half, and a new one still finds some', () => {
    const { shares } = sharesOf(1000);
    expect(takeAll(shares, {}, 'a').length).toBe(500);
    expect(takeAll(shares, {}, 'b').length).toBe(250);
    expect(takeAll(shares, {}, 'c').length).toBe(125);
  });

  test('an address leaves a quarter, however many sessions it has', () => {
    const { shares, budget } = sharesOf(1000);
    for (let session = 0; session < 100; session++) takeAll(shares, {}, 'a');
    expect(budget.open).toBe(750);
    expect(takeAll(shares, {}, 'b').length).toBe(125);
  });

  test('what is given back can be had again, once', () => {
    const { shares, budget } = sharesOf(100);
    const session = {};
    for (const release of takeAll(shares, session, 'a')) {
      release();
      release();
    }
    expect(budget.open).toBe(0);
    expect(takeAll(shares, session, 'a').length).toBe(50);
  });

  test('without a limit there are no shares', () => {
    const shares = new ConnectionShares(new ConnectionBudget());
    const session = {};
    const taken = Array.from({ length: 20_000 }, () => shares.take(session, 'a'));
    expect(taken.includes(undefined)).toBe(false);
  });
});
