// `npm test`: everything that is tested, and the total as the last line: `N passed, N failed`.
// Install and build, then vitest (projects unit, io, interop), the tests of the slower backends, and the packing test. Arguments go to
// vitest and leave the latter two out: `npm test -- packages/smux`, `npm test -- --project unit`. A failed build counts as one failure.
import { backendsTest } from './backends-test.mjs';
import { build, install } from './bootstrap.mjs';
import { vitest } from './lib/vitest.mjs';
import { packTest } from './pack-test.mjs';

await install();
const built = await build();
const args = process.argv.slice(2);
const totals = await vitest(args);
if (!built) totals.failed += 1;
else if (args.length === 0) {
  for (const part of [backendsTest, packTest]) {
    const { passed, failed, skipped } = await part();
    totals.passed += passed;
    totals.failed += failed;
    totals.skipped.push(...skipped);
  }
}
if (totals.skipped.length > 0) {
  console.log(`\n${totals.skipped.length} skipped:`);
  for (const name of totals.skipped) console.log(`  ${name}`);
}
console.log(`\n${totals.passed} passed, ${totals.failed} failed`);
process.exit(totals.failed === 0 && totals.passed > 0 ? 0 : 1);
