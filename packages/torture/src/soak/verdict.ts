// What the samples of a soak say: nothing may grow once both ends have warmed up.

import { fitTrend } from '@kcptun/testkit';
import type { SoakRow } from './run.ts';

/** A verdict with its reasons. */
export interface Verdict {
  readonly passed: boolean;
  readonly lines: readonly string[];
}

/**
 * The part of the samples that does not count. Pools fill within minutes, but V8 goes on compiling for some ten thousand connections: ever more
 * functions have optimised code, and the lists of what that code relies on grow until they are swept. Heap snapshots of an hour's worth of
 * connections show that nothing else grows.
 */
const WARM_UP = 1 / 4;
/** How much the greatest resident size of the last quarter may exceed that of the first. */
const RSS_GROWTH = 1.05;
const KIB = 1024;

/** The number of samples of a soak of so many that are warm-up. */
export function warmUpOf(samples: number): number {
  return Math.floor(samples * WARM_UP);
}

/** Judges a soak. Fewer than eight samples are too few for a trend: then only failures count. */
export function judge(rows: readonly SoakRow[]): Verdict {
  const lines: string[] = [];
  let passed = true;
  const check = (holds: boolean, text: string): void => {
    lines.push(`${holds ? 'holds' : 'FAILS'}: ${text}`);
    passed &&= holds;
  };
  const counted = rows.slice(warmUpOf(rows.length));
  if (counted.length >= 8) lines.push(`the first ${rows.length - counted.length} of ${rows.length} samples are warm-up`);
  for (const side of ['client', 'server'] as const) {
    if (counted.length < 8) break;
    const of = (name: 'used' | 'rss' | 'fds'): number[] => counted.map((row) => row[side][name]);
    const { slope, margin } = fitTrend(of('used'));
    check(
      slope <= margin,
      `${side}: heap + external + arena grow by ${(slope / KIB).toFixed(2)} ± ${(margin / KIB).toFixed(2)} KiB per sample (95 %)`,
    );
    const growth = growthOfMaximum(of('rss'));
    check(growth <= RSS_GROWTH, `${side}: greatest resident size, last quarter to first: ${growth.toFixed(3)}`);
    const fds = growthOfMaximum(of('fds'));
    check(fds <= 1, `${side}: most file descriptors, last quarter to first: ${fds.toFixed(3)}`);
  }
  const failures = rows.at(-1)?.churn.failures ?? [];
  check(
    failures.length === 0,
    `connections that did not end as they should: ${failures.length}${failures
      .slice(0, 3)
      .map((text) => `; ${text}`)
      .join('')}`,
  );
  return { passed, lines };
}

/** The greatest value of the last quarter relative to that of the first: 1.05 means 5 % more. */
export function growthOfMaximum(values: readonly number[]): number {
  const quarter = Math.max(1, Math.floor(values.length / 4));
  return Math.max(...values.slice(-quarter)) / Math.max(...values.slice(0, quarter));
}
