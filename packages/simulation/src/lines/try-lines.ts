// `npm run sim -- --lines`: tries many lines, or one. Each violation is one line with the plan, from which
// the run can be repeated; the end says how many seeds violate each oracle.

import type { Outcome } from '../outcome.ts';
import { Pool } from '../pool.ts';
import { drawLine, type LinePlan } from './plan.ts';
import { runLine } from './run-line.ts';

/** How often the progress is shown, in ms of real time. */
const PROGRESS_TIME = 10_000;
/** What is listed and is no failure: queues that are shorter than what one turn of a program sends. */
const LISTED = /-burst$/;

/** Tries so many seeds on several threads. Returns whether all is well. */
export async function tryLines(from: number, count: number, jobs: number): Promise<boolean> {
  console.log(`lines ${from} to ${from + count - 1}, ${jobs} threads`);
  const pool = new Pool(jobs);
  const started = performance.now();
  const tally = new Map<string, number>();
  let next = 0;
  let done = 0;
  let failed = 0;
  let shown = started;
  const lane = async (): Promise<void> => {
    while (next < count) {
      const plan = drawLine(from + next);
      next += 1;
      const outcome = await pool.run(plan);
      done += 1;
      report(plan, outcome);
      for (const { oracle } of outcome.violations) tally.set(oracle, (tally.get(oracle) ?? 0) + 1);
      if (outcome.violations.some(({ oracle }) => !LISTED.test(oracle))) failed += 1;
      if (performance.now() - shown < PROGRESS_TIME) continue;
      shown = performance.now();
      console.log(`${done} of ${count}, ${failed} failed`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, lane));
  await pool.close();
  const seconds = (performance.now() - started) / 1000;
  const each = ((seconds * jobs * 1000) / done).toFixed(0);
  console.log(`${done} lines in ${seconds.toFixed(1)} s (${each} ms each on a thread), ${failed} failed`);
  for (const [oracle, seeds] of [...tally].sort((a, b) => b[1] - a[1])) {
    console.log(`${oracle.padEnd(12)} ${seeds} of ${done} seeds (${((100 * seeds) / done).toFixed(2)} %)`);
  }
  return failed === 0;
}

/** Runs the line of one seed. Returns whether all is well. */
export async function tryLine(seed: number): Promise<boolean> {
  const plan = drawLine(seed);
  const outcome = await runLine(plan);
  report(plan, outcome);
  if (outcome.violations.length === 0) console.log(`line ${seed}: all is well; ${outcome.digest} ${JSON.stringify(plan)}`);
  return outcome.violations.length === 0;
}

function report(plan: LinePlan, { violations }: Outcome): void {
  for (const { oracle, text } of violations) console.log(`line ${plan.seed}: ${oracle}: ${text}: ${JSON.stringify(plan)}`);
}
