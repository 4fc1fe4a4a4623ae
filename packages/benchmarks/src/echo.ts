// Round-trip time of 64 bytes through an idle tunnel over loopback, ours and others interleaved:
//
//   node dist/echo.js --peer go [--rounds 5] [--count 2000]
//
// Prints p50, p99 and the worst in ms, medians over the rounds, and the ratio ours / other.

import type net from 'node:net';
import { parseArgs } from 'node:util';
import { median, quantile } from './traffic.ts';
import { findPrograms, type Program, startTunnel } from './tunnel-programs.ts';

const { values } = parseArgs({
  options: {
    peer: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '5' },
    count: { type: 'string', default: '2000' },
    crypt: { type: 'string', default: 'aes' },
  },
});

const MESSAGE = Buffer.alloc(64, 7);

interface EchoResult {
  readonly p50: number;
  readonly p99: number;
  readonly worst: number;
}

async function measure(program: Program): Promise<EchoResult> {
  const tunnel = await startTunnel(program, [
    '--key',
    'benchmark',
    '--crypt',
    values.crypt,
    '--mode',
    'fast3',
    '--nocomp',
    '--smuxver',
    '2',
    '--quiet',
  ]);
  try {
    const { near, far } = await tunnel.connect();
    far.on('data', (chunk) => far.write(chunk));
    const times: number[] = [];
    for (let index = 0; index < 200 + Number(values.count); index++) {
      const started = performance.now();
      near.write(MESSAGE);
      await whole(near);
      if (index >= 200) times.push(performance.now() - started);
    }
    near.destroy();
    far.destroy();
    return { p50: quantile(times, 0.5), p99: quantile(times, 0.99), worst: Math.max(...times) };
  } finally {
    await tunnel.stop();
  }
}

function whole(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => {
    let left = MESSAGE.length;
    const onData = (chunk: Buffer): void => {
      left -= chunk.length;
      if (left > 0) return;
      socket.off('data', onData);
      resolve();
    };
    socket.on('data', onData);
  });
}

const programs = findPrograms(['ours', ...values.peer]);
const results = new Map<string, EchoResult[]>(programs.map(({ name }) => [name, []]));
for (let round = 0; round < Number(values.rounds); round++) {
  for (const program of programs) results.get(program.name)?.push(await measure(program));
}
const rows = programs.map(({ name }) => {
  const list = results.get(name) ?? [];
  return {
    name,
    p50: median(list.map(({ p50 }) => p50)),
    p99: median(list.map(({ p99 }) => p99)),
    worst: median(list.map(({ worst }) => worst)),
  };
});
for (const { name, p50, p99, worst } of rows) {
  console.log(`${name.padEnd(26)} p50 ${p50.toFixed(3)} ms   p99 ${p99.toFixed(3)} ms   worst ${worst.toFixed(2)} ms`);
}
const [own, ...others] = rows;
for (const other of others) {
  if (own !== undefined)
    console.log(`ours / ${other.name}: p50 ${(own.p50 / other.p50).toFixed(2)} x, p99 ${(own.p99 / other.p99).toFixed(2)} x`);
}
