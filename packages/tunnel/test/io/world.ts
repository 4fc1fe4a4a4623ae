// A client and a server of this process with what they need around them, and the undoing of it all.

import { randomUUID } from 'node:crypto';
import net from 'node:net';
import type { Logger } from '@kcptun/common';
import { findLeaks, installPoolChecks, takeFaults } from '@kcptun/testkit';
import { startTarget, type Target, UdpRelay } from '@kcptun/testkit/node';
import { TunnelClient, type TunnelClientOptions, type TunnelOptions, TunnelServer, type TunnelServerOptions } from '@kcptun/tunnel';
import { afterEach, beforeEach, expect, vi } from 'vitest';

/** Of this file's worlds only: a port that another test has given up may be ours next, with its datagrams still coming. */
const KEY: string = `test ${randomUUID()}`;
/** Longer than anything here takes on a slow and busy machine, shorter than the limit of a test. */
const MOST_WAIT_MS = 40_000;

const undo: (() => unknown)[] = [];

let restorePools: () => void;
beforeEach(() => {
  restorePools = installPoolChecks();
});

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
  try {
    expect(takeFaults()).toEqual([]);
    // Connections tell some turns later that they are done with the bytes they were given.
    await vi.waitFor(() => expect(findLeaks()).toEqual([]), { timeout: MOST_WAIT_MS, interval: 5 });
  } finally {
    restorePools();
  }
});

/** Has `step` run when the test is over, before the steps that were given earlier. */
export function atEnd(step: () => unknown): void {
  undo.push(step);
}

/** What a tunnel has logged. */
export class Log implements Logger {
  readonly lines: { readonly level: 'debug' | 'info' | 'warn' | 'error'; readonly text: string }[] = [];
  readonly debug = (text: string): void => void this.lines.push({ level: 'debug', text });
  readonly info = (text: string): void => void this.lines.push({ level: 'info', text });
  readonly warn = (text: string): void => void this.lines.push({ level: 'warn', text });
  readonly error = (text: string): void => void this.lines.push({ level: 'error', text });

  /** Warnings and errors. */
  get troubles(): string[] {
    return this.lines.filter(({ level }) => level === 'warn' || level === 'error').map(({ text }) => text);
  }

  /** Lines of any level that match. */
  matching(pattern: RegExp): string[] {
    return this.lines.map(({ text }) => text).filter((text) => pattern.test(text));
  }
}

/** Options for both ends and for each of them. */
export interface WorldOptions {
  readonly shared?: Partial<TunnelOptions>;
  readonly client?: Partial<TunnelClientOptions>;
  readonly server?: Partial<TunnelServerOptions>;
  /** Port of the target; by default a target of the testkit is started. */
  readonly targetPort?: number;
  /** Puts a bad path between the ends. */
  readonly relay?: (relay: UdpRelay) => void;
}

/** A running tunnel. */
export interface World {
  readonly client: TunnelClient;
  readonly server: TunnelServer;
  readonly target: Target;
  readonly clientLog: Log;
  readonly serverLog: Log;
}

/** Starts target, server and client on 127.0.0.1; stopped after the test. */
export async function startWorld(options: WorldOptions = {}): Promise<World> {
  const target = await startTarget();
  atEnd(() => target.close());
  const serverLog = new Log();
  const server = await startServer({
    logger: serverLog,
    target: { host: '127.0.0.1', port: options.targetPort ?? target.port },
    ...options.shared,
    ...options.server,
  });
  let { port } = server;
  if (options.relay !== undefined) {
    const relay = await UdpRelay.start({ upstreamPort: port, seed: 7 });
    atEnd(() => relay.close());
    options.relay(relay);
    port = relay.port;
  }
  const clientLog = new Log();
  const client = await startClient({ logger: clientLog, remote: at(port), ...options.shared, ...options.client });
  return { client, server, target, clientLog, serverLog };
}

/** Starts a server on a free port of 127.0.0.1. */
export async function startServer(options: Partial<TunnelServerOptions> & Pick<TunnelServerOptions, 'target'>): Promise<TunnelServer> {
  const server = new TunnelServer({ key: KEY, listen: at(0), ...options });
  atEnd(() => server.stop());
  await server.start();
  return server;
}

/** Starts a client on a free port of 127.0.0.1. */
export async function startClient(options: Partial<TunnelClientOptions> & Pick<TunnelClientOptions, 'remote'>): Promise<TunnelClient> {
  const client = new TunnelClient({ key: KEY, listen: { host: '127.0.0.1', port: 0 }, ...options });
  atEnd(() => client.stop());
  await client.start();
  return client;
}

/** A port of 127.0.0.1 as a range of one. */
export function at(port: number, host = '127.0.0.1'): { host: string; minPort: number; maxPort: number } {
  return { host, minPort: port, maxPort: port };
}

/** A TCP target that does with each connection what the test says. */
export async function listen(onConnection: (socket: net.Socket) => void): Promise<number> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    onConnection(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as net.AddressInfo).port;
}

/** Connects to a port or a unix socket; errors are left to `close`. */
export function connect(place: number | string): net.Socket {
  const address = typeof place === 'number' ? { port: place, host: '127.0.0.1' } : { path: place };
  const socket = net.connect({ ...address, allowHalfOpen: true });
  socket.on('error', () => {});
  atEnd(() => socket.destroy());
  return socket;
}

/** Resolves once `condition` holds; the test's own time limit bounds it. */
export async function until(condition: () => boolean): Promise<void> {
  const started = performance.now();
  while (!condition()) {
    if (performance.now() - started > MOST_WAIT_MS) throw new Error(`did not come true within ${MOST_WAIT_MS} ms: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Resolves once a socket is closed, in order or not. */
export function closed(socket: net.Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}
