// The judgement of a soak: it must see a leak that is there and none that is not.

import { Random } from '@kcptun/testkit';
import { describe, expect, test } from 'vitest';
import type { Sample } from '../src/soak/end.ts';
import type { SoakRow } from '../src/soak/run.ts';
import { growthOfMaximum, judge } from '../src/soak/verdict.ts';

const MIB = 2 ** 20;

function rows(count: number, at: (index: number) => Partial<Sample>, failures: string[] = []): SoakRow[] {
  return Array.from({ length: count }, (_, index) => {
    const sample = { rss: 100 * MIB, used: 30 * MIB, fds: 20, ...at(index) } as Sample;
    return { minutes: index, client: sample, server: sample, churn: { connections: 1, bytes: 1, failures } };
  });
}

describe('a soak', () => {
  const noise = new Random(3);

  test('compares the greatest values of the first and the last quarter', () => {
    expect(growthOfMaximum([10, 8, 1, 1, 1, 1, 9, 12])).toBeCloseTo(1.2);
  });

  test('passes when memory only wavers', () => {
    const wavering = rows(60, () => ({ used: 30 * MIB + noise.integer(-200_000, 200_000), rss: 100 * MIB + noise.integer(0, 3 * MIB) }));
    expect(judge(wavering)).toMatchObject({ passed: true });
  });

  test('passes when memory grows in the warm-up only', () => {
    const filling = rows(60, (index) => ({ used: 30 * MIB + Math.min(index, 15) * 100_000 + noise.integer(-100_000, 100_000) }));
    expect(judge(filling)).toMatchObject({ passed: true });
  });

  test.each<[string, (index: number) => Partial<Sample>]>([
    ['memory in use', (index) => ({ used: 30 * MIB + index * 30_000 + noise.integer(-100_000, 100_000) })],
    ['resident memory', (index) => ({ rss: 100 * MIB + index * MIB })],
    ['file descriptors', (index) => ({ fds: 20 + Math.floor(index / 10) })],
  ])('fails when %s grows', (_, at) => {
    expect(judge(rows(60, at)).passed).toBe(false);
  });

  test('fails when a connection did', () => {
    const verdict = judge(rows(3, () => ({}), ['the hashes differ']));
    expect(verdict.passed).toBe(false);
    expect(verdict.lines.join()).toContain('the hashes differ');
  });
});
