// What a run of tests says at its end: a real run of vitest over files that pass, fail, skip and break is counted, and every failure is named.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { addTotals, failureLine, noTotals, totalsText } from '../lib/totals.mjs';
import { vitest } from '../lib/vitest.mjs';

describe('vitest', () => {
  let folder = '';

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'kcptun-totals-'));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test('names what passed not', { timeout: 60_000 }, async () => {
    const files = {
      'good.test.js': `
        test('holds', () => {});
        test.skip('not here', () => {});`,
      'bad.test.js': `
        describe('group', () => {
          test('compares', () => { expect([1]).toEqual([2]); });
          test('throws', () => { throw new Error('\\nfirst\\nsecond'); });
        });
        describe('hook', () => {
          afterAll(() => { throw new Error('behind'); });
          test('holds', () => {});
        });`,
      'broken.test.js': `throw new Error('not even loaded');`,
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);

    const totals = await vitest(['--root', folder, '--globals'], {}, false);

    expect(totals.passed).toBe(2);
    expect(totals.skipped).toEqual(['good.test.js > not here']);
    expect([...totals.failures].sort()).toEqual([
      'bad.test.js > group > compares: expected [ 1 ] to deeply equal [ 2 ]',
      'bad.test.js > group > throws: first',
      'bad.test.js > hook: behind',
      'broken.test.js: not even loaded',
    ]);
  });

  test('says so when no test ran at all', { timeout: 60_000 }, async () => {
    const totals = await vitest(['--root', folder], {}, false);

    expect(totals).toEqual({ passed: 0, failures: [`vitest --root ${folder}: ended with 1`], skipped: [] });
  });
});

test('the last line is the numbers, behind the names of what failed and what was skipped', () => {
  const totals = noTotals();
  addTotals(totals, { passed: 3, failures: ['a.test.ts > x: why'], skipped: [] });
  addTotals(totals, { passed: 1, failures: [], skipped: ['b.test.ts > y'] }, 'KCPTUN_NO_WASM=1: ');

  expect(totalsText(totals).split('\n')).toEqual([
    '',
    '1 skipped:',
    '  KCPTUN_NO_WASM=1: b.test.ts > y',
    '',
    '1 failed:',
    '  a.test.ts > x: why',
    '',
    '4 passed, 1 failed',
  ]);
});

test.each([
  [new Error('one\ntwo'), 'name: one'],
  ['\n  text\n', 'name: text'],
  [undefined, 'name'],
  [new Error(''), 'name'],
])('the line of a failure with %o', (error, line) => {
  expect(failureLine('name', error)).toBe(line);
});
