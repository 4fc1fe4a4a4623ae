// The client: accepts application connections and carries each in a stream of one of its KCP sessions (PROTOCOL tunnel §7).

import { EventEmitter } from 'node:events';
import { ChunkPool } from '@kcptun/common';
import type { PacketCrypt } from '@kcptun/crypt';
import { Counters, FlightBudget, SegmentPool, SharedPaths } from '@kcptun/session';
import { SmuxError } from '@kcptun/smux';
import { type ByteConnection, type ByteListener, type Host, Scheduler } from '@kcptun/transport';
import { boundLines } from './bounded-logger.ts';
import { describeBackends, openCodec, openCrypt } from './codec.ts';
import type { DialerOptions } from './dialer.ts';
import { FAREWELL, waitUntil } from './drain.ts';
import { TunnelError } from './errors.ts';
import { KeyWear } from './key-wear.ts';
import { LineBudget } from './line-budget.ts';
import type { Link } from './link.ts';
import { type MemoryBound, memoryBound } from './memory-bound.ts';
import {
  openHost,
  parseClientOptions,
  parseTunnelOptions,
  type ResolvedClientOptions,
  type ResolvedTunnelOptions,
  type TunnelClientOptions,
} from './options.ts';
import { PathNotes } from './path-notes.ts';
import { PipeSet, type SessionInfo, type TunnelEvents, type TunnelStats } from './pipe-set.ts';
import { ReadBudget, ReadLine } from './read-line.ts';
import { SessionPool } from './session-pool.ts';
import { SleepWatch } from './sleep-watch.ts';
import { Slot } from './slot.ts';
import { SocketNotes } from './socket-notes.ts';

/** What a client does about a throttled path. */
const OTHER_PORT = '; new connections go to another port';
const A_RANGE = '; with a range of ports at both ends (host:from-to), new connections would go to another one';

/** A running client. Emits the events of {@link TunnelEvents}. */
export class TunnelClient extends EventEmitter<TunnelEvents> {
  readonly counters: Counters = new Counters();
  readonly #options: TunnelClientOptions;
  readonly #resolved: ResolvedTunnelOptions;
  readonly #clientOptions: ResolvedClientOptions;
  readonly #host: Host;
  readonly #pipes: PipeSet;
  readonly #sleep: SleepWatch;
  readonly #pool: ChunkPool = new ChunkPool();
  readonly #segments: SegmentPool = new SegmentPool();
  readonly #sharedPaths: SharedPaths = new SharedPaths();
  #crypt: PacketCrypt | undefined;
  #sessions: SessionPool | undefined;
  #listener: ByteListener | undefined;
  readonly #shortages: LineBudget = new LineBudget();
  #state: 'new' | 'running' | 'stopped' = 'new';

  /** @throws {TunnelError} KCPTUN_ERR_TUNNEL_CONFIG naming the option */
  constructor(options: TunnelClientOptions) {
    super();
    this.#options = options;
    const resolved = parseTunnelOptions(options);
    this.#clientOptions = parseClientOptions(options);
    this.#host = openHost(options.host, this.#clientOptions.connections);
    this.#resolved = { ...resolved, logger: boundLines(resolved.logger, () => this.#host.now()) };
    this.#pipes = new PipeSet(this.#host, this, this.#resolved);
    const { keepAliveInterval } = this.#resolved.smux;
    const period = keepAliveInterval > 0 ? keepAliveInterval : Number.POSITIVE_INFINITY;
    this.#sleep = new SleepWatch(period, this.#host.now(), this.#host.wallTime());
  }

  /** The most memory that the settings allow each session and each connection. */
  get memoryBound(): MemoryBound {
    return memoryBound(this.#options);
  }

  /** Most KCP sessions at a time, but for those that wait for their end while another has replaced them. */
  get maxSessions(): number {
    return this.#clientOptions.connections;
  }

  /** Where applications can connect, once started: `127.0.0.1:12948`. */
  get address(): string {
    return this.#listener?.label ?? '';
  }

  /** The TCP port applications can connect to, once started; 0 for a unix socket. */
  get port(): number {
    return this.#listener?.port ?? 0;
  }

  /**
   * Starts to listen, and makes its sessions, so that the first connections need not wait for them.
   * A server that does not answer is asked again when a connection comes.
   * @throws {TunnelError} KCPTUN_ERR_TUNNEL_LISTEN when the address cannot be had; KCPTUN_ERR_TUNNEL_CONFIG when mtu leaves no room for
   *   payload; KCPTUN_ERR_TUNNEL_FAKE_TCP when there is no fake TCP here; KCPTUN_ERR_TUNNEL_STATE when started before;
   *   KCPTUN_ERR_TUNNEL_STOPPED when stopped meanwhile
   */
  async start(): Promise<void> {
    if (this.#state !== 'new') throw new TunnelError('KCPTUN_ERR_TUNNEL_STATE', 'a tunnel can be started once');
    const options = this.#resolved;
    const obstacle = options.fakeTcp ? this.#host.checkFakeTcp() : undefined;
    if (obstacle !== undefined) throw new TunnelError('KCPTUN_ERR_TUNNEL_FAKE_TCP', `--tcp ${obstacle}`);
    this.#state = 'running';
    this.#host.connectionBudget.reserve(this.#socketCount);
    const scheduler = new Scheduler(this.#host);
    const crypt = openCrypt(this.#host, options);
    this.#crypt = crypt;
    const shared: DialerOptions = {
      host: this.#host,
      scheduler,
      crypt,
      options,
      clientOptions: this.#clientOptions,
      remote: this.#options.remote,
      pool: this.#pool,
      codec: openCodec(options.compression),
      counters: this.counters,
      flight: new FlightBudget(options.session.inflightFloor),
      segments: this.#segments,
      sharedPaths: this.#sharedPaths,
      pipes: this.#pipes,
      reads: new ReadLine(this.#host, new ReadBudget()),
      notes: new SocketNotes(options.logger),
      wear: new KeyWear(options.logger, options.crypt),
      paths: new PathNotes(options.logger, options.session.mtu, this.#hasPorts ? OTHER_PORT : A_RANGE),
      events: this,
      lookForSleep: () => this.#lookForSleep(),
      onThrottled: (path) => this.#leavePath(path),
      onBulk: () => this.#sessions?.keepSpare(),
    };
    options.logger.info(describeBackends(this.#host, crypt, shared.codec, options));
    const { connections, asNeeded } = this.#clientOptions;
    const slots = Array.from({ length: connections }, () => new Slot(shared));
    this.#sessions = new SessionPool(slots, asNeeded, this.#host, scheduler);
    await new Promise<void>((resolve, reject) => {
      this.#host.listen(
        this.#options.listen,
        (connection) => this.#accept(connection),
        (error, listener) => {
          if (error !== undefined) {
            reject(new TunnelError('KCPTUN_ERR_TUNNEL_LISTEN', error.message, { cause: error }));
          } else if (this.#state === 'stopped') {
            listener?.close();
            reject(new TunnelError('KCPTUN_ERR_TUNNEL_STOPPED', 'the tunnel was stopped while it started'));
          } else {
            this.#listener = listener;
            // In a turn of its own: the caller hears first that it has started.
            this.#host.setTimer(0, () => this.#prepare());
            resolve();
          }
        },
        (error) => options.logger.error(`accept: ${error.message}`),
      );
    }).catch((error: unknown) => {
      this.stop();
      throw error;
    });
  }

  /** Whether there is a choice of ports. */
  get #hasPorts(): boolean {
    return this.#options.remote.maxPort > this.#options.remote.minPort;
  }

  /** New connections go to another port, and find there for themselves what the path takes; open ones stay. */
  #leavePath(path: object): void {
    if (!this.#hasPorts) return;
    this.#sharedPaths.renew(path);
    this.#sessions?.leavePath(path);
  }

  /** Ends everything at once: open connections are reset. Idempotent. */
  stop(): void {
    if (this.#state === 'stopped') return;
    if (this.#state !== 'new') this.#host.connectionBudget.reserve(-this.#socketCount);
    this.#state = 'stopped';
    this.#listener?.close();
    this.#pipes.destroyAll(new TunnelError('KCPTUN_ERR_TUNNEL_STOPPED', 'the tunnel was stopped'));
    this.#sessions?.close();
    this.#crypt?.close();
    this.#pipes.close();
    this.emit('stopped');
  }

  /**
   * Accepts nothing new, waits until all streams have ended and the server has all of their bytes, or `timeout` ms have passed, then stops.
   * @returns whether all streams ended by themselves
   */
  async drain(timeout: number): Promise<boolean> {
    this.#listener?.close();
    const drained = await waitUntil(this.#host, timeout, () => this.#state === 'stopped' || this.#idle);
    if (!drained) await this.#cut();
    const cut = this.#state === 'stopped';
    this.stop();
    return drained && !cut;
  }

  /** Resets what is still open, and gives the peers time to hear of it: with full windows that takes more than a stop does. */
  async #cut(): Promise<void> {
    this.#pipes.destroyAll(new TunnelError('KCPTUN_ERR_TUNNEL_STOPPED', 'the tunnel was stopped'));
    await waitUntil(this.#host, FAREWELL, () => this.#state === 'stopped' || this.stats().links.every((link) => link.settled));
  }

  /** What the client does at this moment. */
  stats(): TunnelStats {
    return {
      snmp: this.counters.snapshot(),
      guards: this.counters.guards(),
      streams: this.#pipes.size,
      links: this.#sessions?.links ?? [],
      chunks: this.#pool.lent,
      bufferBytes: this.#segments.byteLength + this.#pool.spareBytes,
    };
  }

  /** What the sessions and their streams do at this moment; costs time in proportion to their number. */
  sessions(): SessionInfo[] {
    return this.#pipes.describe(this.stats().links, this.#host.now());
  }

  get #idle(): boolean {
    // One that never got an answer has carried nothing but the question for it.
    const settled = (link: Link): boolean => link.settled || !link.session.heard;
    return this.#pipes.size === 0 && this.#slots.every((slot) => slot.waiting === 0 && slot.links.every(settled));
  }

  get #slots(): readonly Slot[] {
    return this.#sessions?.slots ?? [];
  }

  /** Datagram sockets: one a session, and another while it is replaced. */
  get #socketCount(): number {
    return 2 * this.#clientOptions.connections;
  }

  #prepare(): void {
    if (this.#state === 'running') this.#sessions?.prepare();
  }

  /** Comes with each connection and each heartbeat of a session. */
  #lookForSleep(): void {
    const host = this.#host;
    if (this.#sleep.look(host.now(), host.wallTime())) for (const slot of this.#slots) slot.handleWake();
  }

  #accept(connection: ByteConnection): void {
    const { connectionBudget } = this.#host;
    const release = connectionBudget.take();
    if (release === undefined) {
      connection.destroy(true);
      const more = this.#shortages.take(this.#host.now());
      if (more === undefined) return;
      const { logger } = this.#resolved;
      logger.warn(
        `${connection.remoteLabel} is refused: ${connectionBudget.limit} connections are open, as many as the limit of open files allows${more}`,
      );
      return;
    }
    const { tcpKeepAlive } = this.#resolved;
    if (tcpKeepAlive > 0) connection.keepAlive(tcpKeepAlive);
    this.#lookForSleep();
    let gone = false;
    const noteClose = (): void => {
      gone = true;
      release();
    };
    connection.events = { onData: () => {}, onEnd: () => {}, onClose: noteClose };
    this.#sessions?.acquire((error, link) => {
      // It was closed while it waited, and will not say so again.
      if (gone) return;
      if (link === undefined || this.#state !== 'running') {
        if (error !== undefined && this.#state === 'running') this.#resolved.logger.error(`${connection.remoteLabel}: ${error.message}`);
        connection.destroy(true);
        return;
      }
      try {
        this.#pipes.join(link, link.openStream(), connection, true, release);
      } catch (cause) {
        if (!this.#resolved.quiet) this.#resolved.logger.error(`${connection.remoteLabel}: ${(cause as Error).message}`);
        connection.destroy(true);
        // A full session goes on with the streams it has; one without ids can open no more and makes room for another.
        if (!(cause instanceof SmuxError) || cause.code !== 'KCPTUN_ERR_SMUX_TOO_MANY_STREAMS') link.close(cause as Error);
      }
    });
  }
}
