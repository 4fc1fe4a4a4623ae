// One bulk transfer through a running pair: rate, processor time of each end, memory. Optionally over many streams or sessions at once.

import type net from 'node:net';
import { drink, makeSample, pump, type SampleKind } from './traffic.ts';
import { type Program, startTunnel } from './tunnel-programs.ts';

/** What to carry. */
export interface BulkOptions {
  readonly flags: readonly string[];
  /** KCP sessions to spread the streams over, default 1. */
  readonly sessions?: number;
  readonly megabytes: number;
  readonly direction: 'up' | 'down';
  readonly data: SampleKind;
  /** How many connections carry it together, default 1. */
  readonly streams?: number;
}

/** What was seen. CPU in seconds per GB, memory in MiB. */
export interface BulkResult {
  readonly mbps: number;
  readonly clientCpu: number;
  readonly serverCpu: number;
  readonly clientRss: number;
  readonly serverRss: number;
}

const WARM_UP = 20e6;

/** Starts the pair, warms it up, carries the bytes once. */
export async function measureBulk(program: Program, options: BulkOptions): Promise<BulkResult> {
  const sample = makeSample(options.data);
  const streams = options.streams ?? 1;
  const tunnel = await startTunnel(program, options.flags, ['--conn', `${options.sessions ?? 1}`]);
  try {
    const pairs: (readonly [source: net.Socket, sink: net.Socket])[] = [];
    for (let index = 0; index < streams; index++) {
      const { near, far } = await tunnel.connect();
      pairs.push(options.direction === 'up' ? ([near, far] as const) : ([far, near] as const));
    }
    const carry = async (bytes: number): Promise<void> => {
      const share = Math.ceil(bytes / streams);
      await Promise.all(pairs.flatMap(([source, sink]) => [drink(sink, share), pump(source, sample, share)]));
    };
    await carry(WARM_UP);
    const before = tunnel.usage();
    const started = performance.now();
    await carry(options.megabytes * 1e6);
    const seconds = (performance.now() - started) / 1000;
    const after = tunnel.usage();
    for (const sockets of pairs) for (const socket of sockets) socket.destroy();
    return {
      mbps: options.megabytes / seconds,
      clientCpu: ((after[0].cpu - before[0].cpu) / options.megabytes) * 1000,
      serverCpu: ((after[1].cpu - before[1].cpu) / options.megabytes) * 1000,
      clientRss: after[0].peakRss,
      serverRss: after[1].peakRss,
    };
  } finally {
    await tunnel.stop();
  }
}
