// Real programs under torture: crashes, stopped processes, black holes, full disks, too few files, crowds and misers. Linux.
//
//   node dist/torture.js [--seed N] [--only NAME] [--short] [--list]
//
// Each case starts programs of its own (ours, and the Go program of 2026 as one end of some), spoils something, and then asks: was everything
// that was delivered right, do new connections work within 3 s, is nothing left behind? `--only` may be given several times. Exit code 1 when a
// case failed, 3 when this system can not run them.

import { parseArgs } from 'node:util';
import { findPrograms } from '@kcptun/interop';
import { Random } from '@kcptun/testkit';
import { crashes } from './torture/crashes.ts';
import { enterLab, whyNoLab } from './torture/lab.ts';
import { silences } from './torture/silences.ts';
import type { TortureCase } from './torture/torture-case.ts';

/** The whole takes no longer, in ms. */
const LIMIT = 600_000;
const EXIT_IMPOSSIBLE = 3;

const ALL: readonly TortureCase[] = [...crashes, ...silences];

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: `${Date.now() % 1_000_000}` },
    only: { type: 'string', multiple: true, default: [] },
    short: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
});
process.exit(await main());

async function main(): Promise<number> {
  const { short, only, list } = values;
  const seed = Number(values.seed);
  const unknown = only.find((name) => !ALL.some((each) => each.name === name));
  if (unknown !== undefined || !Number.isInteger(seed)) {
    console.error(unknown === undefined ? `--seed ${values.seed}: an integer is asked for` : `--only ${unknown}: no such case, see --list`);
    return 2;
  }
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
  let [failed, skipped] = [0, 0];
  for (const { name, ends, run } of chosen) {
    const begun = performance.now();
    const report = (word: string, text: string): void =>
      console.log(`${word.padEnd(8)}${name.padEnd(24)}${((performance.now() - begun) / 1000).toFixed(1).padStart(6)} s  ${text}`);
    if (programs.goMissing !== undefined && ends.includes('new')) {
      skipped += 1;
      report('SKIPPED', programs.goMissing);
      continue;
    }
    try {
      // A sequence of its own for each case: it is the same alone and among the others.
      const random = new Random(seed);
      const index = ALL.findIndex((each) => each.name === name);
      random.reseed(seed, index);
      report('passed', await bounded(run({ programs, random, short }), started + LIMIT));
    } catch (error) {
      failed += 1;
      report('FAILED', (error as Error).message);
    }
  }
  console.log(
    `${chosen.length - failed - skipped} passed, ${failed} failed, ${skipped} skipped, ${Math.round((performance.now() - started) / 1000)} s`,
  );
  const strict = process.env['CI'] === 'true';
  return failed > 0 || (strict && skipped > 0) ? 1 : 0;
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
