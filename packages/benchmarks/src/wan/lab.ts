// Two hosts with a long link between them: network namespaces, joined by the link of wan/link.c. Linux, as root, with a C compiler and iproute2.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import { gunzipSync } from 'node:zlib';

/** What the link does to packets, the same in both directions where nothing else is said. */
export interface LinkShape {
  /** Round-trip time in ms. */
  readonly rtt: number;
  /** Packets lost, in percent, each direction. */
  readonly loss: number;
  /** Mean length of a run of losses. Default 1: each packet is lost by itself. */
  readonly burst?: number;
  /** Rate of the bottleneck in Mbit/s; 0: none. */
  readonly rate: number;
  /** Packets that wait at the bottleneck before further ones are dropped. */
  readonly queue: number;
  /** More delay, from 0 to this for each packet, ms. Default 0. */
  readonly jitter?: number;
  /** A token bucket that drops what is above it: Mbit/s, bytes. */
  readonly police?: { readonly rate: number; readonly bucket: number };
  /** Recorded capacity instead of a rate: a name from wan/traces. */
  readonly trace?: string;
  /** What changes when, as `--change` of wan/link.c takes it, from {@link Lab.begin} on. */
  readonly changes?: string;
}

/** What the link did. */
export interface LinkReport {
  readonly up: Readonly<Record<'carried' | 'lost' | 'dropped' | 'policed', number>>;
  readonly down: Readonly<Record<'carried' | 'lost' | 'dropped' | 'policed', number>>;
  /** How late packets were handed over because the link had to wait for a processor, ms. */
  readonly late: { readonly mean: number; readonly worst: number };
}

/** One of the two hosts: applications and clients are on the near one, servers on the far one. */
export type HostName = 'near' | 'far';

/** Address of the far host; the near one is 10.77.0.1. */
export const FAR_ADDRESS = '10.77.0.2';
const SUBNET = '10.77.0.0/24';

/** The two hosts. */
export interface Lab {
  /** A folder that ends with the lab. */
  readonly folder: string;
  /** Starts a program on one of the hosts. It ends with the lab at the latest. */
  start(host: HostName, command: readonly string[], env?: NodeJS.ProcessEnv): ChildProcess;
  /** Traces and changes begin now. */
  begin(): void;
  /** Segments that TCP of a host has sent and sent again so far. */
  readTcp(host: HostName): { readonly sent: number; readonly sentAgain: number };
  /** Ends the link and says what it did. */
  endLink(): Promise<LinkReport>;
  /** Ends all programs and takes the hosts down. Idempotent. */
  close(): Promise<void>;
}

let labs = 0;
const sources = join(import.meta.dirname, '..', '..', 'wan');

/** Unpacks a trace: differences in ms become times. */
function unpackTrace(name: string, folder: string): string {
  const file = join(folder, name);
  let time = 0;
  const lines = gunzipSync(readFileSync(join(sources, 'traces', `${name}.gz`)))
    .toString()
    .trim()
    .split('\n');
  writeFileSync(file, lines.map((difference) => `${(time += Number(difference))}\n`).join(''));
  return file;
}

function linkFlags(shape: LinkShape, seed: number, folder: string): string[] {
  const flags: Record<string, string | number | undefined> = {
    delay: shape.rtt / 2,
    loss: shape.loss,
    burst: shape.burst,
    rate: shape.rate,
    queue: shape.queue,
    jitter: shape.jitter,
    police: shape.police === undefined ? undefined : `${shape.police.rate}:${shape.police.bucket}`,
    'trace-up': shape.trace === undefined ? undefined : unpackTrace(`${shape.trace}.up`, folder),
    'trace-down': shape.trace === undefined ? undefined : unpackTrace(`${shape.trace}.down`, folder),
    change: shape.changes,
    seed,
  };
  return Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [`--${name}`, `${value}`]));
}

/**
 * Sets both hosts up.
 * @param tcp - what TCP across the link does about congestion: `cubic`, `bbr`
 * @param nice - priority of all programs, from -20 to 19
 * @throws {Error} when this system cannot set it up; the message quotes its tools
 */
export async function openLab(shape: LinkShape, seed: number, tcp: string, nice: number): Promise<Lab> {
  const prefix = `kw${process.pid}x${labs++}`;
  const names = { near: `${prefix}a`, far: `${prefix}b` };
  const ip = (...args: string[]): void => {
    execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'inherit'] });
  };
  const children: ChildProcess[] = [];
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= takeDown();
    return closing;
  };
  const interrupt = (): void => void close().finally(() => process.exit(130));
  const takeDown = async (): Promise<void> => {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
    const running = children.filter((child) => child.exitCode === null && child.signalCode === null);
    const gone = running.map((child) => once(child, 'exit'));
    for (const child of running) child.kill('SIGKILL');
    await Promise.all(gone);
    rmSync(folder, { recursive: true });
    for (const name of [names.near, names.far]) ip('netns', 'del', name);
  };
  let link: ChildProcess;
  let linkLines: Interface;

  checkCongestionControl(tcp);
  const folder = mkdtempSync(join(tmpdir(), 'kcptun-wan-'));
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  ip('netns', 'add', names.near);
  ip('netns', 'add', names.far);
  try {
    const program = join(folder, 'link');
    execFileSync('cc', ['-O2', '-o', program, join(sources, 'link.c')]);
    link = spawn(program, ['--a', names.near, '--b', names.far, ...linkFlags(shape, seed, folder)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(link);
    linkLines = createInterface({ input: link.stdout as NodeJS.ReadableStream });
    // It says that it is ready, or ends.
    await Promise.race([once(linkLines, 'line'), once(link, 'exit')]);
    if (link.exitCode !== null) throw new Error(`the link ended with ${link.exitCode}`);
    for (const [index, name] of [names.near, names.far].entries()) {
      const address = `10.77.0.${index + 1}`;
      ip('-n', name, 'link', 'set', 'lo', 'up');
      ip('-n', name, 'addr', 'add', `${address}/24`, 'dev', 'wan0');
      ip('-n', name, 'link', 'set', 'wan0', 'mtu', '1500', 'txqueuelen', '10000', 'up');
      // Of the route, not of the host: the TCP connections to both ends of a tunnel stay as they are.
      ip('-n', name, 'route', 'replace', SUBNET, 'dev', 'wan0', 'src', address, 'congctl', tcp);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    folder,
    start: (host, command, env = {}) => {
      const child = startNicely(nice, ['ip', 'netns', 'exec', names[host], ...command], env);
      children.push(child);
      return child;
    },
    begin: () => void link.kill('SIGUSR1'),
    readTcp: (host) => readTcp(execFileSync('ip', ['netns', 'exec', names[host], 'cat', '/proc/net/snmp'], { encoding: 'utf8' })),
    endLink: async () => {
      link.kill('SIGTERM');
      const [line] = await once(linkLines, 'line');
      return JSON.parse(String(line)) as LinkReport;
    },
    close,
  };
}

/** Starts a program with a priority, also among the sessions of the machine, where the kernel groups processes by them. */
function startNicely(nice: number, command: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  const group = '[ ! -w /proc/self/autogroup ] || echo "$0" > /proc/self/autogroup; exec nice -n "$0" "$@"';
  return spawn('sh', ['-c', group, `${nice}`, ...command], {
    // A session of its own is a group of its own.
    detached: true,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', process.env['BENCH_VERBOSE'] === undefined ? 'ignore' : 'inherit'],
  });
}

function checkCongestionControl(name: string): void {
  const available = readFileSync('/proc/sys/net/ipv4/tcp_available_congestion_control', 'utf8').trim().split(' ');
  if (available.includes(name)) return;
  throw new Error(`this kernel has no TCP ${name}, only ${available.join(', ')}: try modprobe tcp_${name}`);
}

function readTcp(text: string): { sent: number; sentAgain: number } {
  const [names = [], values = []] = text
    .split('\n')
    .filter((line) => line.startsWith('Tcp:'))
    .map((line) => line.split(' '));
  const of = (name: string): number => Number(values[names.indexOf(name)]);
  return { sent: of('OutSegs'), sentAgain: of('RetransSegs') };
}
