// `npm run bench`: the whole comparison, every row interleaved with the Go programs of the same run. `node dist/table.js` prints the file that it
// writes as Markdown.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { median } from '@kcptun/testkit';
import { endWithMistake, parseToolFlags } from '@kcptun/testkit/node';
import { type BulkResult, measureBulk } from './bulk.ts';
import { measureEcho } from './echo-measure.ts';
import { measureIdle } from './idle.ts';
import { runInNamespace } from './namespace.ts';
import { type Entry, mergeResults, ONE_STREAM, type Row } from './results.ts';
import { BULK, type BulkScenario, flagsOf, SCRIPTS } from './scenarios.ts';
import { findPrograms, type Program } from './tunnel-programs.ts';

const USAGE = `usage: npm run bench -- [--only aes-fec,echo,micro] [--rounds 5] [--size 700] [--quick] [--out FILE]
       npm run bench -- --list    the rows

Prints a line per program with the ratio to Go 2026 and to its stronger self with GOMAXPROCS=1, and merges the medians into a JSON file (by
default packages/benchmarks/results/loopback.json), so that rows can be measured one by one on a machine that is not always quiet. Sizes are in
MB. A row takes one to five minutes with five rounds, all of them about an hour and a half; --quick (one round, little data) takes a few minutes and is
for trying out.`;

const values = parseToolFlags(
  USAGE,
  {
    rounds: { type: 'string' },
    size: { type: 'string' },
    only: { type: 'string', default: '' },
    quick: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    // Set by this program for its copy in a namespace.
    inside: { type: 'boolean', default: false },
    out: { type: 'string', default: join(import.meta.dirname, '..', 'results', 'loopback.json') },
  },
  ['rounds', 'size'],
);

const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
const most = Number(values.size ?? (values.quick ? 60 : 700));
const FLAGS = ['--key', 'benchmark', '--mode', 'fast3', '--nocomp', '--smuxver', '2', '--quiet'];
const IDLE_SESSIONS = 1000;
const wanted = values.only.split(',').filter((part) => part !== '');
/** An id, or what ids begin with: `micro`. */
const isWanted = (id: string): boolean => wanted.length === 0 || wanted.some((part) => id === part || id.startsWith(`${part}-`));

const others = [{ id: 'echo', name: 'round trips' }, { id: 'idle', name: `${IDLE_SESSIONS} idle sessions` }, ...SCRIPTS];
const unknown = wanted.find(
  (part) => ![...BULK, ...others].some(({ id }, at) => id === part || (at >= BULK.length && id.startsWith(`${part}-`))),
);

if (values.list) {
  console.log([...BULK, ...others].map(({ id, name }) => `${id.padEnd(16)} ${name}`).join('\n'));
  process.exit();
}
if (unknown !== undefined) endWithMistake(USAGE, `--only ${unknown}: no such row, see --list`);

for (const scenario of BULK) {
  if (wanted.length > 0 && !wanted.includes(scenario.id)) continue;
  if (scenario.network === undefined || values.inside) await bulk(scenario);
  else nested(scenario, scenario.network);
}
if (isWanted('echo')) await echo();
if (isWanted('idle')) await idle();
for (const script of SCRIPTS.filter(({ id }) => isWanted(id))) {
  console.log(`\n${script.name}`);
  const [file = '', ...args] = script.args;
  const { stdout: output, status } = spawnSync(process.execPath, [join(import.meta.dirname, file), ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.stdout.write(output);
  // A limit that was passed is a result like any other.
  if (status !== 0) process.exitCode = 1;
  keep({ id: script.id, name: script.name, rounds: 1, lines: output.trimEnd().split('\n') });
}

function keep(entry: Omit<Entry, 'date'>): void {
  mergeResults(values.out, [{ ...entry, date: new Date().toISOString() }]);
}

async function bulk(scenario: BulkScenario): Promise<void> {
  console.log(`\n${scenario.name}`);
  const programs = findPrograms(['ours', 'go', 'go1', ...(scenario.others ?? [])]);
  const megabytes = Math.min(most, scenario.megabytes ?? most);
  const { streams = 1, sessions = 1 } = scenario;
  // What many of something keep of the speed of one says nothing unless both are of one run.
  const [ours] = programs as [Program];
  const one = { ...ours, name: ONE_STREAM };
  const results = await interleaved(streams > 1 ? [ours, one, ...programs.slice(1)] : programs, (program) =>
    measureBulk(program, {
      flags: flagsOf(scenario),
      megabytes,
      direction: scenario.direction ?? 'up',
      data: scenario.comp ?? 'random',
      streams: program === one ? 1 : streams,
      sessions: program === one ? 1 : sessions,
    }),
  );
  const rows = results.map(([program, list]) => ({ program: program.name, figures: mediansOf(list) }));
  for (const row of rows) printBulk(row, rows);
  keep({ id: scenario.id, name: scenario.name, rounds, rows, notes: [`${megabytes} MB`] });
}

/** The same program for this row alone, where the network is another. */
function nested(scenario: BulkScenario, network: 'no-offload' | 'loss'): void {
  const self = [process.execPath, import.meta.filename, '--inside', '--only', scenario.id, '--out', values.out];
  const notes = runInNamespace(network, [...self, '--rounds', `${rounds}`, '--size', `${most}`]);
  for (const note of notes) console.log(`  ${note}`);
}

async function echo(): Promise<void> {
  console.log('\necho of 64 bytes, idle tunnel');
  const results = await interleaved(findPrograms(['ours', 'go', 'go1', 'nonative']), (program) => measureEcho(program, FLAGS, 2000));
  const rows = results.map(([program, list]) => ({
    program: program.name,
    figures: { p50: median(list.map(({ p50 }) => p50)), p99: median(list.map(({ p99 }) => p99)) },
  }));
  for (const { program, figures } of rows) {
    console.log(`  ${program.padEnd(26)} p50 ${figures.p50.toFixed(3)} ms   p99 ${figures.p99.toFixed(3)} ms`);
  }
  keep({ id: 'echo', name: 'echo of 64 bytes, idle tunnel', rounds, rows });
}

async function idle(): Promise<void> {
  const name = `${IDLE_SESSIONS} idle sessions`;
  console.log(`\n${name}`);
  const rows: Row[] = [];
  for (const program of findPrograms(['ours', 'go'])) {
    const figures = { ...(await measureIdle(program, FLAGS, IDLE_SESSIONS, 30)) };
    rows.push({ program: program.name, figures });
    console.log(
      `  ${program.name.padEnd(26)} client ${figures.clientCpu.toFixed(2)} % of a core, ${figures.clientMemory.toFixed(0)} kB a session` +
        `   server ${figures.serverCpu.toFixed(2)} %, ${figures.serverMemory.toFixed(0)} kB`,
    );
  }
  keep({ id: 'idle', name, rounds: 1, rows });
}

/** Every program once per round, so that a change of the machine's mood meets all of them. What a program cannot do is said and left out. */
async function interleaved<Result>(
  programs: readonly Program[],
  measure: (program: Program) => Promise<Result>,
): Promise<(readonly [program: Program, results: Result[]])[]> {
  const rows = programs.map((program) => [program, [] as Result[]] as const);
  for (let round = 0; round < rounds; round++) {
    for (const [program, list] of rows) {
      try {
        list.push(await measure(program));
      } catch (error) {
        console.log(`  ${program.name}: ${(error as Error).message}`);
      }
    }
  }
  return rows.filter(([, list]) => list.length > 0);
}

function mediansOf(list: readonly BulkResult[]): Row['figures'] {
  const keys = ['mbps', 'clientCpu', 'serverCpu', 'clientRss', 'serverRss'] as const;
  return Object.fromEntries(keys.map((key) => [key, median(list.map((result) => result[key]))]));
}

function printBulk({ program, figures }: Row, all: readonly Row[]): void {
  const { mbps = 0, clientCpu = 0, serverCpu = 0, clientRss = 0, serverRss = 0 } = figures;
  const ratios = all
    .filter((other) => other.program !== program && (other.program.startsWith('go 2026') || other.program === ONE_STREAM))
    .map((other) => {
      const theirs = (other.figures['clientCpu'] ?? 0) + (other.figures['serverCpu'] ?? 0);
      const rate = (mbps / (other.figures['mbps'] ?? 0)).toFixed(2);
      return `${rate} x, CPU ${((clientCpu + serverCpu) / theirs).toFixed(2)} x of ${other.program}`;
    });
  console.log(
    `  ${program.padEnd(26)} ${mbps.toFixed(1).padStart(7)} MB/s  ${clientCpu.toFixed(1).padStart(5)} + ${serverCpu.toFixed(1).padStart(5)} s/GB` +
      `  RSS ${clientRss.toFixed(0)} / ${serverRss.toFixed(0)} MiB  ${ratios.join('; ')}`,
  );
}
