// The snapshot table is what the tunnel does now. A change of behaviour that is meant: `npm run build && npm run sim:table`, and commit the difference.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { makeTable } from '../src/table.ts';

test('table.txt is what comes out', async () => {
  const kept = readFileSync(new URL('../table.txt', import.meta.url), 'utf8');
  expect((await makeTable()).split('\n')).toEqual(kept.split('\n'));
}, 1_200_000);
