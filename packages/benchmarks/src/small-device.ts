// `npm run bench:small`: whether the small-device profile keeps its word: both programs with examples/config/small-*.json, as much traffic as 20 Mbit/s
// in each direction in turn, and the largest resident size that each had. Linux only: it reads /proc.

import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { parseToolFlags } from '@kcptun/testkit/node';
import { type Addresses, type Side, startOwnPair } from './own-pair.ts';
import { readUsage } from './process-usage.ts';

const LIMIT = 90;
const MIB = 1.048576;
/** How often bytes are given to the tunnel, in ms. */
const TICK = 20;

const USAGE = `usage: npm run bench:small -- [--seconds 15] [--mbit 20] [--node-options=--max-semi-space-size=1]

Seconds are for each direction. Exit code 1 when one of the programs had ${LIMIT} MB or more.`;

const values = parseToolFlags(
  USAGE,
  {
    seconds: { type: 'string', default: '15' },
    mbit: { type: 'string', default: '20' },
    'node-options': { type: 'string', default: '' },
  },
  ['seconds', 'mbit'],
);

const root = join(import.meta.dirname, '..', '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'kcptun-small-'));

/** A copy of a file with other addresses: a file wins over flags. */
function copyProfile(side: Side, { listen, forward }: Addresses): string {
  const profile = JSON.parse(readFileSync(join(root, 'examples', 'config', `small-${side}.json`), 'utf8')) as object;
  const addresses = side === 'client' ? { localaddr: listen, remoteaddr: forward } : { listen, target: forward };
  const file = join(folder, `${side}.json`);
  writeFileSync(file, JSON.stringify({ ...profile, ...addresses }));
  return file;
}

/** Writes at a steady rate; resolves with how many bytes the other end had when the time was over. */
async function flow(source: net.Socket, sink: net.Socket, seconds: number, bytesPerSecond: number): Promise<number> {
  let received = 0;
  const count = (data: Buffer): void => {
    received += data.length;
  };
  sink.on('data', count);
  // Not compressible, as most of what small devices carry.
  const noise = randomBytes(1 << 20);
  const started = performance.now();
  let sent = 0;
  for (let elapsed = 0; elapsed < seconds * 1000; elapsed = performance.now() - started) {
    const due = Math.floor((elapsed / 1000) * bytesPerSecond) - sent;
    for (let left = due; left > 0; left -= noise.length) {
      const piece = noise.subarray(0, Math.min(left, noise.length));
      sent += piece.length;
      if (!source.write(piece)) await once(source, 'drain');
    }
    await setTimeout(TICK);
  }
  sink.off('data', count);
  return received;
}

const { client, server, connect, stop } = await startOwnPair((side, addresses) => ['-c', copyProfile(side, addresses)], {
  NODE_OPTIONS: values['node-options'],
}).finally(() => rmSync(folder, { recursive: true }));
try {
  const { near, far } = await connect();
  const seconds = Number(values.seconds);
  const rate = (Number(values.mbit) * 1e6) / 8;
  console.log(`NODE_OPTIONS="${values['node-options']}", ${values.mbit} Mbit/s for ${seconds} s each way`);
  for (const [way, from, to] of [
    ['up', near, far],
    ['down', far, near],
  ] as const) {
    const received = await flow(from, to, seconds, rate);
    console.log(`${way.padEnd(5)} ${((received * 8) / seconds / 1e6).toFixed(1)} Mbit/s`);
  }
  for (const [name, child] of [
    ['client', client],
    ['server', server],
  ] as const) {
    const { rss, peakRss, cpu } = readUsage(child.pid as number);
    if (peakRss * MIB >= LIMIT) process.exitCode = 1;
    console.log(
      `${name.padEnd(7)} ${(rss * MIB).toFixed(1)} MB, peak ${(peakRss * MIB).toFixed(1)} MB, limit ${LIMIT} MB, ${cpu.toFixed(1)} s of processor`,
    );
  }
} finally {
  stop();
}
