// The whole tunnel in a simulated world: a client machine, a server machine with the target on it, applications that send patterns.

import type { Logger } from '@kcptun/common';
import { checkPattern, type DatagramTap, patternBytes, type SimHost, type SimLink, SimWorld } from '@kcptun/testkit';
import { type ByteConnection, type ByteEvents, ConnectionBudget, type Host } from '@kcptun/transport';
import { TunnelClient, type TunnelClientOptions, type TunnelOptions, TunnelServer, type TunnelServerOptions } from '@kcptun/tunnel';
import { expect } from 'vitest';

export const CLIENT = '10.0.0.1';
export const SERVER = '10.0.0.2';
const TARGET_PORT = 80;
export const SECOND = 1000;

/** An end of a byte connection: sends a pattern, checks what it receives against another. */
export class Party implements ByteEvents {
  received = 0;
  wrong = -1;
  ended = false;
  closed = false;
  error: Error | undefined;
  readonly connection: ByteConnection;
  readonly #seed: number;

  constructor(connection: ByteConnection, seed = 3) {
    this.connection = connection;
    this.#seed = seed;
    connection.events = this;
    connection.resume();
  }

  send(length: number, seed = 3): void {
    for (let at = 0; at < length; at += 30_000) this.connection.write(patternBytes(Math.min(30_000, length - at), seed, at), () => {});
  }

  onData(bytes: Uint8Array): void {
    const at = checkPattern(bytes, this.#seed, this.received);
    if (at >= 0 && this.wrong < 0) this.wrong = this.received + at;
    this.received += bytes.length;
  }

  onEnd(): void {
    this.ended = true;
  }

  onClose(error: Error | undefined): void {
    this.closed = true;
    this.error = error;
  }
}

export class Lines implements Logger {
  readonly lines: string[] = [];
  readonly debug = (): void => {};
  readonly info = (): void => {};
  readonly warn = (text: string): void => void this.lines.push(text);
  readonly error = (text: string): void => void this.lines.push(text);
}

/** The same but for some of its properties. */
export function override<T extends object>(base: T, own: Partial<T>): T {
  return new Proxy(base, {
    get: (_target, name) => {
      const value: unknown = Reflect.get(name in own ? own : base, name, base);
      return typeof value === 'function' ? value.bind(base) : value;
    },
  });
}

export interface Setting {
  readonly seed?: number;
  readonly link?: (link: SimLink) => void;
  readonly shared?: Partial<TunnelOptions>;
  readonly client?: Partial<TunnelClientOptions>;
  readonly onTarget?: (party: Party) => void;
  readonly server?: Partial<TunnelServerOptions>;
  readonly targetHost?: string;
  /** How many files the server's process may have open. */
  readonly serverFiles?: number;
  readonly tap?: DatagramTap;
  /** Stands between the client and its machine. */
  readonly clientHost?: (near: SimHost) => Host;
}

export class Simulation {
  readonly world: SimWorld;
  readonly near: SimHost;
  far: SimHost;
  readonly client: TunnelClient;
  server: TunnelServer;
  readonly targets: Party[] = [];
  readonly clientLines: Lines = new Lines();
  readonly serverLines: Lines = new Lines();
  readonly #setting: Setting;

  constructor(setting: Setting) {
    this.#setting = setting;
    this.world = new SimWorld({
      seed: setting.seed ?? 1,
      configure: setting.link ?? ((link) => link.setDelay(20)),
      ...(setting.tap === undefined ? {} : { tap: setting.tap }),
    });
    this.near = this.world.host(CLIENT);
    this.far = this.world.host(SERVER);
    if (setting.serverFiles !== undefined) this.far.connectionBudget = new ConnectionBudget(setting.serverFiles);
    this.#startTarget();
    this.server = this.#createServer();
    this.client = new TunnelClient({
      key: 'k',
      logger: this.clientLines,
      host: setting.clientHost?.(this.near) ?? this.near,
      listen: { host: '', port: 12_948 },
      remote: { host: SERVER, minPort: 29_900, maxPort: 29_900 },
      ...setting.shared,
      ...setting.client,
    });
  }

  static async start(setting: Setting = {}): Promise<Simulation> {
    const simulation = new Simulation(setting);
    await simulation.server.start();
    await simulation.client.start();
    return simulation;
  }

  async restartServer(): Promise<void> {
    this.server = this.#createServer();
    await this.server.start();
  }

  /** Ends the server, and the target with it, as `kill -9` does, and starts both anew after `pause` ms. */
  async killServer(pause = 0): Promise<void> {
    const far = this.world.reboot(SERVER);
    this.far = far;
    this.world.clock.advanceBy(pause);
    this.#startTarget();
    await this.restartServer();
  }

  /** Connects, sends and waits for the answer of a target that answers with `length` bytes; gives the time that took in ms. */
  exchange(length: number, limit: number): number {
    const started = this.world.clock.now;
    const app = this.connect(4);
    app.send(1000);
    this.run(() => app.received === length || app.closed, limit);
    expect(app).toMatchObject({ received: length, wrong: -1, closed: false });
    app.connection.end();
    return this.world.clock.now - started;
  }

  connect(seed = 3): Party {
    let party: Party | undefined;
    this.near.connect({ host: CLIENT, port: 12_948 }, (_error, connection) => {
      party = new Party(connection as ByteConnection, seed);
    });
    this.world.clock.runUntil(() => party !== undefined, SECOND);
    return party as unknown as Party;
  }

  run(condition: () => boolean, limit: number): void {
    this.world.clock.runUntil(condition, limit);
  }

  /** Stops both ends; whatever is left of them in the world is an error. */
  stop(): void {
    this.client.stop();
    this.server.stop();
    for (const { connection } of this.targets) connection.destroy(false);
    this.world.clock.advanceBy(SECOND);
    expect(this.near.process.pending + this.far.process.pending).toBe(0);
    expect(this.near.open).toBe(0);
    expect(this.far.open).toBe(1); // the target
    expect(this.client.stats()).toMatchObject({ streams: 0, links: [], chunks: 0 });
    expect(this.server.stats()).toMatchObject({ streams: 0, links: [], chunks: 0 });
  }

  #startTarget(): void {
    this.far.listen(
      { host: '', port: TARGET_PORT },
      (connection) => {
        const party = new Party(connection);
        this.targets.push(party);
        this.#setting.onTarget?.(party);
      },
      () => {},
    );
  }

  #createServer(): TunnelServer {
    return new TunnelServer({
      key: 'k',
      logger: this.serverLines,
      host: this.far,
      listen: { host: '', minPort: 29_900, maxPort: 29_900 },
      target: { host: this.#setting.targetHost ?? SERVER, port: TARGET_PORT },
      ...this.#setting.shared,
      ...this.#setting.server,
    });
  }
}
