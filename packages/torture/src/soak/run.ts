// The soak itself: two processes of our own with a bad path between them, applications that come and go, and a sample of both ends at every
// interval, when nothing is open: what is held then is held for good.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { startTarget, UdpRelay } from '@kcptun/testkit/node';
import { Churn, type ChurnStats } from './churn.ts';
import type { EndOptions, Sample } from './end.ts';
import { warmUpOf } from './verdict.ts';

/** How long and how hard. */
export interface SoakOptions {
  readonly samples: number;
  /** Time between samples, in ms. */
  readonly interval: number;
  /** Bytes per second that all applications carry together. */
  readonly rate: number;
  readonly seed: number;
  /** The client's address changes every so many samples, as behind a NAT that forgets (default 5). */
  readonly samplesPerRebind?: number;
  /** Where to write heap snapshots of both ends, once the warm-up is over and behind the last sample (default: nowhere). */
  readonly snapshots?: string;
  /** Called with each sample as it comes. */
  readonly onRow?: (row: SoakRow) => void;
}

/** What was seen at one moment. */
export interface SoakRow {
  readonly minutes: number;
  readonly client: Sample;
  readonly server: Sample;
  readonly churn: ChurnStats;
}

/** The client's address changes every so many samples, as behind a NAT that forgets, unless told otherwise. */
const SAMPLES_PER_REBIND = 5;
const LOSS = 0.01;
const DELAY_MS = 5;
/** How long the ends may take to notice that a stream is over. */
const SETTLE_MS = 30_000;

/** @throws {Error} when an end dies, or does not come to rest */
export async function runSoak(options: SoakOptions): Promise<SoakRow[]> {
  const target = await startTarget();
  const server = await startEnd({ side: 'server', forwardPort: target.port, key: 'soak' });
  const relay = await UdpRelay.start({ upstreamPort: server.port, seed: options.seed });
  relay.up.setLoss(LOSS).setDelay(DELAY_MS);
  relay.down.setLoss(LOSS).setDelay(DELAY_MS);
  const client = await startEnd({ side: 'client', forwardPort: relay.port, key: 'soak' });
  const churn = new Churn({ port: client.port, rate: options.rate, seed: options.seed, breakOffs: true });
  const rows: SoakRow[] = [];
  const started = performance.now();
  try {
    for (let index = 1; index <= options.samples; index++) {
      churn.start();
      await new Promise((resolve) => setTimeout(resolve, started + index * options.interval - performance.now()));
      await churn.pause();
      const [atClient, atServer] = await settle(client, server);
      const row = { minutes: (performance.now() - started) / 60_000, client: atClient, server: atServer, churn: churn.stats };
      rows.push(row);
      options.onRow?.(row);
      if (options.snapshots !== undefined && (index === warmUpOf(options.samples) || index === options.samples)) {
        await writeSnapshots(options.snapshots, index, { client, server });
      }
      if (index % (options.samplesPerRebind ?? SAMPLES_PER_REBIND) === 0) await relay.changePorts();
    }
    return rows;
  } finally {
    client.child.kill('SIGKILL');
    server.child.kill('SIGKILL');
    await Promise.all([relay.close(), target.close()]);
  }
}

interface End {
  readonly child: ChildProcess;
  readonly port: number;
}

async function startEnd(options: EndOptions): Promise<End> {
  const child = fork(join(import.meta.dirname, 'end.js'), { execArgv: ['--expose-gc', '--enable-source-maps'] });
  child.send({ start: options });
  const { port } = (await answer(child, options.side)) as { port: number };
  return { child, port };
}

async function answer(child: ChildProcess, name: string): Promise<unknown> {
  const over = new AbortController();
  const died = once(child, 'exit', over).then(([code, signal]) => {
    throw new Error(`the ${name} ended with ${code ?? signal}`);
  });
  died.catch(() => {});
  try {
    const [message] = await Promise.race([once(child, 'message', over), died]);
    return message;
  } finally {
    over.abort();
  }
}

async function writeSnapshots(folder: string, sample: number, ends: Readonly<Record<string, End>>): Promise<void> {
  for (const [name, { child }] of Object.entries(ends)) {
    child.send({ snapshot: join(folder, `${name}-${sample}.heapsnapshot`) });
    await answer(child, name);
  }
}

/** Samples of both ends once they hold no stream any more. */
async function settle(client: End, server: End): Promise<[Sample, Sample]> {
  const deadline = performance.now() + SETTLE_MS;
  for (;;) {
    const samples: Sample[] = [];
    for (const [name, { child }] of Object.entries({ client, server })) {
      child.send('sample');
      samples.push((await answer(child, name)) as Sample);
    }
    const [atClient, atServer] = samples as [Sample, Sample];
    if (atClient.streams + atServer.streams + atClient.chunks + atServer.chunks === 0) return [atClient, atServer];
    if (performance.now() > deadline) {
      throw new Error(
        `streams that never end: client ${atClient.streams}, server ${atServer.streams}; chunks ${atClient.chunks}, ${atServer.chunks}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
