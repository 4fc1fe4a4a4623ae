// The whole comparison in one run, every scenario interleaved with the Go programs:
//
//   node dist/bench.js [--rounds 5] [--size 300] [--only aes,echo] [--out results/name.json]
//
// Prints a row per scenario and program with the ratio to Go 2026 and to its stronger self with GOMAXPROCS=1, and writes everything as JSON with
// what the machine is. Takes about a minute per scenario; run it on an idle machine.

import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { type BulkResult, measureBulk } from './bulk.ts';
import { measureEcho } from './echo-measure.ts';
import { median } from './traffic.ts';
import { findPrograms, type Program } from './tunnel-programs.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    size: { type: 'string', default: '300' },
    only: { type: 'string', default: '' },
    out: { type: 'string', default: join(import.meta.dirname, '..', 'results', 'loopback.json') },
  },
});

interface Scenario {
  readonly name: string;
  readonly crypt?: string;
  readonly fec?: readonly [string, string];
  readonly comp?: 'random' | 'text';
  readonly direction?: 'up' | 'down';
  readonly streams?: number;
  readonly sessions?: number;
  /** Compared with Go 2026, with and without GOMAXPROCS=1, which are always there. */
  readonly others?: readonly string[];
}

const FEC_OFF = ['0', '0'] as const;
const SCENARIOS: readonly Scenario[] = [
  { name: 'aes, FEC 10/3', others: ['nonative', 'nowasm', 'old', 'ours-go', 'go-ours'] },
  { name: 'aes, FEC 10/3, down', direction: 'down' },
  { name: 'aes, no FEC', fec: FEC_OFF },
  { name: 'aes-128, FEC 10/3', crypt: 'aes-128' },
  { name: 'aes-128-gcm, FEC 10/3', crypt: 'aes-128-gcm' },
  { name: 'salsa20, FEC 10/3', crypt: 'salsa20' },
  { name: 'none, FEC 10/3', crypt: 'none' },
  { name: 'none, no FEC', crypt: 'none', fec: FEC_OFF },
  { name: 'aes, FEC 10/3, compression of text', comp: 'text' },
  { name: 'aes, FEC 10/3, compression of random bytes', comp: 'random' },
  ...[10, 100, 1000].map((streams) => ({ name: `aes, FEC 10/3, ${streams} streams`, streams })),
  ...[10, 100, 1000].map((sessions) => ({ name: `aes, FEC 10/3, ${sessions} sessions`, streams: sessions, sessions })),
];

const rounds = Number(values.rounds);
const wanted = values.only.split(',').filter((part) => part !== '');
const isWanted = (name: string): boolean => wanted.length === 0 || wanted.some((part) => name.includes(part));
const report: { scenario: string; program: string; result: object }[] = [];

for (const scenario of SCENARIOS.filter(({ name }) => isWanted(name))) {
  const programs = findPrograms(['ours', 'go', 'go1', ...(scenario.others ?? [])]);
  const rows = await interleaved(programs, (program) =>
    measureBulk(program, {
      flags: flagsOf(scenario),
      megabytes: Number(values.size),
      direction: scenario.direction ?? 'up',
      data: scenario.comp ?? 'random',
      streams: scenario.streams ?? 1,
      sessions: scenario.sessions ?? 1,
    }),
  );
  console.log(`\n${scenario.name}`);
  const medians = rows.map(([program, list]) => ({ program, ...medianOf(list) }));
  for (const row of medians) printBulk(row, medians);
  for (const { program, ...result } of medians) report.push({ scenario: scenario.name, program: program.name, result });
}

if (isWanted('echo')) {
  console.log('\necho of 64 bytes, idle tunnel');
  const flags = ['--key', 'benchmark', '--mode', 'fast3', '--nocomp', '--smuxver', '2', '--quiet'];
  for (const [program, list] of await interleaved(findPrograms(['ours', 'go', 'go1', 'nonative']), (each) =>
    measureEcho(each, flags, 2000),
  )) {
    const result = { p50: median(list.map(({ p50 }) => p50)), p99: median(list.map(({ p99 }) => p99)) };
    console.log(`  ${program.name.padEnd(26)} p50 ${result.p50.toFixed(3)} ms   p99 ${result.p99.toFixed(3)} ms`);
    report.push({ scenario: 'echo', program: program.name, result });
  }
}

const machine = {
  node: process.version,
  system: `${process.platform} ${release()}`,
  cpu: cpus()[0]?.model,
  cores: cpus().length,
  memory: totalmem(),
};
mkdirSync(dirname(values.out), { recursive: true });
writeFileSync(
  values.out,
  `${JSON.stringify({ date: new Date().toISOString(), machine, rounds, megabytes: Number(values.size), report }, undefined, 1)}\n`,
);
console.log(`\nwritten: ${values.out}`);

/** Every program once per round, so that a change of the machine's mood meets all of them. A scenario that a program cannot do is left out. */
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

function flagsOf(scenario: Scenario): string[] {
  const [ds, ps] = scenario.fec ?? ['10', '3'];
  return [
    ...[
      '--key',
      'benchmark',
      '--crypt',
      scenario.crypt ?? 'aes',
      '--mode',
      'fast3',
      '--sndwnd',
      '8192',
      '--rcvwnd',
      '8192',
      '--smuxver',
      '2',
      '--quiet',
    ],
    ...['--datashard', ds, '--parityshard', ps],
    ...(scenario.comp === undefined ? ['--nocomp'] : []),
  ];
}

function medianOf(list: readonly BulkResult[]): BulkResult {
  const of = (key: keyof BulkResult): number => median(list.map((result) => result[key]));
  return {
    mbps: of('mbps'),
    clientCpu: of('clientCpu'),
    serverCpu: of('serverCpu'),
    clientRss: of('clientRss'),
    serverRss: of('serverRss'),
  };
}

function printBulk(row: BulkResult & { program: Program }, all: readonly (BulkResult & { program: Program })[]): void {
  const cpu = row.clientCpu + row.serverCpu;
  const ratios = all
    .filter(({ program }) => program !== row.program && program.name.startsWith('go 2026'))
    .map(
      (other) =>
        `${(row.mbps / other.mbps).toFixed(2)} x, CPU ${(cpu / (other.clientCpu + other.serverCpu)).toFixed(2)} x of ${other.program.name}`,
    );
  console.log(
    `  ${row.program.name.padEnd(26)} ${row.mbps.toFixed(1).padStart(7)} MB/s  ${row.clientCpu.toFixed(1).padStart(5)} + ${row.serverCpu.toFixed(1).padStart(5)} s/GB` +
      `  RSS ${row.clientRss.toFixed(0)} / ${row.serverRss.toFixed(0)} MiB  ${ratios.join('; ')}`,
  );
}
