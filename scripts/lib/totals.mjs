// What test runs and checks counted, and how it is said at the end: what was skipped, what failed and with which message, and the numbers in
// the last line.
import { stripVTControlCharacters } from 'node:util';

/**
 * @typedef {object} Totals
 * @property {number} passed
 * @property {string[]} failures one line each: the name, and the first line of the error
 * @property {string[]} skipped names
 */

/** @returns {Totals} */
export function noTotals() {
  return { passed: 0, failures: [], skipped: [] };
}

/**
 * @param {Totals} totals what is added to
 * @param {Totals} more
 * @param {string} [prefix] of the names of what is added
 */
export function addTotals(totals, more, prefix = '') {
  totals.passed += more.passed;
  totals.failures.push(...more.failures.map((line) => prefix + line));
  totals.skipped.push(...more.skipped.map((name) => prefix + name));
}

/**
 * @param {string} name
 * @param {unknown} error an Error or what is like one, or text; of several lines the first that says something counts
 * @returns {string} a line for `failures`
 */
export function failureLine(name, error) {
  const text = typeof error === 'object' && error !== null && 'message' in error ? error.message : (error ?? '');
  const first = stripVTControlCharacters(`${text}`)
    .split('\n')
    .find((line) => line.trim() !== '');
  return first === undefined ? name : `${name}: ${first.trim()}`;
}

/**
 * @param {Totals} totals
 * @returns {string} what a run ends with; its last line is `N passed, N failed`
 */
export function totalsText({ passed, failures, skipped }) {
  const blocks = [`${passed} passed, ${failures.length} failed`];
  if (failures.length > 0) blocks.unshift([`${failures.length} failed:`, ...failures.map((line) => `  ${line}`)].join('\n'));
  if (skipped.length > 0) blocks.unshift([`${skipped.length} skipped:`, ...skipped.map((name) => `  ${name}`)].join('\n'));
  return `\n${blocks.join('\n\n')}`;
}

/**
 * Prints the totals and ends the process: well, if something passed and nothing failed.
 * @param {Totals} totals
 */
export function endWith(totals) {
  console.log(totalsText(totals));
  process.exit(totals.failures.length === 0 && totals.passed > 0 ? 0 : 1);
}
