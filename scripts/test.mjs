// `npm test`: everything that is tested; at the end what was skipped and what failed, and the total as the last line: `N passed, N failed`.
// Install and build, then vitest (projects unit, io, interop), the tests of the slower backends, and the packing test. Arguments go to
// vitest and leave the latter two out: `npm test -- packages/smux`, `npm test -- --project unit`. A failed build counts as one failure.
import { backendsTest } from './backends-test.mjs';
import { build, install } from './bootstrap.mjs';
import { addTotals, endWith } from './lib/totals.mjs';
import { vitest } from './lib/vitest.mjs';
import { packTest } from './pack-test.mjs';

await install();
const built = await build();
const args = process.argv.slice(2);
const totals = await vitest(args);
if (!built) totals.failures.push('build');
else if (args.length === 0) for (const part of [backendsTest, packTest]) addTotals(totals, await part());
endWith(totals);
