// Endpoints on a simulated network and a virtual clock. A Site is what a transport is to an endpoint: it hands datagrams and
// timeouts in, polls, flushes, and keeps one timer; its owner reads everything and answers as the test wants. Paths are node numbers.

import type { KernelMemory, PacketBatch } from '@kcptun/common';
import { type CryptMethod, createPacketCrypt } from '@kcptun/crypt';
import { checkPattern, fillPattern, Random, SimNetwork, type SimNetworkOptions, VirtualClock, type VirtualTimer } from '@kcptun/testkit';
import {
  Endpoint,
  type EndpointOptions,
  type FlightBudget,
  parseSessionParameters,
  type ReplayGuard,
  type Session,
  type SessionEvent,
  type SessionParameters,
  type SharedPaths,
} from '../src/index.ts';

/** Any 32 bytes do; both ends of a test share them. */
export const KEY: Uint8Array = new Uint8Array(32).map((_, index) => (index * 37 + 11) & 0xff);

export interface SiteOptions {
  readonly crypt?: CryptMethod;
  readonly key?: Uint8Array;
  readonly parameters?: Partial<SessionParameters>;
  readonly seed?: number;
  readonly maxSessions?: number;
  readonly memory?: KernelMemory;
  readonly replayProtection?: boolean;
  readonly replayGuard?: ReplayGuard;
  readonly flight?: FlightBudget;
  readonly addressOf?: (path: number) => string;
  readonly paths?: SharedPaths;
  readonly maxSessionsPerAddress?: number;
  /** Called with the sessions that peers open. */
  readonly onOpened?: (session: Session) => void;
  /** Sees every datagram that is sent, and the path it goes to. */
  readonly onDatagram?: (bytes: Uint8Array, path: number) => void;
}

/** Receives one session's bytes; compares them with the pattern of `seed` where one is given. */
export class Reader {
  received = 0;
  readonly #seed: number | undefined;
  readonly #kept: number[] = [];

  constructor(seed?: number) {
    this.#seed = seed;
  }

  /** What came, where no pattern is compared. */
  get bytes(): Uint8Array {
    return Uint8Array.from(this.#kept);
  }

  read(session: Session): void {
    while (session.peek()) {
      const bytes = session.readBytes.subarray(session.readOffset, session.readOffset + session.readLength);
      if (this.#seed === undefined) this.#kept.push(...bytes);
      else {
        const wrong = checkPattern(bytes, this.#seed, this.received);
        if (wrong >= 0) throw new Error(`seed ${this.#seed}: byte ${this.received + wrong} differs`);
      }
      this.received += bytes.length;
      session.consume(bytes.length);
    }
  }
}

/** Writes the first `total` bytes of a pattern into a session, as fast as it takes them. */
export class Writer {
  sent = 0;
  readonly total: number;
  readonly #seed: number;
  readonly #piece: Uint8Array;

  constructor(total: number, seed: number, piece = 5000) {
    this.total = total;
    this.#seed = seed;
    this.#piece = new Uint8Array(piece);
  }

  pump(session: Session): void {
    while (this.sent < this.total) {
      const room = Math.min(session.room(), this.#piece.length, this.total - this.sent);
      if (room === 0) return;
      fillPattern(this.#piece.subarray(0, room), this.#seed, this.sent);
      session.write(this.#piece, 0, room);
      this.sent += room;
    }
  }
}

/** What a test attaches to a session as its owner. */
interface Attachment {
  readonly reader: Reader | undefined;
  readonly writer: Writer | undefined;
}

/** An endpoint on the network. */
export class Site {
  readonly endpoint: Endpoint;
  node: number;
  /** All events so far. */
  readonly events: SessionEvent[] = [];
  /** All forgotten paths so far. */
  readonly forgotten: number[] = [];
  /** Longest datagram sent, in bytes. */
  longest = 0;
  /** Length of each datagram sent, in bytes. */
  readonly lengths: number[] = [];
  /** Changes with every byte, path and time of what was sent. */
  trace = 0;
  readonly #clock: VirtualClock;
  readonly #network: SimNetwork;
  readonly #options: SiteOptions;
  #timer: VirtualTimer | undefined;

  constructor(clock: VirtualClock, network: SimNetwork, node: number, role: 'client' | 'server', options: SiteOptions) {
    this.#clock = clock;
    this.#network = network;
    this.#options = options;
    this.node = node;
    const random = new Random((options.seed ?? 1) * 2 + node);
    const memory = options.memory === undefined ? {} : { memory: options.memory };
    this.endpoint = new Endpoint({
      role,
      crypt: createPacketCrypt({ method: options.crypt ?? 'null', key: options.key ?? KEY, random: random.source, ...memory }),
      parameters: parseSessionParameters(options.parameters),
      random: random.source,
      transmit: (batch) => {
        this.#record(batch);
        network.sendBatch(this.node, batch, (path) => path);
        return batch.count;
      },
      onWake: () => {
        clock.schedule(clock.now, () => this.turn());
      },
      ...memory,
      ...pickGuards(options),
    });
    this.moveTo(node);
  }

  /** Takes the place of another node, as behind a NAT that has chosen another port: what is on its way to the old one is lost. */
  moveTo(node: number): void {
    this.#network.detach(this.node);
    this.node = node;
    this.#network.attachBatches(node, (batch) => {
      this.endpoint.handleDatagrams(batch, this.#clock.now);
      this.turn();
    });
  }

  /** Number of datagrams sent. */
  get datagrams(): number {
    return this.lengths.length;
  }

  /** Opens a session to another node. */
  open(to: number, reader: Reader | undefined, writer: Writer | undefined): Session {
    const session = this.endpoint.open(to, this.#clock.now);
    this.attach(session, reader, writer);
    this.turn();
    return session;
  }

  /** Makes the session's bytes go to `reader`, and those of `writer` to the session. */
  attach(session: Session, reader: Reader | undefined, writer: Writer | undefined): void {
    session.establish();
    session.owner = { reader, writer } satisfies Attachment;
    writer?.pump(session);
  }

  /** One turn: polls until there is nothing left, flushes, and sets the timer. */
  turn(): void {
    const { endpoint } = this;
    for (let event = endpoint.pollEvent(); event !== undefined; event = endpoint.pollEvent()) {
      this.events.push(event);
      if (event.type === 'opened') this.#options.onOpened?.(event.session);
    }
    for (let session = endpoint.pollReadable(); session !== undefined; session = endpoint.pollReadable()) {
      (session.owner as Attachment | undefined)?.reader?.read(session);
    }
    for (let session = endpoint.pollWritable(); session !== undefined; session = endpoint.pollWritable()) {
      (session.owner as Attachment | undefined)?.writer?.pump(session);
    }
    endpoint.flush(this.#clock.now);
    for (let path = endpoint.pollForgottenPath(); path !== undefined; path = endpoint.pollForgottenPath()) this.forgotten.push(path);
    this.#clock.cancel(this.#timer);
    const next = endpoint.nextTimeout();
    this.#timer = next === undefined ? undefined : this.#clock.schedule(next, this.#onTimeout);
  }

  readonly #onTimeout = (): void => {
    this.endpoint.handleTimeout(this.#clock.now);
    this.turn();
  };

  #record(batch: PacketBatch): void {
    for (let index = 0; index < batch.count; index++) {
      const length = batch.length[index] as number;
      const offset = batch.offset[index] as number;
      this.lengths.push(length);
      this.longest = Math.max(this.longest, length);
      let trace = Math.imul(
        this.trace ^ length ^ ((this.#clock.now * 16) | 0) ^ Math.imul(batch.path[index] as number, 0x9e37_79b1),
        0x01000193,
      );
      for (let at = offset; at < offset + length; at++) trace = Math.imul(trace ^ (batch.bytes[at] as number), 0x01000193);
      this.trace = trace;
      this.#options.onDatagram?.(batch.packet(index).slice(), batch.path[index] as number);
    }
  }
}

function pickGuards(options: SiteOptions): Partial<EndpointOptions> {
  const names = ['maxSessions', 'maxSessionsPerAddress', 'replayProtection', 'replayGuard', 'flight', 'addressOf', 'paths'] as const;
  return Object.fromEntries(names.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])));
}

/** A clock and a network. */
export interface World {
  readonly clock: VirtualClock;
  readonly network: SimNetwork;
}

/** Makes a world; every link gets `configure`. */
export function world(seed = 1, configure?: SimNetworkOptions['configure']): World {
  const clock = new VirtualClock();
  const network = new SimNetwork({ clock, seed, ...(configure === undefined ? {} : { configure }) });
  return { clock, network };
}

/** A client (node 2) and a server (node 1), 10 ms apart. */
export interface Pair extends World {
  readonly client: Site;
  readonly server: Site;
}

/** Makes such a pair; what the server gets is read when `reader` is given. */
export function pair(options: SiteOptions = {}, reader?: Reader): Pair {
  const { clock, network } = world(1, (link) => link.setDelay(10));
  const server: Site = new Site(clock, network, 1, 'server', {
    ...options,
    onOpened: (session) => server.attach(session, reader, undefined),
  });
  const client = new Site(clock, network, 2, 'client', options);
  return { clock, network, client, server };
}

/** Options of an endpoint that sends into the void. */
export function endpointOptions(parameters: Partial<SessionParameters> = {}): EndpointOptions {
  return {
    role: 'client',
    crypt: createPacketCrypt({ method: 'null', key: KEY, random: new Random(1).source }),
    parameters: parseSessionParameters(parameters),
    transmit: (batch) => batch.count,
    random: new Random(1).source,
  };
}

/** Parameters without FEC. */
export const NO_FEC = { dataShards: 0, parityShards: 0 } as const;

/** A client (node 2) with one session to a server (node 1) which sends back a pattern of its own. */
export interface Transfer {
  readonly client: Site;
  readonly server: Site;
  readonly session: Session;
  /** Runs until both directions are through and acknowledged; `limit` in virtual ms. */
  run(limit: number): void;
}

export interface TransferOptions {
  readonly seed: number;
  readonly upload: number;
  readonly download: number;
  readonly client: SiteOptions;
  readonly server: SiteOptions;
}

/** Starts a transfer in both directions. */
export function transfer({ clock, network }: World, options: TransferOptions): Transfer {
  const { seed, upload, download } = options;
  const up = new Writer(upload, seed);
  const down = new Writer(download, seed + 1);
  const atServer = new Reader(seed);
  const atClient = new Reader(seed + 1);
  let accepted: Session | undefined;
  const server = new Site(clock, network, 1, 'server', {
    seed,
    ...options.server,
    onOpened: (session) => {
      accepted = session;
      server.attach(session, atServer, down);
    },
  });
  const client = new Site(clock, network, 2, 'client', { seed: seed + 1, ...options.client });
  const session = client.open(1, atClient, up);
  const done = (): boolean =>
    atServer.received === upload && atClient.received === download && session.drained && accepted?.drained === true;
  return { client, server, session, run: (limit) => clock.runUntil(done, limit) };
}
