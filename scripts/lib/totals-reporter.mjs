// A vitest reporter that counts: passed, failed and skipped tests over all projects, written as JSON to the file named
// in KCPTUN_TEST_TOTALS. A file that can not be loaded and an error outside of any test count as one failure each, so
// that a broken run never shows `0 failed`.
import { writeFileSync } from 'node:fs';

/**
 * @typedef {{ passed: number, failed: number, skipped: string[] }} Totals
 */

/** Given to vitest with `--reporter`; vitest makes the instance. */
export default class TotalsReporter {
  /**
   * @param {readonly import('vitest/node').TestModule[]} modules
   * @param {readonly unknown[]} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    const path = process.env['KCPTUN_TEST_TOTALS'];
    if (path !== undefined) writeFileSync(path, JSON.stringify(count(modules, unhandledErrors)));
  }
}

/**
 * @param {readonly import('vitest/node').TestModule[]} modules
 * @param {readonly unknown[]} unhandledErrors
 * @returns {Totals}
 */
function count(modules, unhandledErrors) {
  /** @type {Totals} */
  const totals = { passed: 0, failed: unhandledErrors.length, skipped: [] };
  for (const module of modules) {
    totals.failed += module.errors().length;
    for (const suite of module.children.allSuites()) totals.failed += suite.errors().length;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') totals.passed += 1;
      else if (state === 'failed') totals.failed += 1;
      // `pending`: the run ended before the test did, which is no pass.
      else if (state === 'pending') totals.failed += 1;
      else totals.skipped.push(`${module.relativeModuleId} > ${test.fullName}`);
    }
  }
  return totals;
}
