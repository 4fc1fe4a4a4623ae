// Groups of tests that need something that is not everywhere: a missing peer fails the run when CI=true and is skipped loudly elsewhere.

import { describe, expect, test } from 'vitest';

const TIMEOUT_MS = 120_000;

/**
 * A group of tests.
 * @param missing - why each of what it needs is not there; `undefined` for what is
 * @param kind - whether its tests may run at the same time
 */
export function suite(
  name: string,
  missing: readonly (string | undefined)[],
  body: () => void,
  kind: 'concurrent' | 'sequential' = 'concurrent',
): void {
  const reasons = missing.filter((reason) => reason !== undefined);
  if (reasons.length === 0) {
    describe[kind](name, { timeout: TIMEOUT_MS }, body);
  } else if (process.env['CI'] === 'true') {
    test(`${name}: what it needs is there`, () => expect.unreachable(reasons.join('; ')));
  } else {
    const line = '*'.repeat(100);
    process.stderr.write(`${line}\n* SKIPPED: ${name}\n${reasons.map((reason) => `*   ${reason}\n`).join('')}${line}\n`);
    describe.skip(name, body);
  }
}
