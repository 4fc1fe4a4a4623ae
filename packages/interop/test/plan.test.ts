// The plan of the matrix is complete and minds the rules; the maker of plans does so for any dimensions.

import { fc, test } from '@fast-check/vitest';
import { CASE_DIMENSIONS, coveringArray, isAllowed, planCases, shortPlan, titleOf, uncoveredPairs } from '@kcptun/interop';
import { describe, expect } from 'vitest';

interface Row {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
}

const values = fc.integer({ min: 1, max: 5 }).map((count) => Array.from({ length: count }, (_, value) => value));

describe('coveringArray', () => {
  test.prop([fc.record({ a: values, b: values, c: values, d: values }), fc.nat(), fc.nat(5), fc.nat(5)], { numRuns: 40 })(
    'has every possible pair and nothing that is not allowed',
    (dimensions, seed, a, b) => {
      const allows = (row: Partial<Row>): boolean => !(row.a === a && row.b === b) && !(row.c === 1 && row.d === 2 && row.a === 0);
      const rows = coveringArray<Row>(dimensions, { seed, allows });
      expect(rows.every(allows)).toBe(true);
      expect(coveringArray<Row>(dimensions, { seed, allows })).toEqual(rows);
      // Seen without the planner: a pair is there, or no full row that has it is allowed.
      const all: Row[] = [];
      for (const av of dimensions.a)
        for (const bv of dimensions.b)
          for (const cv of dimensions.c) for (const dv of dimensions.d) all.push({ a: av, b: bv, c: cv, d: dv });
      for (const first of ['a', 'b', 'c', 'd'] as const) {
        for (const second of ['a', 'b', 'c', 'd'] as const) {
          const pairsOf = (from: Row[]): Set<string> => new Set(from.map((row) => `${row[first]} ${row[second]}`));
          expect(pairsOf(rows)).toEqual(pairsOf(all.filter(allows)));
        }
      }
    },
  );

  test('says what a plan lacks', () => {
    const dimensions = { a: [1, 2], b: [3] };
    const missing = uncoveredPairs<{ a: number; b: number }>(dimensions, { seed: 1, allows: () => true }, [{ a: 1, b: 3 }]);
    expect(missing).toEqual(['a=2 with b=3']);
  });
});

describe('planCases', () => {
  const cases = planCases(1);

  test('covers every pair of settings that can be run, in few cases', () => {
    expect(uncoveredPairs(CASE_DIMENSIONS, { seed: 1, allows: isAllowed }, cases)).toEqual([]);
    // 15 ciphers with 5 modes make 75 pairs: no plan can be smaller.
    expect(cases.length).toBeGreaterThanOrEqual(75);
    expect(cases.length).toBeLessThan(85);
    expect(new Set(cases.map(titleOf)).size).toBe(cases.length);
  });

  test('can be cut to 20 cases that still have every value of every setting', () => {
    const short = shortPlan(cases, 20);
    expect(short).toHaveLength(20);
    for (const [name, values] of Object.entries(CASE_DIMENSIONS)) {
      expect(new Set<unknown>(short.map((planned) => planned[name as keyof typeof planned]))).toEqual(new Set<unknown>(values));
    }
    expect(shortPlan(cases, 1000)).toEqual(cases);
  });

  test('has each of the 13 and 15 ciphers with both roles of the old and the new version', () => {
    const met = new Set(cases.map(({ peer, crypt }) => `${peer} ${crypt}`));
    for (const role of ['client', 'server']) {
      for (const crypt of CASE_DIMENSIONS.crypt) {
        expect(met.has(`new ${role} ${crypt}`)).toBe(true);
        expect(met.has(`old ${role} ${crypt}`)).toBe(crypt !== 'null' && crypt !== 'aes-128-gcm');
      }
    }
    expect(met.size).toBe(56);
  });

  test('leaves out what the old version cannot do', () => {
    expect(isAllowed({ peer: 'old server', crypt: 'null' })).toBe(false);
    expect(isAllowed({ peer: 'old client', qpp: true })).toBe(false);
    expect(isAllowed({ peer: 'old client', crypt: 'aes', conn: 3 })).toBe(false);
    expect(isAllowed({ peer: 'old client', crypt: 'salsa20', conn: 3 })).toBe(true);
    expect(isAllowed({ peer: 'new client', crypt: 'null', conn: 3, qpp: true })).toBe(true);
    expect(isAllowed({ peer: 'old server', fec: '20/5 0/0' })).toBe(false);
    expect(isAllowed({ peer: 'old server', fec: '0/0 0/0' })).toBe(true);
    expect(isAllowed({ crypt: 'null' })).toBe(true);
  });
});
