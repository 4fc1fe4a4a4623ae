// Two hosts with a long link between them: network namespaces, joined by the link of wan/link.c. Linux, as root, with a C compiler and iproute2.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** What the link does to packets, the same in both directions. */
export interface LinkShape {
  /** Round-trip time in ms. */
  readonly rtt: number;
  /** Packets lost, in percent, each direction. */
  readonly loss: number;
  /** Rate of the bottleneck in Mbit/s. */
  readonly rate: number;
  /** Packets that wait at the bottleneck before further ones are dropped. */
  readonly queue: number;
}

/** Address of the far host; the near one is 10.77.0.1. */
export const FAR_ADDRESS = '10.77.0.2';

/** The two hosts. */
export interface Lab {
  /** Chooses what TCP does about congestion on both hosts: `cubic`, `bbr`. */
  setCongestionControl(name: string): void;
  /** Starts a program on one of the hosts. It ends with the lab at the latest. */
  start(host: 'near' | 'far', command: readonly string[], env?: NodeJS.ProcessEnv): ChildProcess;
  /** Ends all programs and takes the hosts down. Idempotent. */
  close(): Promise<void>;
}

let program: string | undefined;
let labs = 0;

/** Compiles the link. @throws {Error} of the compiler */
function compileLink(): string {
  if (program !== undefined) return program;
  const folder = mkdtempSync(join(tmpdir(), 'kcptun-wan-'));
  process.once('exit', () => rmSync(folder, { recursive: true }));
  program = join(folder, 'link');
  execFileSync('cc', ['-O2', '-o', program, join(import.meta.dirname, '..', '..', 'wan', 'link.c')]);
  return program;
}

/** Sets both hosts up. @throws {Error} when this system can not, with what its tools say */
export async function openLab(shape: LinkShape, seed: number): Promise<Lab> {
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
  const takeDown = async (): Promise<void> => {
    const running = children.filter((child) => child.exitCode === null && child.signalCode === null);
    const gone = running.map((child) => once(child, 'exit'));
    for (const child of running) child.kill('SIGKILL');
    await Promise.all(gone);
    for (const name of [names.near, names.far]) ip('netns', 'del', name);
  };

  ip('netns', 'add', names.near);
  ip('netns', 'add', names.far);
  try {
    const link = spawn(
      compileLink(),
      Object.entries({
        a: names.near,
        b: names.far,
        delay: shape.rtt / 2,
        loss: shape.loss,
        rate: shape.rate,
        queue: shape.queue,
        seed,
      }).flatMap(([name, value]) => [`--${name}`, `${value}`]),
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    children.push(link);
    // It says that it is ready, or ends.
    await Promise.race([once(createInterface(link.stdout), 'line'), once(link, 'exit')]);
    if (link.exitCode !== null) throw new Error(`the link ended with ${link.exitCode}`);
    for (const [index, name] of [names.near, names.far].entries()) {
      ip('-n', name, 'link', 'set', 'lo', 'up');
      ip('-n', name, 'addr', 'add', `10.77.0.${index + 1}/24`, 'dev', 'wan0');
      ip('-n', name, 'link', 'set', 'wan0', 'mtu', '1500', 'txqueuelen', '10000', 'up');
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    setCongestionControl: (control) => {
      for (const name of [names.near, names.far]) {
        try {
          ip('netns', 'exec', name, 'sysctl', '-q', '-w', `net.ipv4.tcp_congestion_control=${control}`);
        } catch (cause) {
          // Namespaces may use only what the system has released to everyone.
          const list = 'net.ipv4.tcp_allowed_congestion_control';
          throw new Error(`${control} is not allowed in namespaces: sysctl -w ${list}="$(sysctl -n ${list}) ${control}"`, { cause });
        }
      }
    },
    start: (host, command, env = {}) => {
      const child = spawn('ip', ['netns', 'exec', names[host], ...command], {
        env: { ...process.env, ...env },
        stdio: ['ignore', 'pipe', process.env['BENCH_VERBOSE'] === undefined ? 'ignore' : 'inherit'],
      });
      children.push(child);
      return child;
    },
    close,
  };
}
