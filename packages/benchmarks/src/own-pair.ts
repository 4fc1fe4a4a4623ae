// Our two programs on free ports of the loopback, before and with a connection through them: where the measurements of memory start.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { join } from 'node:path';

/** Which program. */
export type Side = 'client' | 'server';

/** Where a program is to listen and to send, `host:port`. */
export interface Addresses {
  readonly listen: string;
  readonly forward: string;
}

/** Both programs, running. */
export interface OwnPair {
  readonly client: ChildProcess;
  readonly server: ChildProcess;
  /** Opens a connection and sends a byte through it; resolves with both ends. */
  connect(): Promise<{ readonly near: net.Socket; readonly far: net.Socket }>;
  /** Ends programs and connections. */
  stop(): void;
}

const HOST = '127.0.0.1';
const ANY_PORT = `${HOST}:0`;
/** What they log when they do listen. */
const LISTENS: Readonly<Record<Side, RegExp>> = {
  client: /listening on: 127\.0\.0\.1:(\d+)/,
  server: /Listening on: 127\.0\.0\.1:(\d+)/,
};

/**
 * Starts a server with a target behind it, and a client.
 * @param argsFor - the command line of a program
 * @param env - added to the environment of both
 * @throws {Error} with its log when a program ends
 */
export async function startOwnPair(
  argsFor: (side: Side, addresses: Addresses) => readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<OwnPair> {
  const target = net.createServer().listen(0, HOST);
  await once(target, 'listening');
  const sockets: net.Socket[] = [];
  const children: ChildProcess[] = [];
  const stop = (): void => {
    for (const socket of sockets) socket.destroy();
    for (const child of children) child.kill('SIGKILL');
    target.close();
  };
  const start = async (side: Side, forward: number): Promise<[ChildProcess, number]> => {
    const args = argsFor(side, { listen: ANY_PORT, forward: `${HOST}:${forward}` });
    const main = join(import.meta.dirname, '..', '..', `kcptun-${side}`, 'dist', 'main.js');
    const child = spawn(process.execPath, [main, ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
    children.push(child);
    return [child, await listeningPort(child, LISTENS[side])];
  };
  try {
    const [server, udpPort] = await start('server', (target.address() as net.AddressInfo).port);
    const [client, port] = await start('client', udpPort);
    const connect = async (): Promise<{ near: net.Socket; far: net.Socket }> => {
      const near = net.connect(port, HOST);
      sockets.push(near);
      near.write('x');
      const [far] = (await once(target, 'connection')) as [net.Socket];
      sockets.push(far);
      await once(far, 'data');
      return { near, far };
    };
    return { client, server, connect, stop };
  } catch (error) {
    stop();
    throw error;
  }
}

/** The port that a program says in its log. */
async function listeningPort(
  child: ChildProcess & { readonly stderr: NonNullable<ChildProcess['stderr']> },
  listens: RegExp,
): Promise<number> {
  let log = '';
  for await (const text of child.stderr.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    log += text;
    const match = listens.exec(log);
    if (match === null) continue;
    child.stderr.resume();
    return Number(match[1]);
  }
  throw new Error(`${child.spawnargs.join(' ')} ended:\n${log}`);
}
