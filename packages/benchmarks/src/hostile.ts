// `npm run bench:hostile`: what an innocent session keeps of its speed beside a peer that knows the
// key and floods the server. Each flood is followed by innocent traffic of the same volume, bulk to
// the target, and compared with it.

import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { median, quantile } from '@kcptun/testkit';
import { endWithMistake, parseToolFlags } from '@kcptun/testkit/node';
import { FLOODS, HOSTILE_KEY } from './hostile-floods.ts';
import { drink, makeSample } from './traffic.ts';
import { findPrograms, type RunningTunnel, startTunnel } from './tunnel-programs.ts';

const NAMES = Object.keys(FLOODS).filter((name) => name !== 'innocent');
const USAGE = `usage: npm run bench:hostile -- [--only nop,acks] [--rounds 3] [--seconds 1.5] [--rate 2] [--sessions 1]

For each flood: the speed of an innocent transfer beside it, as a share of its speed beside innocent
traffic of the same volume (bulk to the target); round trips of an echo beside both, in ms; and what
the server uses of a core for the flood and the echo. --rate is of the flood, in MB/s with the headers
of IP and UDP; --sessions of the flooding peer share it. That peer has another address (127.0.0.2) than
the innocent one: whoever shares an address with an attacker shares some limits with it as well.
Floods: ${NAMES.join(', ')}.`;

const values = parseToolFlags(
  USAGE,
  {
    only: { type: 'string', default: '' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '1.5' },
    rate: { type: 'string', default: '2' },
    sessions: { type: 'string', default: '1' },
  },
  ['rounds', 'seconds', 'rate', 'sessions'],
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
/** An echo that takes longer has been stopped by the flood, in ms. */
const MOST_ECHO = 3000;
const sample = makeSample('random');
const duration = Number(values.seconds) * 1000;

interface Beside {
  readonly mbps: number;
  readonly p50: number;
  readonly p99: number;
  /** Of a core that the server uses. */
  readonly cpu: number;
  /** Bytes a second of the flood. */
  readonly flooded: number;
}

/** One transfer and one echo beside a flood of so many bytes a second. */
async function measure(flood: string, rate: number): Promise<Beside> {
  const [program] = findPrograms(['ours']);
  if (program === undefined) throw new Error('no program');
  const tunnel = await startTunnel(program, FLAGS);
  try {
    // All connections before the flood opens some.
    const bulk = await tunnel.connect();
    const talk = await tunnel.connect();
    await transfer(bulk, 300);
    const what = FLOODS[flood];
    if (what?.kind === 'stream' && what.refuse === true) tunnel.refuse();
    const peer = spawn(
      process.execPath,
      [join(import.meta.dirname, 'hostile-peer.js'), flood, `${tunnel.udpPort}`, `${rate}`, values.sessions],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    await once(peer.stdout, 'data');
    await new Promise((resolve) => setTimeout(resolve, 300));
    const before = seconds(tunnel);
    const began = performance.now();
    const times = await echo(talk);
    const cpu = (1000 * (seconds(tunnel) - before)) / (performance.now() - began);
    const mbps = await transfer(bulk, duration);
    const flooded = await endOf(peer);
    return { mbps, p50: quantile(times, 0.5), p99: quantile(times, 0.99), cpu, flooded };
  } finally {
    await tunnel.stop();
  }
}

type Pair = Awaited<ReturnType<RunningTunnel['connect']>>;

/** CPU time of the server, in s. */
function seconds(tunnel: RunningTunnel): number {
  return tunnel.usage()[1].cpu;
}

/** Ends a flood; its bytes a second. */
async function endOf(peer: ChildProcessByStdio<Writable, Readable, null>): Promise<number> {
  const said = once(peer.stdout, 'data');
  const gone = once(peer, 'exit');
  peer.stdin.end();
  const [[text]] = await Promise.all([said, gone]);
  return Number(text);
}

/** Moves bytes for so many ms; MB/s that arrive. */
async function transfer({ near, far }: Pair, ms: number): Promise<number> {
  let arrived = 0;
  let ended = false;
  const onData = (bytes: Buffer): void => void (arrived += bytes.length);
  const write = (): void => {
    while (!ended && near.write(sample));
  };
  far.on('data', onData);
  near.on('drain', write);
  const started = performance.now();
  write();
  await new Promise((resolve) => setTimeout(resolve, ms));
  const mbps = arrived / 1000 / (performance.now() - started);
  ended = true;
  near.off('drain', write);
  return mbps;
}

/** Round trips of 64 bytes. */
async function echo({ near, far }: Pair): Promise<number[]> {
  far.on('data', (bytes) => far.write(bytes));
  const times: number[] = [];
  const end = performance.now() + duration;
  for (let now = performance.now(); now < end; now = performance.now()) {
    near.write(Buffer.alloc(64, 7));
    const late = new Promise<true>((resolve) => setTimeout(resolve, MOST_ECHO, true).unref());
    if (await Promise.race([drink(near, 64), late])) return [...times, MOST_ECHO];
    times.push(performance.now() - now);
  }
  return times;
}

console.log(`${values.sessions} session(s) that flood, ${values.rate} MB/s at most; medians of ${values.rounds}`);
console.log(
  '| flood | sent, MB/s | speed, MB/s | beside innocent | share | echo p50 | p99 | p50 beside innocent | CPU | CPU beside innocent |',
);
console.log('|----|----|----|----|----|----|----|----|----|----|');
for (const flood of wanted) {
  const hostile: Beside[] = [];
  const innocent: Beside[] = [];
  for (let round = 0; round < Number(values.rounds); round++) {
    const result = await measure(flood, Number(values.rate) * 1e6);
    hostile.push(result);
    innocent.push(await measure('innocent', result.flooded));
  }
  const shares = hostile.map((result, index) => result.mbps / (innocent[index]?.mbps ?? 0));
  const of = (results: Beside[], key: keyof Beside): number => median(results.map((result) => result[key]));
  const cells = [
    flood,
    (of(hostile, 'flooded') / 1e6).toFixed(2),
    of(hostile, 'mbps').toFixed(0),
    of(innocent, 'mbps').toFixed(0),
    `${(100 * median(shares)).toFixed(0)} %`,
    of(hostile, 'p50').toFixed(2),
    of(hostile, 'p99').toFixed(1),
    of(innocent, 'p50').toFixed(2),
    of(hostile, 'cpu').toFixed(2),
    of(innocent, 'cpu').toFixed(2),
  ];
  console.log(`| ${cells.join(' | ')} |`);
}
