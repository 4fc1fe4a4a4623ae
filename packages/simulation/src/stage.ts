// The world of a run: four machines on one virtual clock, the real client and server on two of them, and the means to let things go wrong.
//
//   applications ~TCP~ client ~~UDP path~~ server ~TCP~ targets            a stranger, who sends datagrams to both

import type { Logger } from '@kcptun/common';
import { type DatagramTap, Random, type SimHost, type SimLink, SimWorld } from '@kcptun/testkit';
import { formatAddress, type Host, type SocketAddress } from '@kcptun/transport';
import { TunnelClient, TunnelServer } from '@kcptun/tunnel';
import { type End, type PathPlan, type Plan, settingsOf } from './plan.ts';

/** Addresses of the machines. */
const APPS = '10.0.0.1';
export const CLIENT = '10.0.0.2';
export const SERVER = '10.0.0.3';
/** The other address of the server's machine. */
export const SECOND = '10.0.2.3';
const TARGETS = '10.0.0.4';
const STRANGER = '10.0.0.5';
/** Where the client appears when it roams. */
export const ROAMED = '10.0.1.2';

const CLIENT_PORT = 12_948;
const SERVER_PORT = 29_900;
const TARGET_PORT = 80;
/** Memory of a machine: a small one, so that what is not given back shows. */
const ARENA_BYTES = 6 * 1024 * 1024;
/** Datagrams that a stranger remembers. */
const MAX_SEEN = 256;

/** What a stage tells those who watch. */
export interface StageEvents {
  /** Takes a line of the timeline. */
  readonly note: (text: string) => void;
  /** Told of every datagram. */
  readonly tap: DatagramTap;
}

/** Replaces what a tunnel gets as its host: how tests plant bugs. */
export type WrapHost = (host: SimHost, end: End) => Host;

/** One life of a program at one end. */
export interface Life {
  readonly end: End;
  readonly host: SimHost;
  readonly tunnel: TunnelClient | TunnelServer;
  /** Whether it was killed: what it left behind is not its fault. */
  killed: boolean;
  /** Errors with which sessions ended. */
  readonly sessionErrors: Error[];
}

/** The machines of a run. */
export class Stage {
  readonly world: SimWorld;
  readonly plan: Plan;
  /** Every client and server that has lived, in order; the present ones too. */
  readonly lives: Life[] = [];
  readonly #events: StageEvents;
  readonly #wrap: WrapHost;
  readonly #present: { client: Life | undefined; server: Life | undefined } = { client: undefined, server: undefined };
  readonly #strangerRandom: Random;
  /** Datagrams from the client to the server that the stranger has seen. */
  readonly #seen: Uint8Array[] = [];
  /** Datagrams of the client that were lost: the stranger has held them back. */
  readonly #held: Uint8Array[] = [];
  /** Ports from which the client has sent, as the server sees them. */
  readonly #clientPorts: Set<number> = new Set();
  /** Bytes that the stranger has sent to the server from its own address. */
  strangeBytes = 0;
  /** What it has sent in the client's name. */
  readonly spoofed: { count: number; bytes: number } = { count: 0, bytes: 0 };
  #clientSeenAt: SocketAddress | undefined;
  #targetListener: { close(): void } | undefined;

  constructor(plan: Plan, events: StageEvents, wrap: WrapHost, wasm: boolean | undefined) {
    this.plan = plan;
    this.#events = events;
    this.#wrap = wrap;
    this.#strangerRandom = new Random(plan.seed ^ 0x5712_46e6);
    const tap: DatagramTap = {
      sent: (from, to, bytes, fate) => {
        if (to.address === this.calledAddress && from.address !== STRANGER) this.#overhear(from, bytes, fate !== 'delivered');
        events.tap.sent(from, to, bytes, fate);
      },
      arrived: (from, to, bytes, taken) => events.tap.arrived(from, to, bytes, taken),
    };
    this.world = new SimWorld({ seed: plan.seed, tap, arenaBytes: ARENA_BYTES, ...(wasm === undefined ? {} : { wasm }) });
    for (const address of [APPS, CLIENT, SERVER, TARGETS, STRANGER]) this.world.host(address);
    this.world.addAddress(SERVER, SECOND);
    for (const [link, path] of this.paths) applyPath(link, path);
  }

  /** Where the client calls the server. */
  get calledAddress(): string {
    return this.plan.secondAddress === undefined ? SERVER : SECOND;
  }

  /** The present client and server. */
  get client(): Life | undefined {
    return this.#present.client;
  }

  get server(): Life | undefined {
    return this.#present.server;
  }

  /** Both directions, with their plans. */
  get paths(): readonly (readonly [SimLink, PathPlan])[] {
    return [
      [this.world.link(CLIENT, SERVER), this.plan.up],
      [this.world.link(SERVER, CLIENT), this.plan.down],
    ];
  }

  /** Starts an end on its machine: where one was killed, that was booted anew. */
  async start(end: End): Promise<void> {
    const address = end === 'client' ? CLIENT : SERVER;
    const host = this.world.host(address);
    if (end === 'server') host.answersFromCalled = this.plan.secondAddress !== 'first';
    const sessionErrors: Error[] = [];
    const shared = { ...settingsOf(this.plan, end), host: this.#wrap(host, end), logger: this.#logger(end) };
    const tunnel =
      end === 'client'
        ? new TunnelClient({
            ...shared,
            listen: { host: '', port: CLIENT_PORT },
            remote: { host: this.calledAddress, minPort: SERVER_PORT, maxPort: SERVER_PORT },
            connections: this.plan.connections,
            ...this.plan.clientSettings,
          })
        : new TunnelServer({
            ...shared,
            listen: { host: '', minPort: SERVER_PORT, maxPort: SERVER_PORT },
            target: { host: TARGETS, port: TARGET_PORT },
          });
    tunnel.on('sessionClosed', (_link, error) => {
      if (error !== undefined) sessionErrors.push(error);
    });
    const life: Life = { end, host, tunnel, killed: false, sessionErrors };
    this.lives.push(life);
    this.#present[end] = life;
    await tunnel.start();
  }

  /** Ends an end at once: `kill` does so without its knowledge. */
  end(end: End, how: 'stop' | 'kill'): void {
    const life = this.#present[end];
    if (life === undefined) return;
    this.#present[end] = undefined;
    if (how === 'stop') {
      life.tunnel.stop();
    } else {
      life.killed = true;
      this.world.reboot(life.host.address);
    }
  }

  /** Connects an application to the client. */
  connect(callback: Parameters<SimHost['connect']>[1]): void {
    this.world.host(APPS).connect({ host: CLIENT, port: CLIENT_PORT }, callback);
  }

  /** Lets targets be found, or not. */
  listenForTargets(onConnection: Parameters<SimHost['listen']>[1]): void {
    this.world.host(TARGETS).listen({ host: '', port: TARGET_PORT }, onConnection, (_error, listener) => {
      this.#targetListener = listener;
    });
  }

  /** Targets refuse connections from now on. */
  refuseTargets(): void {
    this.#targetListener?.close();
    this.#targetListener = undefined;
  }

  /** The stranger sends: noise of all lengths, or what it has overheard, to the server and to the client; or in the client's name. */
  strange(count: number, what: 'noise' | 'replay' | 'spoof'): void {
    const host = this.world.host(STRANGER);
    const random = this.#strangerRandom;
    if (what === 'spoof') {
      const { nat } = this.world.host(CLIENT);
      const ports = [...this.#clientPorts].flatMap((port) => nat.inside(port) ?? []);
      const held = this.#held.length > 0 ? this.#held : this.#seen;
      for (let index = 0; index < count && ports.length > 0; index++) {
        const bytes = random.pick(held);
        this.spoofed.count += 1;
        this.spoofed.bytes += bytes.length;
        this.world.host(CLIENT).send(random.pick(ports), { address: this.calledAddress, port: SERVER_PORT, family: 4 }, bytes);
      }
      return;
    }
    for (let index = 0; index < count; index++) {
      const bytes = what === 'replay' && this.#seen.length > 0 ? random.pick(this.#seen) : random.bytes(random.integer(0, 1500));
      this.strangeBytes += bytes.length;
      host.send(1000 + random.integer(0, 3), { address: this.calledAddress, port: SERVER_PORT, family: 4 }, bytes);
      if (this.#clientSeenAt !== undefined) host.send(SERVER_PORT, this.#clientSeenAt, bytes);
    }
  }

  /** A line of the timeline. */
  note(text: string): void {
    this.#events.note(text);
  }

  /** The path as it is when nothing goes wrong: delay and rate stay. */
  calm(): void {
    for (const [link, { delay, rate }] of this.paths) {
      applyPath(link, { delay });
      if (rate !== undefined) link.setRate(...rate);
    }
    for (const address of [CLIENT, SERVER]) this.world.host(address).sendLimit = Number.POSITIVE_INFINITY;
  }

  #overhear(from: SocketAddress, bytes: Uint8Array, lost: boolean): void {
    this.#clientPorts.add(from.port);
    if (lost && this.#held.length < MAX_SEEN) this.#held.push(bytes.slice());
    this.#clientSeenAt = from;
    if (this.#seen.length < MAX_SEEN) this.#seen.push(bytes.slice());
    else if (this.#strangerRandom.chance(0.02)) this.#seen[this.#strangerRandom.integer(0, MAX_SEEN - 1)] = bytes.slice();
  }

  #logger(end: End): Logger {
    const line = (text: string): void => this.note(`${end} log: ${text}`);
    return { debug: () => {}, info: line, warn: line, error: line };
  }
}

function applyPath(link: SimLink, path: PathPlan): void {
  link
    .setDelay(path.delay)
    .setJitter(path.jitter ?? 0)
    .setLoss(path.loss ?? 0)
    .setDuplicate(path.duplicate ?? 0)
    .setCorrupt(path.corrupt ?? 0);
  link.setReorder(...(path.reorder ?? ([0, 0] as const)));
  if (path.burst === undefined) link.setBurstLoss(0, 1);
  else link.setBurstLoss(...path.burst);
  if (path.rate !== undefined) link.setRate(...path.rate);
}

/** A remote address as text. */
export function textOf(address: SocketAddress): string {
  return formatAddress(address.address, address.port);
}
