// The short form of `npm run differential`.

import { Random } from '@kcptun/testkit';
import { expect, test } from 'vitest';
import { COMPARISONS } from '../src/differential/index.ts';

const RUNS = 40;

for (const comparison of COMPARISONS) {
  const { name, missing } = comparison;
  if (missing !== undefined) {
    if (process.env['CI'] === 'true') throw new Error(missing);
    console.warn(`SKIPPED: ${name}: ${missing}`);
  }
  const from = Math.floor(Math.random() * 2 ** 31);
  test.skipIf(missing !== undefined)(`${name}, seeds from ${from} on`, () => {
    for (let seed = from; seed < from + RUNS; seed++) expect(comparison.run(new Random(seed)), `seed ${seed}`).toBeUndefined();
  });
}
