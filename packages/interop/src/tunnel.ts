// A tunnel made of two real programs, with a target behind it and, if wanted, a bad path in the middle:
//
//   transfer() -> TCP -> client program -> UDP [-> relay] -> server program -> TCP -> target

import { freePort, Program, startTarget, type Target, UdpRelay } from '@kcptun/testkit/node';
import { flagsFor, type Settings } from './case.ts';
import type { Kind, Programs, Role } from './programs.ts';
import { readSnmp } from './snmp.ts';

/** Options of {@link startTunnel}. */
export interface TunnelOptions {
  readonly programs: Programs;
  readonly client: Kind;
  readonly server: Kind;
  readonly settings: Settings;
  /** Puts a relay in the middle and sets its faults. */
  readonly relay?: (relay: UdpRelay) => void;
  /** Decides what the relay does by chance (default 1). */
  readonly relaySeed?: number;
}

const START_TIMEOUT_MS = 30_000;
const HOST = '127.0.0.1';

/** A running tunnel. Stop it in any case. */
export class Tunnel {
  /** TCP port of the client program. */
  readonly port: number;
  readonly client: Program;
  server: Program;
  readonly target: Target;
  readonly relay: UdpRelay | undefined;
  readonly #startServer: () => Promise<Program>;

  /** @internal made by {@link startTunnel} */
  constructor(parts: {
    readonly port: number;
    readonly client: Program;
    readonly server: Program;
    readonly target: Target;
    readonly relay: UdpRelay | undefined;
    readonly startServer: () => Promise<Program>;
  }) {
    this.port = parts.port;
    this.client = parts.client;
    this.server = parts.server;
    this.target = parts.target;
    this.relay = parts.relay;
    this.#startServer = parts.startServer;
  }

  /** Kills the server without a warning and starts it again on the same port; resolves when it listens. */
  async killServer(): Promise<void> {
    this.server.signal('SIGKILL');
    await this.server.exited;
    this.server = await this.#startServer();
  }

  /** Waits for work through the tunnel; fails with the output of the programs when it fails or one of them dies. */
  during<T>(work: Promise<T>): Promise<T> {
    return this.server.during(this.client.during(work));
  }

  /** The counters of both programs. */
  async counters(): Promise<{ client: Map<string, number>; server: Map<string, number> }> {
    const [client, server] = await Promise.all([readSnmp(this.client), readSnmp(this.server)]);
    return { client, server };
  }

  /** Stops everything. */
  async stop(): Promise<void> {
    await Promise.all([this.client.stop(), this.server.stop(), this.target.close(), this.relay?.close()]);
  }
}

/**
 * Starts target, server, relay and client, each once the one behind it is ready.
 * @throws {Error} with the output of the program that does not come up
 */
export async function startTunnel(options: TunnelOptions): Promise<Tunnel> {
  const started: { stop(): Promise<unknown> }[] = [];
  try {
    const target = await startTarget();
    started.push({ stop: () => target.close() });
    const udpPort = await freePort();
    const startServer = async (): Promise<Program> => {
      const program = launch(options, options.server, 'server', udpPort, target.port);
      started.push(program);
      // The old server says nothing once it listens, but it does so right after the key.
      await program.waitFor(options.server === 'old' ? /key derivation done/ : /Listening on: .*\/udp/, { timeoutMs: START_TIMEOUT_MS });
      return program;
    };
    const server = await startServer();

    const relay = options.relay && (await UdpRelay.start({ upstreamPort: udpPort, seed: options.relaySeed ?? 1 }));
    if (relay !== undefined) {
      started.push({ stop: () => relay.close() });
      options.relay?.(relay);
    }
    const port = await freePort();
    const client = launch(options, options.client, 'client', port, relay?.port ?? udpPort);
    started.push(client);
    await client.waitFor(/key derivation done/, { timeoutMs: START_TIMEOUT_MS });
    return new Tunnel({ port, client, server, target, relay, startServer });
  } catch (error) {
    await Promise.all(started.map((part) => part.stop()));
    throw error;
  }
}

function launch(options: TunnelOptions, kind: Kind, role: Role, listenPort: number, forwardPort: number): Program {
  const [command, ...first] = options.programs.command(kind, role);
  const flags = flagsFor({ kind, role, listen: `${HOST}:${listenPort}`, forward: `${HOST}:${forwardPort}` }, options.settings);
  // A key in the environment of whoever runs the tests must not get in.
  return new Program(command, [...first, ...flags], { name: `${kind} ${role}`, env: { KCPTUN_KEY: undefined } });
}
