// `npm run bench:wan`: plain TCP, the Go program and ours over a long and lossy link, measured on Linux as root.

import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { dirname, join } from 'node:path';
import { median } from '@kcptun/testkit';
import { endWithMistake, parseToolFlags } from '@kcptun/testkit/node';
import { drawChart } from './wan/chart.ts';
import type { WanResult } from './wan/peer.ts';
import { CONTENDERS, measureContender, TITLES } from './wan/run.ts';

const USAGE = `usage: npm run bench:wan -- [--rtt 20,100,250] [--loss 0,0.2,1,5,10] [--rate 100] [--queue 1000] [--only ${CONTENDERS.join(',')}]
       [--seconds 8] [--rounds 1] [--lanes 1] [--out FILE]

Round-trip times in ms, losses in percent, the rate in Mbit/s, the queue of the bottleneck in packets. Prints a table for each of goodput,
completion time of a small file and latency, writes them as JSON with what the machine is (by default over packages/benchmarks/results/wan.json),
and a chart as SVG beside it. Needs Linux, root, a C compiler and iproute2. About 25 s per program, link and round; lanes run side by side.`;

const values = parseToolFlags(
  USAGE,
  {
    rtt: { type: 'string', default: '20,100,250' },
    loss: { type: 'string', default: '0,0.2,1,5,10' },
    rate: { type: 'string', default: '100' },
    queue: { type: 'string', default: '1000' },
    only: { type: 'string', default: CONTENDERS.join(',') },
    seconds: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '1' },
    lanes: { type: 'string', default: '1' },
    out: { type: 'string', default: join(import.meta.dirname, '..', 'results', 'wan.json') },
  },
  ['rate', 'queue', 'seconds', 'rounds', 'lanes'],
);

/** One program over one link, medians of the rounds. */
interface Row extends WanResult {
  readonly rtt: number;
  readonly loss: number;
  readonly contender: string;
}

const numbers = (text: string): number[] => text.split(',').map(Number);
const rtts = numbers(values.rtt);
const losses = numbers(values.loss);
const contenders = values.only.split(',');
if (![...rtts, ...losses].every((number) => number >= 0)) endWithMistake(USAGE, '--rtt and --loss are lists of numbers');
const unknown = contenders.find((name) => TITLES[name] === undefined);
if (unknown !== undefined) endWithMistake(USAGE, `--only ${unknown}: no such program`);
const cells = rtts.flatMap((rtt) =>
  losses.flatMap((loss) => contenders.map((contender) => ({ rtt, loss, contender, runs: [] as WanResult[] }))),
);

// Rounds are the outer loop and programs the inner one, so that a change of the machine's mood meets all of them.
const work = Array.from({ length: Number(values.rounds) }, (_, round) => cells.map((cell) => ({ cell, round }))).flat();
const lane = async (): Promise<void> => {
  for (let next = work.shift(); next !== undefined; next = work.shift()) {
    const { cell, round } = next;
    const shape = { rtt: cell.rtt, loss: cell.loss, rate: Number(values.rate), queue: Number(values.queue) };
    const text = `${cell.contender}, ${cell.rtt} ms, ${cell.loss} %`;
    try {
      const result = await measureContender(cell.contender, shape, Number(values.seconds), round + 1);
      cell.runs.push(result);
      console.error(
        `${text}: ${mbit(result.goodput)} Mbit/s, file ${result.completion.toFixed(0)} ms, echo ${result.p50.toFixed(0)} / ${result.p99.toFixed(0)} ms`,
      );
    } catch (error) {
      console.error(`${text}: ${(error as Error).message}`);
    }
  }
};
await Promise.all(Array.from({ length: Number(values.lanes) }, lane));

const rows: Row[] = cells
  .filter(({ runs }) => runs.length > 0)
  .map(({ rtt, loss, contender, runs }) => {
    const of = (key: keyof WanResult): number => median(runs.map((run) => run[key]));
    return { rtt, loss, contender, goodput: of('goodput'), completion: of('completion'), p50: of('p50'), p99: of('p99') };
  });

printTable('goodput in Mbit/s', (row) => mbit(row.goodput));
printTable('a file of 256 KiB, from connect to its last byte, in ms', (row) => row.completion.toFixed(0));
printTable('64 bytes there and back, p50 / p99 in ms', (row) => `${row.p50.toFixed(0)} / ${row.p99.toFixed(0)}`);

const { rate, seconds, rounds, queue } = values;
const machine = { node: process.version, system: `${process.platform} ${release()}`, cpu: cpus()[0]?.model, cores: cpus().length };
mkdirSync(dirname(values.out), { recursive: true });
writeFileSync(
  values.out,
  `${JSON.stringify({ date: new Date().toISOString(), machine, rate, queue, seconds, rounds, rows }, undefined, 1)}\n`,
);
const points = rows.map(({ rtt, loss, contender, goodput }) => ({
  rtt,
  loss,
  series: TITLES[contender] ?? contender,
  value: (goodput * 8) / 1e6,
}));
writeFileSync(values.out.replace(/\.json$/, '.svg'), drawChart(points, Number(rate)));

function mbit(bytesPerSecond: number): string {
  return ((bytesPerSecond * 8) / 1e6).toFixed(1);
}

function printTable(title: string, text: (row: Row) => string): void {
  console.log(`\n${title}\n\n| RTT, loss | ${contenders.map((name) => TITLES[name] ?? name).join(' | ')} |`);
  console.log(`|----|${contenders.map(() => '----|').join('')}`);
  for (const rtt of rtts) {
    for (const loss of losses) {
      const cell = (contender: string): string => {
        const row = rows.find((each) => each.rtt === rtt && each.loss === loss && each.contender === contender);
        return row === undefined ? '-' : text(row);
      };
      console.log(`| ${rtt} ms, ${loss} % | ${contenders.map(cell).join(' | ')} |`);
    }
  }
}
