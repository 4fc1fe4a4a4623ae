// `npm run differential`: tries each comparison many times, and reports how often.

import { Random } from '@kcptun/testkit';
import { endWithMistake, parseToolFlags } from '@kcptun/testkit/node';
import { COMPARISONS } from './differential/index.ts';

const USAGE = `usage: npm run differential -- [--runs 2000] [--from SEED] [--only WORD]
Comparisons: ${COMPARISONS.map(({ name }) => name).join('; ')}.`;

const values = parseToolFlags(USAGE, { runs: { type: 'string', default: '2000' }, from: { type: 'string' }, only: { type: 'string' } }, [
  'runs',
]);
const runs = Number(values.runs);
const from = values.from === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.from);
const chosen = COMPARISONS.filter(({ name }) => name.includes(values.only ?? ''));
if (!Number.isInteger(runs) || !Number.isInteger(from)) endWithMistake(USAGE, '--runs and --from are whole numbers');
if (chosen.length === 0) endWithMistake(USAGE, `--only ${values.only}: no comparison has this in its name`);

console.log(`seeds ${from} to ${from + runs - 1}`);
for (const comparison of chosen) {
  const { name, missing } = comparison;
  if (missing !== undefined) {
    console.log(`${name}: SKIPPED, ${missing}`);
    continue;
  }
  const started = performance.now();
  let failed = 0;
  for (let seed = from; seed < from + runs; seed++) {
    const problem = comparison.run(new Random(seed));
    if (problem === undefined) continue;
    failed += 1;
    if (failed <= 5) console.log(`${name}: seed ${seed}: ${problem}`);
  }
  console.log(`${name}: ${runs} runs, ${failed} differ, ${((performance.now() - started) / 1000).toFixed(1)} s`);
  if (failed > 0) process.exitCode = 1;
}
