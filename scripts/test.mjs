// `npm test`: everything that is tested, and the total as the last line: `N passed, N failed`.
// Install and build, then vitest (projects unit, io, interop), then the packing test. Arguments go to vitest and leave the
// packing test out: `npm test -- packages/smux`, `npm test -- --project unit`. A failed build counts as one failure.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build, install } from './bootstrap.mjs';
import { ROOT, run } from './lib/process.mjs';
import { packTest } from './pack-test.mjs';

await install();
const built = await build();
const args = process.argv.slice(2);
const totals = await vitest(args);
if (!built) totals.failed += 1;
else if (args.length === 0) {
  const packed = await packTest();
  totals.passed += packed.passed;
  totals.failed += packed.failed;
  totals.skipped.push(...packed.skipped);
}
if (totals.skipped.length > 0) {
  console.log(`\n${totals.skipped.length} skipped:`);
  for (const name of totals.skipped) console.log(`  ${name}`);
}
console.log(`\n${totals.passed} passed, ${totals.failed} failed`);
process.exit(totals.failed === 0 && totals.passed > 0 ? 0 : 1);

/**
 * @param {readonly string[]} extra
 * @returns {Promise<import('./lib/totals-reporter.mjs').Totals>}
 */
async function vitest(extra) {
  const folder = mkdtempSync(join(tmpdir(), 'kcptun-test-'));
  const file = join(folder, 'totals.json');
  try {
    const command = [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--reporter=default'];
    command.push(`--reporter=${join(ROOT, 'scripts/lib/totals-reporter.mjs')}`, ...extra);
    const { code } = await run(process.execPath, command, { inherit: true, env: { KCPTUN_TEST_TOTALS: file } });
    const totals = readTotals(file);
    // Vitest may fail for a reason that no test carries: a bad argument, no file found, a crash.
    if (code !== 0 && totals.failed === 0) totals.failed = 1;
    return totals;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} file
 * @returns {import('./lib/totals-reporter.mjs').Totals}
 */
function readTotals(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: 1, skipped: [] };
  }
}
