// A run of vitest in a process of its own, and what it counted.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT, run } from './process.mjs';

/**
 * @param {readonly string[]} args for vitest
 * @param {Readonly<Record<string, string>>} [env] added to the environment
 * @returns {Promise<import('./totals-reporter.mjs').Totals>}
 */
export async function vitest(args, env = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'kcptun-test-'));
  const file = join(folder, 'totals.json');
  try {
    const command = [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--reporter=default'];
    command.push(`--reporter=${join(ROOT, 'scripts/lib/totals-reporter.mjs')}`, ...args);
    const { code } = await run(process.execPath, command, { inherit: true, env: { ...env, KCPTUN_TEST_TOTALS: file } });
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
 * @returns {import('./totals-reporter.mjs').Totals}
 */
function readTotals(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: 1, skipped: [] };
  }
}
