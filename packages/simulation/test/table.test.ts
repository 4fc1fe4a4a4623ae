// The snapshot table is what the tunnel does now. A run makes every tenth row, others each time. A change of behavior that is meant:
// `npm run build && npm run sim:table`, and commit the difference.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { makeRows } from '../src/table.ts';

const STEP = 10;
const first = Math.floor(Math.random() * STEP);

test(`table.txt is what comes out: each ${STEP}th row from row ${first} on`, async () => {
  const kept = readFileSync(new URL('../table.txt', import.meta.url), 'utf8')
    .trimEnd()
    .split('\n');
  const rows = kept.slice(kept.findIndex((line) => /^ *mode /.test(line)) + 1).map((line) => line.trim().split(/ +/));
  expect(rows).toHaveLength(96);
  expect(await makeRows(first, STEP)).toEqual(rows.filter((_, index) => index % STEP === first));
}, 1_200_000);
