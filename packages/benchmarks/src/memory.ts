// `npm run bench:memory`: resident memory of both programs, idle, and after a gigabyte through the tunnel in each direction. Linux only: it reads /proc.

import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type net from 'node:net';
import { fitTrend } from '@kcptun/testkit';
import { parseToolFlags } from '@kcptun/testkit/node';
import { startOwnPair } from './own-pair.ts';
import { readUsage } from './process-usage.ts';

const IDLE_CLIENT_LIMIT = 80;
const IDLE_SERVER_LIMIT = 90;
const LOADED_LIMIT = 200;
const MIB = 1.048576;

const USAGE = `usage: npm run bench:memory -- [--size 1000] [--rounds 1] [--wnd 1024]

Sizes are in MB, for each round and direction. With several rounds it also prints how resident memory went on per GB in the second half of them
(least squares). Exit code 1 when an idle client has ${IDLE_CLIENT_LIMIT} MB or more, an idle server ${IDLE_SERVER_LIMIT}, or one of them ${LOADED_LIMIT} afterwards.`;

const values = parseToolFlags(
  USAGE,
  {
    size: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '1' },
    wnd: { type: 'string', default: '1024' },
  },
  ['size', 'rounds', 'wnd'],
);

const chunk = Buffer.alloc(1 << 20, 'not too random, not too regular: ');

/** Resident memory in MB. */
function memory(child: ChildProcess): { readonly now: number; readonly peak: number } {
  const { rss, peakRss } = readUsage(child.pid as number);
  return { now: rss * MIB, peak: peakRss * MIB };
}

/** Writes `bytes` bytes to one end and waits until the other has them. */
async function move(source: net.Socket, sink: net.Socket, bytes: number): Promise<void> {
  const done = new Promise<void>((resolve, reject) => {
    let left = bytes;
    const take = (data: Buffer): void => {
      left -= data.length;
      if (left > 0) return;
      sink.off('data', take);
      resolve();
    };
    sink.on('data', take);
    sink.once('close', () => reject(new Error('the connection was closed')));
  });
  for (let left = bytes; left > 0; left -= chunk.length) {
    if (!source.write(left < chunk.length ? chunk.subarray(0, left) : chunk)) await once(source, 'drain');
  }
  await done;
}

const flags = ['--key', 'benchmark', '--quiet', '--nocomp', '--sndwnd', values.wnd, '--rcvwnd', values.wnd];
const { client, server, connect, stop } = await startOwnPair((side, { listen, forward }) => [
  ...['-l', listen, side === 'client' ? '-r' : '-t', forward],
  ...flags,
]);
let failed = false;
/** Resident memory of each end after each transfer, in MB. */
const seen = { client: [] as number[], server: [] as number[] };

function report(what: string, child: ChildProcess, limit: number): void {
  const { now, peak } = memory(child);
  failed ||= now >= limit;
  console.log(`${what.padEnd(28)} ${now.toFixed(1).padStart(7)} MB   peak ${peak.toFixed(1).padStart(7)} MB   limit ${limit} MB`);
}

try {
  report('client, idle', client, IDLE_CLIENT_LIMIT);
  report('server, idle', server, IDLE_SERVER_LIMIT);
  const { near, far } = await connect();
  const size = Number(values.size) * 1e6;
  const after = (what: string): void => {
    report(`client, ${what}`, client, LOADED_LIMIT);
    report(`server, ${what}`, server, LOADED_LIMIT);
    seen.client.push(memory(client).now);
    seen.server.push(memory(server).now);
  };
  for (let round = 1; round <= Number(values.rounds); round++) {
    await move(near, far, size);
    after(`${values.size} MB up, round ${round}`);
    await move(far, near, size);
    after(`${values.size} MB down, round ${round}`);
  }
  if (Number(values.rounds) > 2) {
    for (const end of ['client', 'server'] as const) {
      const { slope } = fitTrend(seen[end].slice(seen[end].length / 2));
      console.log(`${end}: ${(slope / (size / 1e9)).toFixed(2)} MB per GB in the second half`);
    }
  }
} finally {
  stop();
}
process.exitCode = failed ? 1 : 0;
