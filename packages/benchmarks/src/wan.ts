// `npm run bench:wan`: plain TCP, the Go program and ours over long, lossy, changing and shared links. Linux, as root.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { endWithMistake, parseToolFlags } from '@kcptun/testkit/node';
import { isDrawnOverTime, lossChart, timeChart } from './wan/charts.ts';
import { CONTENDERS, findContender } from './wan/contenders.ts';
import { writeSection } from './wan/docs.ts';
import { makeRow, mergeWanResults, readWanResults } from './wan/results.ts';
import { type Run, runScenario } from './wan/run.ts';
import { FIGURES, type FigureName, SCENARIOS, type Scenario, SECONDS, WARM_UP } from './wan/scenarios.ts';
import { renderTables } from './wan/tables.ts';

const USAGE = `usage: npm run bench:wan -- [--only ROW,GROUP,...] [--contenders NAME,...] [--rounds 3] [--busy] [--nice=N] [--add] [--out FILE] [--docs] [--list]

Measures rows (--list names them and says how long they take), by default all with all of their contenders:
${CONTENDERS.map(({ name }) => name).join(', ')}.
--busy keeps one core busy beside them. --nice gives all measured programs a priority, for a machine with other work.
Results are merged into FILE row by row, by default packages/benchmarks/results/wan.json; with
--add, the runs count beside those that a row has. --docs measures nothing but
writes tables and charts of docs/PERFORMANCE.md from that file. Needs Linux, root, a C compiler, iproute2 and the Go
programs (npm run interop brings them).`;

const root = join(import.meta.dirname, '..', '..', '..');
const values = parseToolFlags(
  USAGE,
  {
    only: { type: 'string' },
    contenders: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    busy: { type: 'boolean', default: false },
    nice: { type: 'string', default: '0' },
    out: { type: 'string', default: join(root, 'packages', 'benchmarks', 'results', 'wan.json') },
    add: { type: 'boolean', default: false },
    docs: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
  },
  ['rounds'],
);

if (values.list) list();
else if (values.docs) writeDocs();
else await measure();

function list(): void {
  for (const { id, group, title, contenders, seconds = SECONDS } of SCENARIOS)
    console.log(`${group.padEnd(9)} ${id.padEnd(22)} ${contenders.length} x ${seconds + WARM_UP + 3} s  ${title}`);
}

function writeDocs(): void {
  const results = readWanResults(values.out);
  const page = join(root, 'docs', 'PERFORMANCE.md');
  writeFileSync(page, writeSection(readFileSync(page, 'utf8'), results));
  writeFileSync(join(root, 'docs', 'wan-loss.svg'), lossChart(results));
  writeFileSync(join(root, 'docs', 'wan-time.svg'), timeChart(results));
}

function chosenScenarios(): Scenario[] {
  const wanted = values.only?.split(',');
  const unknown = wanted?.find((name) => !SCENARIOS.some(({ id, group }) => id === name || group === name));
  if (unknown !== undefined) endWithMistake(USAGE, `--only ${unknown}: no such row or group`);
  return SCENARIOS.filter(({ id, group }) => wanted === undefined || wanted.includes(id) || wanted.includes(group));
}

async function measure(): Promise<void> {
  const scenarios = chosenScenarios();
  const names = values.contenders?.split(',');
  for (const name of names ?? []) {
    if (!CONTENDERS.some((each) => each.name === name)) endWithMistake(USAGE, `--contenders ${name}: no such contender`);
  }
  const nice = Number(values.nice);
  if (!(nice >= -20 && nice <= 19)) endWithMistake(USAGE, `--nice ${values.nice}: a number from -20 to 19 is needed`);
  for (const scenario of scenarios) {
    const runs = new Map(scenario.contenders.filter((name) => names?.includes(name) ?? true).map((name) => [name, [] as Run[]]));
    // Rounds are the outer loop, so that a change of the machine's mood meets all contenders.
    for (let round = 1; round <= Number(values.rounds); round++) {
      for (const [name, done] of runs) {
        try {
          const run = await runScenario(scenario, findContender(name), { seed: round, nice, busy: values.busy });
          done.push(run);
          console.error(`${scenario.id}, ${name}: ${describe(run)}`);
        } catch (error) {
          console.error(`${scenario.id}, ${name}: ${(error as Error).message}`);
        }
      }
    }
    const rows = [...runs].filter(([, done]) => done.length > 0);
    const before = values.add ? readWanResults(values.out).rows : [];
    const key = { id: scenario.id, busy: values.busy, nice };
    mergeWanResults(
      values.out,
      rows.map(([contender, done]) => {
        const same = before.find((row) => row.id === key.id && row.contender === contender && row.busy === key.busy);
        return makeRow({ ...key, contender }, done, isDrawnOverTime(scenario), same?.runs);
      }),
    );
  }
  console.log(renderTables(readWanResults(values.out), scenarios));
}

function describe({ figures, load, late, waited = 0 }: Run): string {
  const parts = Object.entries(figures).map(([name, value]) => `${name} ${value.toFixed(FIGURES[name as FigureName].digits)}`);
  return `${parts.join(', ')}; load ${load.toFixed(1)}, link late ${late.mean.toFixed(2)} / ${late.worst.toFixed(0)} ms, in line ${waited.toFixed(1)} %`;
}
