// One program over one link: starts it on both hosts, measures, ends it.

import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findPrograms } from '../tunnel-programs.ts';
import { FAR_ADDRESS, type Lab, type LinkShape, openLab } from './lab.ts';
import type { WanResult } from './peer.ts';

/** What is compared: TCP by itself with its two usual congestion controls, and tunnels. */
export const CONTENDERS = ['cubic', 'bbr', 'go', 'ours', 'auto'] as const;

/** Text of a contender for tables. */
export const TITLES: Readonly<Record<string, string>> = {
  cubic: 'TCP cubic',
  bbr: 'TCP BBR',
  go: 'Go kcptun 2026',
  ours: 'ours',
  auto: 'ours, mode auto',
};

const TARGET_PORT = 7001;
const UDP_PORT = 7002;
const LOCAL_PORT = 7003;
/** The same for both tunnels: windows and buffers beyond what the longest link holds, everything else as usual. */
const FLAGS = [
  ...['--key', 'benchmark', '--mode', 'fast3', '--nocomp', '--smuxver', '2', '--sndwnd', '4096', '--rcvwnd', '4096'],
  ...['--smuxbuf', '16777216', '--streambuf', '8388608', '--closewait', '0', '--quiet'],
];
/** What finds the rest by itself. */
const AUTO_FLAGS = ['--key', 'benchmark', '--mode', 'auto', '--nocomp', '--smuxver', '2', '--quiet'];
/** How long a program may take for everything. */
const DEADLINE_MS = 180_000;

/** @throws {Error} when the program does not carry what it should in time */
export async function measureContender(contender: string, shape: LinkShape, seconds: number, seed: number): Promise<WanResult> {
  const lab = await openLab(shape, seed);
  const timer = setTimeout(() => void lab.close(), DEADLINE_MS);
  try {
    const peer = join(import.meta.dirname, 'peer.js');
    lab.start('far', [process.execPath, peer, 'serve', `${TARGET_PORT}`]);
    const isTunnel = contender !== 'cubic' && contender !== 'bbr';
    lab.setCongestionControl(isTunnel ? 'cubic' : contender);
    if (isTunnel) startTunnel(lab, contender);
    // The far programs need a moment before they listen; for the near one the measuring end waits.
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const [host, port] = isTunnel ? ['127.0.0.1', LOCAL_PORT] : [FAR_ADDRESS, TARGET_PORT];
    const measuring = lab.start('near', [process.execPath, peer, 'measure', host, `${port}`, `${seconds}`]);
    const lines = createInterface({ input: measuring.stdout as NodeJS.ReadableStream });
    const line = await Promise.race([once(lines, 'line').then(([text]) => String(text)), once(measuring, 'exit').then(() => '')]);
    if (line === '') throw new Error(`${contender} did not finish`);
    return JSON.parse(line) as WanResult;
  } finally {
    clearTimeout(timer);
    await lab.close();
  }
}

function startTunnel(lab: Lab, name: string): void {
  const program = findPrograms([name === 'auto' ? 'ours' : name])[0];
  if (program === undefined) return;
  const flags = name === 'auto' ? AUTO_FLAGS : FLAGS;
  const server = [...program.server, '-l', `${FAR_ADDRESS}:${UDP_PORT}`, '-t', `127.0.0.1:${TARGET_PORT}`, ...flags];
  const client = [...program.client, '-l', `127.0.0.1:${LOCAL_PORT}`, '-r', `${FAR_ADDRESS}:${UDP_PORT}`, ...flags];
  lab.start('far', server, program.env);
  lab.start('near', client, program.env);
}
