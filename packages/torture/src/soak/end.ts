// One end of the tunnel of a soak, a process of its own (started with --expose-gc): runs the tunnel and tells what it holds when asked.
//
//   parent: { start: EndOptions }   child: { port }         parent: 'sample'   child: Sample         parent disconnects: the end of it
//   parent: { snapshot: path }      child: path, of a heap snapshot

import { readdirSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { writeHeapSnapshot } from 'node:v8';
import { Arena } from '@kcptun/common';
import { createNodeHost } from '@kcptun/transport';
import { TunnelClient, TunnelServer } from '@kcptun/tunnel';

/** What an end is told to be. */
export interface EndOptions {
  readonly side: 'client' | 'server';
  /** The client: UDP port to dial. The server: TCP port of the target. */
  readonly forwardPort: number;
  readonly key: string;
}

/** What an end holds at one moment, after a forced collection of garbage. */
export interface Sample {
  /** Bytes. `used` is heap + external + what is in use of the arena. */
  readonly rss: number;
  readonly heap: number;
  readonly external: number;
  readonly arena: number;
  readonly used: number;
  readonly fds: number;
  /** What keeps the event loop alive. */
  readonly handles: number;
  /** Delay of the event loop since the last sample, in ms. */
  readonly delayP99: number;
  readonly delayMax: number;
  readonly sessions: number;
  readonly streams: number;
  /** Lent chunks of received bytes. */
  readonly chunks: number;
}

const NANOSECONDS_PER_MS = 1e6;

const host = createNodeHost();
const delay = monitorEventLoopDelay({ resolution: 10 });
let tunnel: TunnelClient | TunnelServer | undefined;

process.on('disconnect', () => process.exit(0));
process.on('message', (message: { start: EndOptions } | 'sample' | { snapshot: string }) => {
  if (message === 'sample') process.send?.(takeSample());
  else if ('start' in message) void start(message.start);
  else process.send?.(writeHeapSnapshot(message.snapshot));
});

async function start(options: EndOptions): Promise<void> {
  const shared = { host, key: options.key, quiet: true };
  if (options.side === 'client') {
    const { forwardPort: port } = options;
    const remote = { host: '127.0.0.1', minPort: port, maxPort: port };
    tunnel = new TunnelClient({ ...shared, listen: { host: '127.0.0.1', port: 0 }, remote, connections: 2 });
  } else {
    const listen = { host: '127.0.0.1', minPort: 0, maxPort: 0 };
    tunnel = new TunnelServer({ ...shared, listen, target: { host: '127.0.0.1', port: options.forwardPort } });
  }
  await tunnel.start();
  delay.enable();
  process.send?.({ port: tunnel.port });
}

function takeSample(): Sample {
  // Twice: the first collection may only queue what finalizers hold.
  globalThis.gc?.();
  globalThis.gc?.();
  const memory = process.memoryUsage();
  const arena = host.memory instanceof Arena ? host.memory.used : 0;
  const stats = tunnel?.stats();
  const sample: Sample = {
    rss: memory.rss,
    heap: memory.heapUsed,
    external: memory.external,
    arena,
    used: memory.heapUsed + memory.external + arena,
    fds: readdirSync('/proc/self/fd').length,
    handles: process.getActiveResourcesInfo().length,
    delayP99: delay.percentile(99) / NANOSECONDS_PER_MS,
    delayMax: delay.max / NANOSECONDS_PER_MS,
    sessions: stats?.links.length ?? 0,
    streams: stats?.streams ?? 0,
    chunks: stats?.chunks ?? 0,
  };
  delay.reset();
  return sample;
}
