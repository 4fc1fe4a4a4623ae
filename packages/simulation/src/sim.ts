// `npm run sim`: tries many seeds, or replays one. A seed that fails is reduced and kept as a file, which the tests replay from then on.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { crc32 } from 'node:zlib';
import { endWithMistake, parseToolFlags } from '@kcptun/testkit/node';
import { drawPlan } from './draw-plan.ts';
import { tryLine, tryLines } from './lines/try-lines.ts';
import type { Outcome } from './outcome.ts';
import type { Plan } from './plan.ts';
import { Pool } from './pool.ts';
import { reducePlan } from './reduce.ts';
import { runPlan } from './run-plan.ts';

const USAGE = `usage: npm run sim -- --seeds 1000 [--from SEED] [--jobs N] [--keep FOLDER]     tries seeds; by default from a random one on
       npm run sim -- --seed SEED | --plan FILE [--trace] [--datagrams] [--reduce]    replays one; --trace shows what happened when
       npm run sim -- --lines --seeds 1000 [--from SEED] [--jobs N] | --lines --seed SEED
                                          mode auto over bottlenecks that tunnels and TCP share; one line for each violation`;

const REGRESSIONS = fileURLToPath(new URL('../regressions', import.meta.url));
/** Seeds that fail in one call, after which it ends. */
const MAX_FAILURES = 20;
/** How often the progress is shown, in ms of real time. */
const PROGRESS_TIME = 10_000;

const values = parseToolFlags(USAGE, {
  seeds: { type: 'string' },
  from: { type: 'string' },
  jobs: { type: 'string' },
  keep: { type: 'string' },
  seed: { type: 'string' },
  plan: { type: 'string' },
  trace: { type: 'boolean' },
  datagrams: { type: 'boolean' },
  reduce: { type: 'boolean' },
  lines: { type: 'boolean' },
});

if (values.lines === true) {
  await lines();
} else if (values.plan !== undefined) {
  await replay(readPlan(values.plan), basename(values.plan));
} else if (values.seed !== undefined) {
  const seed = number('seed', values.seed);
  await replay(drawPlan(seed), `seed ${seed}`);
} else if (values.seeds !== undefined) {
  await trySeeds(firstSeed(), number('seeds', values.seeds), jobs());
} else {
  endWithMistake(USAGE, 'one of --seeds, --seed and --plan is needed');
}

function number(name: string, text: string): number {
  return /^\d+$/.test(text) ? Number(text) : endWithMistake(USAGE, `--${name} ${text}: a whole number is needed`);
}

async function lines(): Promise<void> {
  let well: boolean;
  if (values.seed !== undefined) well = await tryLine(number('seed', values.seed));
  else if (values.seeds !== undefined) well = await tryLines(firstSeed(), number('seeds', values.seeds), jobs());
  else endWithMistake(USAGE, '--lines needs --seeds or --seed');
  if (!well) process.exitCode = 1;
}

function firstSeed(): number {
  return values.from === undefined ? Math.floor(Math.random() * 2 ** 31) : number('from', values.from);
}

function jobs(): number {
  return Math.max(1, values.jobs === undefined ? availableParallelism() : number('jobs', values.jobs));
}

function readPlan(file: string): Plan {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Plan;
  } catch (error) {
    return endWithMistake(USAGE, `--plan ${file}: ${(error as Error).message}`);
  }
}

async function replay(plan: Plan, name: string): Promise<void> {
  const trace = values.trace === true;
  const onNote = (at: number, text: string): void => console.log(`${at.toFixed(2).padStart(12)}  ${text}`);
  if (trace) console.log(JSON.stringify(plan, null, 2));
  const outcome = await runPlan(plan, { ...(trace ? { onNote } : {}), datagrams: values.datagrams === true });
  report(name, outcome);
  if (outcome.violations.length === 0) return;
  process.exitCode = 1;
  if (values.reduce === true) await reduceAndKeep(plan, outcome, (candidate) => runPlan(candidate));
}

async function trySeeds(from: number, count: number, jobs: number): Promise<void> {
  console.log(`seeds ${from} to ${from + count - 1}, ${jobs} threads`);
  const pool = new Pool(jobs);
  const started = performance.now();
  const failures: { readonly seed: number; readonly outcome: Outcome }[] = [];
  let next = 0;
  let done = 0;
  let virtual = 0;
  let digest = 0;
  let shown = started;
  const lane = async (): Promise<void> => {
    while (next < count && failures.length < MAX_FAILURES) {
      const seed = from + next;
      next += 1;
      const outcome = await pool.run(drawPlan(seed));
      done += 1;
      virtual += outcome.elapsed;
      digest = (digest + crc32(outcome.digest)) >>> 0;
      if (outcome.violations.length > 0) {
        failures.push({ seed, outcome });
        report(`seed ${seed}`, outcome);
      }
      if (performance.now() - shown < PROGRESS_TIME) continue;
      shown = performance.now();
      console.log(`${done} of ${count}, ${failures.length} failed`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, lane));
  const seconds = (performance.now() - started) / 1000;
  console.log(
    `${done} seeds in ${seconds.toFixed(1)} s (${((seconds * jobs * 1000) / done).toFixed(0)} ms each on a thread), ${(virtual / 3_600_000).toFixed(1)} hours of virtual time, ${failures.length} failed; digest of all ${digest.toString(16)}`,
  );
  // One of each kind is enough to work on.
  const kinds = new Map(failures.map((failure) => [failure.outcome.violations[0]?.oracle, failure]));
  for (const { seed, outcome } of kinds.values()) await reduceAndKeep(drawPlan(seed), outcome, (candidate) => pool.run(candidate));
  await pool.close();
  if (failures.length > 0) process.exitCode = 1;
}

function report(name: string, outcome: Outcome): void {
  for (const { oracle, text, at } of outcome.violations) console.log(`${name}: ${oracle} at ${at} ms: ${text}`);
  if (outcome.violations.length === 0) {
    console.log(
      `${name}: all is well; ${outcome.datagrams} datagrams, ${outcome.delivered} bytes delivered, ${outcome.elapsed} ms, digest ${outcome.digest}`,
    );
  }
}

async function reduceAndKeep(plan: Plan, outcome: Outcome, run: (plan: Plan) => Promise<Outcome>): Promise<void> {
  const oracle = outcome.violations[0]?.oracle as string;
  const reduction = await reducePlan(plan, outcome, run);
  const folder = values.keep ?? REGRESSIONS;
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `${oracle}-${plan.seed}.json`);
  const text = reduction.outcome.violations.find((violation) => violation.oracle === oracle)?.text;
  writeFileSync(file, `${JSON.stringify({ note: `${oracle}: ${text}`, ...reduction.plan }, null, 2)}\n`);
  console.log(`reduced in ${reduction.runs} runs to ${relative(process.cwd(), file)}: ${oracle}: ${text}`);
}
