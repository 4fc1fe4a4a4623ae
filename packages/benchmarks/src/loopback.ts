// Bulk through real client and server processes over loopback, ours and the Go programs in one interleaved run:
//
//   node dist/loopback.js --peer go [--rounds 5] [--size 300] [--direction up|down] [--crypt aes] [--ds 10] [--ps 3] [--comp] [--smuxver 2] [--data random|text]
//
// Prints MB/s, CPU seconds per GB and peak RSS of each end, medians, and the ratio ours / Go. The Go program with GOMAXPROCS=1, its stronger self on two
// cores, is added with --peer go1.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { readUsage, type Usage } from './process-usage.ts';

const { values } = parseArgs({
  options: {
    peer: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '5' },
    size: { type: 'string', default: '300' },
    direction: { type: 'string', default: 'up' },
    crypt: { type: 'string', default: 'aes' },
    ds: { type: 'string', default: '10' },
    ps: { type: 'string', default: '3' },
    smuxver: { type: 'string', default: '2' },
    comp: { type: 'boolean', default: false },
    data: { type: 'string', default: 'random' },
    mode: { type: 'string', default: 'fast3' },
    wnd: { type: 'string', default: '8192' },
    json: { type: 'boolean', default: false },
  },
});

interface Program {
  readonly name: string;
  readonly client: readonly string[];
  readonly server: readonly string[];
  readonly serverFlags: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

interface Result {
  readonly mbps: number;
  readonly client: number;
  readonly server: number;
  readonly clientRss: number;
  readonly serverRss: number;
}

const packages = join(import.meta.dirname, '..', '..');
const goPeers = process.env['KCPTUN_GO_PEERS'] ?? join(homedir(), '.cache', 'kcptun-go-peers');
const go = (name: string, version: string, env: NodeJS.ProcessEnv): Program => ({
  name,
  client: [join(goPeers, version, 'kcptun-client')],
  server: [join(goPeers, version, 'kcptun-server')],
  serverFlags: version === 'new' ? ['--closewait', '0'] : [],
  env,
});
const ours = (name: string, env: NodeJS.ProcessEnv): Program => ({
  name,
  client: [process.execPath, join(packages, 'kcptun-client', 'dist', 'main.js')],
  server: [process.execPath, join(packages, 'kcptun-server', 'dist', 'main.js')],
  serverFlags: [],
  env,
});
const PEERS: Readonly<Record<string, Program>> = {
  go: go('go 2026', 'new', {}),
  go1: go('go 2026, GOMAXPROCS=1', 'new', { GOMAXPROCS: '1' }),
  old: go('go 2021', 'old', {}),
  nonative: ours('ours, KCPTUN_NO_NATIVE=1', { KCPTUN_NO_NATIVE: '1' }),
};

const size = Number(values.size) * 1e6;
const flags = [
  ...['--key', 'benchmark', '--crypt', values.crypt, '--mode', values.mode, '--sndwnd', values.wnd, '--rcvwnd', values.wnd],
  ...['--datashard', values.ds, '--parityshard', values.ps, '--smuxver', values.smuxver, '--quiet'],
  ...(values.comp ? [] : ['--nocomp']),
];
const sample = makeSample();
let nextPort = 20_000 + (process.pid % 4000);

function makeSample(): Buffer {
  if (values.data === 'random') return randomBytes(1 << 20);
  const words = 'the quick brown fox jumps over a lazy dog while many packets travel to far away hosts and come back again'.split(' ');
  let text = '';
  for (let seed = 1; text.length < 1 << 20; seed = (seed * 48_271) % 0x7fffffff) text += `${words[seed % words.length]} `;
  return Buffer.from(text.slice(0, 1 << 20));
}

function start(command: readonly string[], args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  const [file, ...head] = command;
  const child = spawn(file as string, [...head, ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr?.on('data', (text: Buffer) => {
    if (process.env['BENCH_VERBOSE'] !== undefined) process.stderr.write(text);
  });
  return child;
}

async function connect(port: number): Promise<net.Socket> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await new Promise((resolve, reject) => {
        const socket = net.connect({ port, host: '127.0.0.1' }, () => resolve(socket)).once('error', reject);
      });
    } catch (error) {
      if (attempt > 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Writes `bytes` bytes of the sample. */
async function pump(socket: net.Socket, bytes: number): Promise<void> {
  for (let left = bytes; left > 0; left -= sample.length) {
    const piece = left < sample.length ? sample.subarray(0, left) : sample;
    if (!socket.write(piece)) await new Promise((resolve) => socket.once('drain', resolve));
  }
}

/** Resolves when `bytes` bytes have come. */
function drink(socket: net.Socket, bytes: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = bytes;
    socket.on('data', (chunk) => {
      left -= chunk.length;
      if (left <= 0) resolve();
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`closed with ${left} of ${bytes} bytes missing`)));
  });
}

async function measure(program: Program): Promise<Result> {
  const [targetPort, udpPort, localPort] = [nextPort++, nextPort++, nextPort++];
  const up = values.direction === 'up';
  let accepted: (socket: net.Socket) => void = () => {};
  const target = net.createServer((socket) => accepted(socket)).listen(targetPort, '127.0.0.1');
  const far = new Promise<net.Socket>((resolve) => {
    accepted = resolve;
  });
  const server = start(
    program.server,
    ['-l', `127.0.0.1:${udpPort}`, '-t', `127.0.0.1:${targetPort}`, ...flags, ...program.serverFlags],
    program.env,
  );
  const client = start(program.client, ['-l', `127.0.0.1:${localPort}`, '-r', `127.0.0.1:${udpPort}`, ...flags], program.env);
  try {
    await new Promise((resolve) => setTimeout(resolve, 700));
    const near = await connect(localPort);
    near.write('x');
    const other = await far;
    await drink(other, 1);
    other.removeAllListeners('close');
    const [source, sink] = up ? [near, other] : [other, near];
    const warm = drink(sink, 20e6);
    await pump(source, 20e6);
    await warm;
    const before = [readUsage(client.pid as number), readUsage(server.pid as number)] as const;
    const started = performance.now();
    const done = drink(sink, size);
    await pump(source, size);
    await done;
    const seconds = (performance.now() - started) / 1000;
    const after = [readUsage(client.pid as number), readUsage(server.pid as number)] as const;
    const perGb = (end: 0 | 1): number => (((after[end] as Usage).cpu - (before[end] as Usage).cpu) / size) * 1e9;
    near.destroy();
    other.destroy();
    return { mbps: size / 1e6 / seconds, client: perGb(0), server: perGb(1), clientRss: after[0].peakRss, serverRss: after[1].peakRss };
  } finally {
    client.kill('SIGKILL');
    server.kill('SIGKILL');
    target.close();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const median = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;

const programs = [ours('ours', {}), ...values.peer.map((name) => PEERS[name] ?? go(name, name, {}))];
const results = new Map<string, Result[]>(programs.map(({ name }) => [name, []]));
for (let round = 0; round < Number(values.rounds); round++) {
  for (const program of programs) results.get(program.name)?.push(await measure(program));
}

const rows = programs.map(({ name }) => {
  const list = results.get(name) ?? [];
  const of = (key: keyof Result): number => median(list.map((result) => result[key]));
  return { name, mbps: of('mbps'), client: of('client'), server: of('server'), clientRss: of('clientRss'), serverRss: of('serverRss') };
});
if (values.json) {
  console.log(JSON.stringify(rows));
} else {
  console.log(
    `${values.crypt}, FEC ${values.ds}/${values.ps}, ${values.mode}, windows ${values.wnd}, smux ${values.smuxver}, ${values.comp ? 'compression' : 'nocomp'}, ${values.direction}, ${values.size} MB, medians of ${values.rounds}`,
  );
  for (const row of rows) {
    console.log(
      `${row.name.padEnd(26)} ${row.mbps.toFixed(1).padStart(7)} MB/s   CPU s/GB client ${row.client.toFixed(2).padStart(6)} server ${row.server.toFixed(2).padStart(6)}` +
        ` both ${(row.client + row.server).toFixed(2).padStart(6)}   peak RSS MiB ${row.clientRss.toFixed(0)} / ${row.serverRss.toFixed(0)}`,
    );
  }
  const [own, ...others] = rows;
  for (const other of others) {
    if (own === undefined) break;
    console.log(
      `ours / ${other.name}: throughput ${(own.mbps / other.mbps).toFixed(2)} x, CPU per GB ${((own.client + own.server) / (other.client + other.server)).toFixed(2)} x`,
    );
  }
}
