// What sessions cost that carry nothing but keepalives: processor time and memory of each end.

import type net from 'node:net';
import { type Program, startTunnel } from './tunnel-programs.ts';

/** What was seen. */
export interface IdleResult {
  /** Share of one processor, in percent. */
  readonly clientCpu: number;
  readonly serverCpu: number;
  /** Resident memory per session beyond that of the program with one session, in kB. */
  readonly clientMemory: number;
  readonly serverMemory: number;
}

/** Half a minute after the opening V8 still compiles and collects: half of what was measured 12 s behind it. */
const SETTLE_MS = 60_000;
const OPENING_AT_ONCE = 50;

/** Opens `sessions` sessions with a stream each, lets them rest and looks on for `seconds`. */
export async function measureIdle(program: Program, flags: readonly string[], sessions: number, seconds: number): Promise<IdleResult> {
  const tunnel = await startTunnel(program, flags, ['--conn', `${sessions}`]);
  const sockets: net.Socket[] = [];
  try {
    const alone = tunnel.usage();
    for (let made = 0; made < sessions; made += OPENING_AT_ONCE) {
      const pairs = await Promise.all(Array.from({ length: Math.min(OPENING_AT_ONCE, sessions - made) }, () => tunnel.connect()));
      for (const { near, far } of pairs) sockets.push(near, far);
    }
    await pause(SETTLE_MS);
    const before = tunnel.usage();
    await pause(seconds * 1000);
    const after = tunnel.usage();
    const cpu = (end: 0 | 1): number => ((after[end].cpu - before[end].cpu) / seconds) * 100;
    const memory = (end: 0 | 1): number => ((after[end].rss - alone[end].rss) * 1048.576) / sessions;
    return { clientCpu: cpu(0), serverCpu: cpu(1), clientMemory: memory(0), serverMemory: memory(1) };
  } finally {
    for (const socket of sockets) socket.destroy();
    await tunnel.stop();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
