// The programs that are compared, ours and the Go ones, and a running pair of them.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { readUsage, type Usage } from './process-usage.ts';

/** A client and a server to start. */
export interface Program {
  readonly name: string;
  readonly client: readonly string[];
  readonly server: readonly string[];
  /** Flags that only this server needs. */
  readonly serverFlags: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** With a folder in BENCH_PROFILE, our programs leave CPU profiles there (`node --cpu-prof`). */
const PROFILES = process.env['BENCH_PROFILE'];
const packages = join(import.meta.dirname, '..', '..');
const goPeers = process.env['KCPTUN_GO_PEERS'] ?? join(homedir(), '.cache', 'kcptun-go-peers');

function goProgram(name: string, version: 'old' | 'new', env: NodeJS.ProcessEnv): Program {
  return {
    name,
    client: [join(goPeers, version, 'kcptun-client')],
    server: [join(goPeers, version, 'kcptun-server')],
    serverFlags: version === 'new' ? ['--closewait', '0'] : [],
    env,
  };
}

function ownProgram(name: string, env: NodeJS.ProcessEnv, folder = packages): Program {
  return {
    name,
    client: [process.execPath, join(folder, 'kcptun-client', 'dist', 'main.js')],
    server: [process.execPath, join(folder, 'kcptun-server', 'dist', 'main.js')],
    serverFlags: [],
    env,
  };
}

/** Programs of another build, a folder that holds `packages`: before and after a change in one interleaved run. */
const OTHER_BUILD = process.env['BENCH_OTHER_BUILD'];
const ours = ownProgram('ours', {});
const go = goProgram('go 2026', 'new', {});

/** All programs and pairs by the names that the command lines use. */
export const PROGRAMS: Readonly<Record<string, Program>> = {
  ours,
  nonative: ownProgram('ours, no native', { KCPTUN_NO_NATIVE: '1' }),
  nowasm: ownProgram('ours, no WASM', { KCPTUN_NO_WASM: '1' }),
  noneither: ownProgram('ours, neither', { KCPTUN_NO_NATIVE: '1', KCPTUN_NO_WASM: '1' }),
  go,
  go1: goProgram('go 2026, GOMAXPROCS=1', 'new', { GOMAXPROCS: '1' }),
  ...(OTHER_BUILD === undefined ? {} : { other: ownProgram('ours, other build', {}, join(OTHER_BUILD, 'packages')) }),
  old: goProgram('go 2021', 'old', {}),
  'ours-go': { ...go, name: 'our client, go server', client: ours.client },
  'go-ours': { ...ours, name: 'go client, our server', client: go.client },
};

/** Looks programs up. @throws {RangeError} naming the unknown one and those that there are */
export function findPrograms(names: readonly string[]): Program[] {
  return names.map((name) => {
    const program = PROGRAMS[name];
    if (program === undefined) throw new RangeError(`no program ${name}; there are ${Object.keys(PROGRAMS).join(', ')}`);
    return program;
  });
}

/** A running client and server, and the target behind them. */
export interface RunningTunnel {
  /** Opens a connection through the tunnel. Resolves with both of its ends, which have exchanged a byte. */
  connect(): Promise<{ readonly near: net.Socket; readonly far: net.Socket }>;
  /** Where the server listens, on 127.0.0.1. */
  readonly udpPort: number;
  /** What client and server have used so far. */
  usage(): readonly [client: Usage, server: Usage];
  /** From now on the target refuses connections; those that there are go on. */
  refuse(): void;
  stop(): Promise<void>;
}

// Below the ephemeral range, or an outgoing connection takes them now and then.
let nextPort = 20_000 + (process.pid % 4000);

/**
 * Starts a pair and waits until a connection through it works.
 * @param flags - for both ends
 * @param clientFlags - for the client alone
 */
export async function startTunnel(program: Program, flags: readonly string[], clientFlags: readonly string[] = []): Promise<RunningTunnel> {
  const [targetPort, udpPort, localPort] = [nextPort++, nextPort++, nextPort++];
  const waiting: ((socket: net.Socket) => void)[] = [];
  const target = net.createServer((socket) => {
    socket.setNoDelay(true);
    socket.once('error', () => socket.destroy());
    const take = waiting.shift();
    // Of a peer that the benchmark starts beside the client: its bytes are read, no more.
    if (take === undefined) socket.resume();
    else take(socket);
  });
  target.listen(targetPort, '127.0.0.1');
  await once(target, 'listening');
  const server = start(
    program.server,
    ['-l', `127.0.0.1:${udpPort}`, '-t', `127.0.0.1:${targetPort}`, ...flags, ...program.serverFlags],
    program.env,
  );
  const client = start(
    program.client,
    ['-l', `127.0.0.1:${localPort}`, '-r', `127.0.0.1:${udpPort}`, ...flags, ...clientFlags],
    program.env,
  );

  const tunnel: RunningTunnel = {
    udpPort,
    connect: async () => {
      const far = new Promise<net.Socket>((resolve) => waiting.push(resolve));
      const near = await connectTo(localPort);
      near.setNoDelay(true);
      // A stream reaches the target with its first byte.
      near.write('x');
      const other = await far;
      await once(other, 'data');
      return { near, far: other };
    },
    usage: () => [readUsage(client.pid as number), readUsage(server.pid as number)],
    refuse: () => void target.close(),
    stop: async () => {
      const gone = [client, server].map((child) => once(child, 'exit'));
      // A profile is written at an orderly end only.
      for (const child of [client, server]) child.kill(PROFILES === undefined ? 'SIGKILL' : 'SIGTERM');
      target.close();
      await Promise.all(gone);
    },
  };
  try {
    // Both programs need a moment before they listen.
    await new Promise((resolve) => setTimeout(resolve, 700));
    const { near, far } = await tunnel.connect();
    near.destroy();
    far.destroy();
    return tunnel;
  } catch (error) {
    await tunnel.stop();
    throw error;
  }
}

function start(command: readonly string[], args: readonly string[], env: NodeJS.ProcessEnv): ChildProcess {
  const [file, ...head] = command;
  const log = process.env['BENCH_VERBOSE'] === undefined ? 'ignore' : 'inherit';
  const profile = PROFILES !== undefined && file === process.execPath ? ['--cpu-prof', `--cpu-prof-dir=${PROFILES}`] : [];
  return spawn(file as string, [...profile, ...head, ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', log] });
}

async function connectTo(port: number): Promise<net.Socket> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await new Promise((resolve, reject) => {
        const socket = net.connect({ port, host: '127.0.0.1' }, () => resolve(socket)).once('error', reject);
      });
    } catch (error) {
      if (attempt > 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
