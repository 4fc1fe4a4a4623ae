// A vitest reporter that counts: passed, failed and skipped tests over all projects, written as JSON to the file named
// in KCPTUN_TEST_TOTALS. A file that cannot be loaded and an error outside of any test count as one failure each, so
// that a broken run never shows `0 failed`.
import { writeFileSync } from 'node:fs';
import { failureLine, noTotals } from './totals.mjs';

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
 * @returns {import('./totals.mjs').Totals}
 */
function count(modules, unhandledErrors) {
  const totals = noTotals();
  const { failures } = totals;
  for (const error of unhandledErrors) failures.push(failureLine('outside of the tests', error));
  for (const module of modules) {
    const file = module.relativeModuleId;
    for (const error of module.errors()) failures.push(failureLine(file, error));
    for (const suite of module.children.allSuites())
      for (const error of suite.errors()) failures.push(failureLine(`${file} > ${suite.fullName}`, error));
    for (const test of module.children.allTests()) {
      const name = `${file} > ${test.fullName}`;
      const { state, errors } = test.result();
      if (state === 'passed') totals.passed += 1;
      else if (state === 'failed') failures.push(failureLine(name, errors[0]));
      else if (state === 'pending') failures.push(failureLine(name, 'the run ended before it did'));
      else totals.skipped.push(name);
    }
  }
  return totals;
}
