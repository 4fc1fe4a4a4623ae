// `npm run bench:hostile`: what an innocent session keeps of its speed beside a peer that knows the
// key and floods the server, measured against innocent traffic of the same volume in the same run.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { median, quantile } from '@kcptun/testkit';
import { endWithMistake, parseToolFlags } from '@kcptun/testkit/node';
import { FLOODS, HOSTILE_KEY } from './hostile-floods.ts';
import { drink, makeSample, pump } from './traffic.ts';
import { findPrograms, type RunningTunnel, startTunnel } from './tunnel-programs.ts';

const NAMES = Object.keys(FLOODS).filter((name) => name !== 'innocent');
const USAGE = `usage: npm run bench:hostile -- [--only nop,acks] [--rounds 3] [--size 100] [--rate 2]

For each flood: the speed of an innocent transfer beside it, as a share of its speed beside innocent
traffic of the same volume; and round trips of an echo beside the flood. Sizes in MB, rates in MB/s.
Floods: ${NAMES.join(', ')}.`;

const values = parseToolFlags(
  USAGE,
  {
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '3' },
    size: { type: 'string', default: '100' },
    rate: { type: 'string', default: '2' },
  },
  ['rounds', 'size', 'rate'],
);
const wanted = values.only === '' ? NAMES : values.only.split(',');
const unknown = wanted.find((name) => !NAMES.includes(name));
if (unknown !== undefined) endWithMistake(USAGE, `--only ${unknown}: no such flood`);

const FLAGS = [
  '--key',
  HOSTILE_KEY,
  '--crypt',
  'aes',
  '--mode',
  'fast3',
  '--sndwnd',
  '2048',
  '--rcvwnd',
  '2048',
  '--smuxver',
  '2',
  '--quiet',
];
const SECONDS = 6;
const sample = makeSample('random');

interface Beside {
  readonly mbps: number;
  readonly p50: number;
  readonly p99: number;
  readonly flooded: number;
}

/** One transfer and one echo beside a flood. */
async function measure(flood: string): Promise<Beside> {
  const [program] = findPrograms(['ours']);
  if (program === undefined) throw new Error('no program');
  const tunnel = await startTunnel(program, FLAGS);
  try {
    const bulk = await tunnel.connect();
    const megabytes = Number(values.size);
    await Promise.all([drink(bulk.far, 20e6), pump(bulk.near, sample, 20e6)]);
    const peer = spawn(
      process.execPath,
      [join(import.meta.dirname, 'hostile-peer.js'), flood, `${tunnel.udpPort}`, `${SECONDS}`, `${Number(values.rate) * 1e6}`],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let output = '';
    peer.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
    const gone = once(peer, 'exit');
    // Its process needs a moment before it floods.
    await new Promise((resolve) => setTimeout(resolve, 1200));
    const times = await echo(tunnel);
    const started = performance.now();
    await Promise.all([drink(bulk.far, megabytes * 1e6), pump(bulk.near, sample, megabytes * 1e6)]);
    const seconds = (performance.now() - started) / 1000;
    if (peer.exitCode !== null) throw new Error(`${flood} ended before the transfer: a smaller --size is needed`);
    await gone;
    return { mbps: megabytes / seconds, p50: quantile(times, 0.5), p99: quantile(times, 0.99), flooded: Number(output) / 1e6 };
  } finally {
    await tunnel.stop();
  }
}

/** Round trips of 64 bytes for 1.5 s. */
async function echo(tunnel: RunningTunnel): Promise<number[]> {
  const { near, far } = await tunnel.connect();
  far.on('data', (bytes) => far.write(bytes));
  const times: number[] = [];
  const end = performance.now() + 1500;
  for (let now = performance.now(); now < end; now = performance.now()) {
    near.write(Buffer.alloc(64, 7));
    await drink(near, 64);
    times.push(performance.now() - now);
  }
  near.destroy();
  far.destroy();
  return times;
}

const results = new Map<string, Beside[]>();
for (let round = 0; round < Number(values.rounds); round++) {
  for (const flood of ['innocent', ...wanted]) results.set(flood, [...(results.get(flood) ?? []), await measure(flood)]);
}
const of = (flood: string, key: keyof Beside): number => median((results.get(flood) ?? []).map((result) => result[key]));
const base = of('innocent', 'mbps');
console.log(`${values.size} MB beside ${values.rate} MB/s of flood, medians of ${values.rounds}`);
console.log('| flood | MB/s | of the speed beside innocent traffic | echo p50, ms | p99, ms | MB sent |');
console.log('|----|----|----|----|----|----|');
for (const flood of ['innocent', ...wanted]) {
  const [mbps, p50, p99, flooded] = (['mbps', 'p50', 'p99', 'flooded'] as const).map((key) => of(flood, key));
  console.log(
    `| ${flood} | ${mbps?.toFixed(0)} | ${(((mbps ?? 0) / base) * 100).toFixed(0)} % | ${p50?.toFixed(2)} | ${p99?.toFixed(2)} | ${flooded?.toFixed(1)} |`,
  );
}
