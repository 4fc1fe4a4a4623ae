// Real programs under torture: crashes, stopped processes, black holes, full disks, too few files, crowds and misers. Linux.
// Each case starts programs of its own (ours, and the Go program of 2026 as one end of some), spoils something, and then asks: was everything
// that was delivered right, do new connections work within 3 s, is nothing left behind?

import { findPrograms, Lanes } from '@kcptun/interop';
import { Random } from '@kcptun/testkit';
import { endWithMistake, parseToolFlags } from '@kcptun/testkit/node';
import { crashes } from './torture/crashes.ts';
import { crowds } from './torture/crowds.ts';
import { enterLab, whyNoLab } from './torture/lab.ts';
import { shortages } from './torture/shortages.ts';
import { silences } from './torture/silences.ts';
import type { Context, TortureCase } from './torture/torture-case.ts';

const USAGE = `usage: npm run torture -- [--seed N] [--only NAME]... [--short]
       npm run torture -- --list    the cases

Exit code 1 when a case failed, 3 when this system cannot run them (Linux, root and iptables are needed).`;
/** The whole takes no longer, in ms. */
const LIMIT = 600_000;
const EXIT_IMPOSSIBLE = 3;
/** Cases that run at the same time. */
const LANES = 2;

type Outcome = 'passed' | 'FAILED' | 'SKIPPED';

const ALL: readonly TortureCase[] = [...crashes, ...silences, ...shortages, ...crowds];

const values = parseToolFlags(USAGE, {
  seed: { type: 'string', default: `${Date.now() % 1_000_000}` },
  only: { type: 'string', multiple: true, default: [] },
  short: { type: 'boolean', default: false },
  list: { type: 'boolean', default: false },
});
process.exit(await main());

async function main(): Promise<number> {
  const { short, only, list } = values;
  const seed = Number(values.seed);
  const unknown = only.find((name) => !ALL.some((each) => each.name === name));
  if (unknown !== undefined) endWithMistake(USAGE, `--only ${unknown}: no such case, see --list`);
  if (!Number.isInteger(seed)) endWithMistake(USAGE, `--seed ${values.seed}: a whole number is needed`);
  const chosen = ALL.filter((each) => (only.length === 0 ? !short || each.short : only.includes(each.name)));
  if (list) {
    for (const { name, ends } of chosen) console.log(`${name.padEnd(24)}${ends.join(' client, ')} server`);
    return 0;
  }
  const reason = whyNoLab();
  if (reason !== undefined) {
    console.error(`not possible here: ${reason}`);
    return EXIT_IMPOSSIBLE;
  }
  return (await enterLab()) ?? runAll(chosen, seed, short);
}

async function runAll(chosen: readonly TortureCase[], seed: number, short: boolean): Promise<number> {
  const programs = await findPrograms();
  if (programs.oursMissing !== undefined) throw new Error(programs.oursMissing);
  console.log(`seed ${seed}, ${chosen.length} cases; --seed ${seed} --only NAME repeats one`);
  const started = performance.now();
  const strict = process.env['CI'] === 'true';
  const counts: Record<Outcome, number> = { passed: 0, FAILED: 0, SKIPPED: 0 };
  // Most of the time is spent waiting.
  const lanes = new Lanes(LANES);
  const work = chosen.map((each) =>
    lanes.run(async () => {
      const begun = performance.now();
      const [outcome, text] = await runOne(each, { programs, short, random: randomFor(each, seed) }, started + LIMIT);
      counts[outcome] += 1;
      console.log(`${outcome.padEnd(8)}${each.name.padEnd(24)}${((performance.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${text}`);
    }),
  );
  await Promise.all(work);
  const took = Math.round((performance.now() - started) / 1000);
  console.log(`${counts.passed} passed, ${counts.FAILED} failed, ${counts.SKIPPED} skipped, ${took} s`);
  return counts.FAILED > 0 || (strict && counts.SKIPPED > 0) ? 1 : 0;
}

/** A sequence of its own for each case: it is the same alone and among the others. */
function randomFor(each: TortureCase, seed: number): Random {
  const random = new Random(seed);
  random.reseed(seed, ALL.indexOf(each));
  return random;
}

async function runOne(each: TortureCase, context: Context, deadline: number): Promise<[Outcome, string]> {
  const { goMissing } = context.programs;
  if (goMissing !== undefined && each.ends.includes('new')) return ['SKIPPED', goMissing];
  try {
    return ['passed', await bounded(each.run(context), deadline)];
  } catch (error) {
    return ['FAILED', (error as Error).message];
  }
}

/** @throws {Error} when `work` is not done at `deadline` (of performance.now()) */
async function bounded<T>(work: Promise<T>, deadline: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no time is left')), Math.max(0, deadline - performance.now()));
  });
  try {
    return await Promise.race([work, over]);
  } finally {
    clearTimeout(timer);
  }
}
