// A run of vitest in a process of its own, and what it counted.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT, run } from './process.mjs';
import { noTotals } from './totals.mjs';

/**
 * @param {readonly string[]} args for vitest
 * @param {Readonly<Record<string, string>>} [env] added to the environment
 * @param {boolean} [shown] whether its output is
 * @returns {Promise<import('./totals.mjs').Totals>}
 */
export async function vitest(args, env = {}, shown = true) {
  const folder = mkdtempSync(join(tmpdir(), 'kcptun-test-'));
  const file = join(folder, 'totals.json');
  try {
    const command = [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', '--reporter=default'];
    command.push(`--reporter=${join(ROOT, 'scripts/lib/totals-reporter.mjs')}`, ...args);
    const { code } = await run(process.execPath, command, { inherit: shown, env: { ...env, KCPTUN_TEST_TOTALS: file } });
    const totals = readTotals(file);
    // Vitest may fail for a reason that no test carries: a bad argument, no file found, a crash.
    if (code !== 0 && totals.failures.length === 0) totals.failures.push(`vitest ${args.join(' ')}: ended with ${code}`);
    return totals;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} file
 * @returns {import('./totals.mjs').Totals}
 */
function readTotals(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return noTotals();
  }
}
