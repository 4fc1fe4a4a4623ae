// The server: takes KCP sessions on one or more UDP ports and connects each of their streams to the target (PROTOCOL tunnel §7).

import { EventEmitter } from 'node:events';
import { ChunkPool, isKcptunError } from '@kcptun/common';
import type { BlockCodec } from '@kcptun/comp';
import type { PacketCrypt } from '@kcptun/crypt';
import { Counters, MAX_SESSIONS, ReplayGuard, type Session, SessionCensus, SharedPaths } from '@kcptun/session';
import type { SmuxStream } from '@kcptun/smux';
import { addressGroup, formatAddress, type Host, Scheduler, type SocketAddress, UdpEndpoint } from '@kcptun/transport';
import { boundLines } from './bounded-logger.ts';
import { describeBackends, openCodec, openCrypt } from './codec.ts';
import { ConnectionShares } from './connection-shares.ts';
import { FAREWELL, waitUntil } from './drain.ts';
import { TunnelError } from './errors.ts';
import { maintainKept } from './kept-bytes.ts';
import { KeyWear } from './key-wear.ts';
import { LineBudget } from './line-budget.ts';
import { Link } from './link.ts';
import { type MemoryBound, memoryBound } from './memory-bound.ts';
import { openHost, parseTunnelOptions, type ResolvedTunnelOptions, type TunnelServerOptions } from './options.ts';
import { PathNotes } from './path-notes.ts';
import { PipeSet, type SessionInfo, type TunnelEvents, type TunnelStats } from './pipe-set.ts';
import { ReadBudget, ReadLine } from './read-line.ts';
import { AddressAccounts } from './read-work.ts';
import { RefusalReport } from './refusals.ts';
import { SocketNotes } from './socket-notes.ts';
import { logSocketTrouble } from './socket-trouble.ts';
import { type Outcome, TargetDialer } from './target-dialer.ts';

/** Lines a minute about sessions of peers that know the key: those that begin, and those that end. */
const SESSION_LINES = 200;

/** A running server. Emits the events of {@link TunnelEvents}. */
export class TunnelServer extends EventEmitter<TunnelEvents> {
  readonly counters: Counters = new Counters();
  readonly #options: TunnelServerOptions;
  readonly #resolved: ResolvedTunnelOptions;
  readonly #host: Host;
  readonly #scheduler: Scheduler;
  readonly #pipes: PipeSet;
  readonly #reads: ReadBudget = new ReadBudget();
  readonly #accounts: AddressAccounts = new AddressAccounts();
  readonly #targets: TargetDialer;
  readonly #pool: ChunkPool = new ChunkPool();
  readonly #links: Set<Link> = new Set();
  readonly #sockets: UdpEndpoint[] = [];
  /** What all ports share: a client that is turned away at one, or a datagram that one has seen, has no better luck at another. */
  readonly #census: SessionCensus;
  readonly #replayGuard: ReplayGuard;
  readonly #sharedPaths: SharedPaths = new SharedPaths();
  /** Bounds for lines that strangers can cause. */
  readonly #strangers: LineBudget = new LineBudget();
  readonly #moves: LineBudget = new LineBudget();
  readonly #crowding: LineBudget = new LineBudget();
  /** Bounds for lines that whoever knows the key can cause. */
  readonly #sessions: LineBudget = new LineBudget(SESSION_LINES);
  readonly #ends: LineBudget = new LineBudget(SESSION_LINES);
  readonly #failures: LineBudget = new LineBudget();
  readonly #shortages: LineBudget = new LineBudget();
  readonly #shards: LineBudget = new LineBudget();
  readonly #wear: KeyWear;
  readonly #paths: PathNotes;
  readonly #fakeTcpSockets: UdpEndpoint[] = [];
  #crypt: PacketCrypt | undefined;
  #codec: BlockCodec | undefined;
  #state: 'new' | 'running' | 'draining' | 'stopped' = 'new';

  /** @throws {TunnelError} KCPTUN_ERR_TUNNEL_CONFIG naming the option */
  constructor(options: TunnelServerOptions) {
    super();
    this.#options = options;
    const resolved = parseTunnelOptions(options);
    this.#host = openHost(options.host, this.#socketCount);
    this.#resolved = { ...resolved, logger: boundLines(resolved.logger, () => this.#host.now()) };
    this.#wear = new KeyWear(this.#resolved.logger, this.#resolved.crypt);
    this.#paths = new PathNotes(this.#resolved.logger, this.#resolved.session.mtu);
    try {
      this.#census = new SessionCensus(options);
    } catch (cause) {
      throw new TunnelError('KCPTUN_ERR_TUNNEL_CONFIG', (cause as Error).message, { cause });
    }
    this.#replayGuard = new ReplayGuard(this.#host.random);
    this.#scheduler = new Scheduler(this.#host);
    this.#pipes = new PipeSet(this.#host, this, this.#resolved);
    this.#targets = new TargetDialer(this.#host, options.target, new ConnectionShares(this.#host.connectionBudget));
  }

  /** The most memory that the settings allow each session and each connection. */
  get memoryBound(): MemoryBound {
    return memoryBound(this.#options);
  }

  /** Most KCP sessions at a time. */
  get maxSessions(): number {
    return this.#options.maxSessions ?? MAX_SESSIONS;
  }

  /** The UDP addresses that are listened on, once started. */
  get addresses(): readonly string[] {
    return this.#sockets.map(({ socket }) => formatAddress(socket.local.address, socket.local.port));
  }

  /** The addresses where fake TCP is served beside UDP, once started. */
  get tcpAddresses(): readonly string[] {
    return this.#fakeTcpSockets.map(({ socket }) => formatAddress(socket.local.address, socket.local.port));
  }

  /** The first UDP port, once started. */
  get port(): number {
    return this.#sockets[0]?.socket.local.port ?? 0;
  }

  /**
   * Binds all ports of the range.
   * @throws {TunnelError} KCPTUN_ERR_TUNNEL_LISTEN when one cannot be had; KCPTUN_ERR_TUNNEL_CONFIG when mtu leaves no room for payload;
   *   KCPTUN_ERR_TUNNEL_STATE when started before; KCPTUN_ERR_TUNNEL_STOPPED when stopped meanwhile
   */
  async start(): Promise<void> {
    if (this.#state !== 'new') throw new TunnelError('KCPTUN_ERR_TUNNEL_STATE', 'a tunnel can be started once');
    this.#state = 'running';
    this.#host.connectionBudget.reserve(this.#socketCount);
    this.#crypt = openCrypt(this.#host, this.#resolved);
    this.#codec = openCodec(this.#resolved.compression);
    this.#resolved.logger.info(describeBackends(this.#host, this.#crypt, this.#codec, this.#resolved));
    const { minPort, maxPort } = this.#options.listen;
    const notes = new SocketNotes(this.#resolved.logger);
    try {
      const host = await this.#resolveListen();
      const fakeTcp = this.#resolved.fakeTcp && this.#fakeTcpWorks();
      for (let port = minPort; port <= maxPort; port++) {
        const udp = await this.#bind(host, port, false);
        this.#keep(udp, this.#sockets, notes);
        if (!fakeTcp) continue;
        const segments = await this.#bind(host, udp.socket.local.port, true).catch((error: unknown) => {
          this.#resolved.logger.error(`${(error as Error).message}; this port serves UDP only`);
        });
        if (segments !== undefined) this.#keep(segments, this.#fakeTcpSockets, notes);
      }
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  /** Whether there is fake TCP here; says so when there is not. Like the original, the server then goes on with UDP. */
  #fakeTcpWorks(): boolean {
    const obstacle = this.#host.checkFakeTcp();
    if (obstacle !== undefined) this.#resolved.logger.error(`--tcp ${obstacle}; serving UDP only`);
    return obstacle === undefined;
  }

  #keep(endpoint: UdpEndpoint, list: UdpEndpoint[], notes: SocketNotes): void {
    list.push(endpoint);
    notes.log(endpoint.socket);
    if (!this.stopped) return;
    endpoint.close();
    throw new TunnelError('KCPTUN_ERR_TUNNEL_STOPPED', 'the tunnel was stopped while it started');
  }

  /** Ends everything at once: connections to the target are reset. Idempotent. */
  stop(): void {
    if (this.#state === 'stopped') return;
    if (this.#state !== 'new') this.#host.connectionBudget.reserve(-this.#socketCount);
    this.#state = 'stopped';
    this.#targets.cancel();
    this.#pipes.destroyAll(new TunnelError('KCPTUN_ERR_TUNNEL_STOPPED', 'the tunnel was stopped'));
    for (const link of [...this.#links]) link.close();
    for (const endpoint of this.#endpoints) endpoint.close();
    this.#crypt?.close();
    this.#pipes.close();
    this.emit('stopped');
  }

  /**
   * Takes no new streams, waits until all have ended and the clients have all of their bytes, or `timeout` ms have passed, then stops.
   * @returns whether all streams ended by themselves
   */
  async drain(timeout: number): Promise<boolean> {
    if (this.#state === 'running') this.#state = 'draining';
    const drained = await waitUntil(this.#host, timeout, () => this.stopped || this.#idle);
    if (!drained) await this.#cut();
    const cut = this.stopped;
    this.stop();
    return drained && !cut;
  }

  /** Whether the server has been stopped. */
  get stopped(): boolean {
    return this.#state === 'stopped';
  }

  /** Resets what is still open, and gives the peers time to hear of it: with full windows that takes more than a stop does. */
  async #cut(): Promise<void> {
    this.#pipes.destroyAll(new TunnelError('KCPTUN_ERR_TUNNEL_STOPPED', 'the tunnel was stopped'));
    await waitUntil(this.#host, FAREWELL, () => this.stopped || [...this.#links].every((link) => link.settled));
  }

  /** What the server does at this moment. */
  stats(): TunnelStats {
    return {
      snmp: this.counters.snapshot(),
      guards: this.counters.guards(),
      streams: this.#pipes.size,
      links: [...this.#links],
      chunks: this.#pool.lent,
      bufferBytes: this.#endpoints.reduce((sum, { endpoint }) => sum + endpoint.segments.byteLength, this.#pool.spareBytes),
    };
  }

  /** What the sessions and their streams do at this moment; costs time in proportion to their number. */
  sessions(): SessionInfo[] {
    return this.#pipes.describe(this.#links, this.#host.now());
  }

  /** Datagram sockets, one a port; fake TCP has another. */
  get #socketCount(): number {
    const { minPort, maxPort } = this.#options.listen;
    return (maxPort - minPort + 1) * (this.#options.fakeTcp === true ? 2 : 1);
  }

  get #endpoints(): UdpEndpoint[] {
    return [...this.#sockets, ...this.#fakeTcpSockets];
  }

  get #idle(): boolean {
    return this.#pipes.size === 0 && this.#targets.size === 0 && [...this.#links].every((link) => link.settled);
  }

  /** The address behind the name that is listened on; empty stays empty. */
  #resolveListen(): Promise<string> {
    const { host, minPort } = this.#options.listen;
    if (host === '') return Promise.resolve('');
    return new Promise((resolve, reject) => {
      this.#host.resolve(host, minPort, (error, addresses) => {
        if (addresses?.[0] !== undefined) resolve(addresses[0].address);
        else reject(listenError(error));
      });
    });
  }

  #bind(host: string, port: number, fakeTcp: boolean): Promise<UdpEndpoint> {
    const options = this.#resolved;
    const refusals = new RefusalReport(options.logger);
    return new Promise((resolve, reject) => {
      let bound: UdpEndpoint | undefined;
      UdpEndpoint.open(
        this.#host,
        this.#scheduler,
        {
          role: 'server',
          crypt: this.#crypt as PacketCrypt,
          parameters: options.session,
          counters: this.counters,
          host,
          port,
          bufferSize: options.socketBuffer,
          dscp: options.dscp,
          census: this.#census,
          replayGuard: this.#replayGuard,
          paths: this.#sharedPaths,
          replayProtection: options.replayProtection,
          fakeTcp,
        },
        {
          onSession: (session) => this.#accept(bound as UdpEndpoint, session),
          onRefused: (refused, remote) => refusals.note(this.#host.now(), refused, remote),
          onMoved: (session, from, to) => {
            const more = this.#moves.take(this.#host.now());
            if (more === undefined) return;
            options.logger.info(`session of conv ${session.conv} moved from ${from} to ${to}${more}`, { event: 'session.move', from, to });
          },
          onCrowded: (crowded, remote) => this.#reportCrowding(crowded, remote),
          onTrouble: (error) => logSocketTrouble(options.logger, error),
        },
        (error, udp) => {
          bound = udp;
          if (udp !== undefined) resolve(udp);
          else reject(listenError(error));
        },
      );
    });
  }

  #accept(udp: UdpEndpoint, session: Session): void {
    if (this.#state !== 'running') return;
    const { smux } = this.#resolved;
    const link: Link = new Link(
      {
        host: this.#host,
        scheduler: this.#scheduler,
        udp,
        client: false,
        smux,
        codec: this.#codec,
        pool: this.#pool,
        reads: new ReadLine(this.#host, this.#reads),
        accounts: this.#accounts,
        events: {
          onStream: (stream) => this.#connect(udp, link, stream),
          onShards: (explanation) => this.#reportShards(link, explanation),
          onEstablished: () => this.#announce(link, udp),
          onHeartbeat: (now) => {
            this.#pipes.sweep(link, now);
            this.#pool.maintain(now);
            maintainKept(now);
            this.#wear.check(this.counters.totals);
            this.#paths.look({ session: link, path: link.session.sharedPath, label: link.remoteLabel, stats: link.session.stats() }, now);
          },
          onClosed: (error) => {
            this.#links.delete(link);
            this.#pipes.endStreams(link, () => {
              if (this.#links.size === 0 && this.#pool.lent === 0) this.#pool.trim();
            });
            this.#targets.cancel(link);
            if (error !== undefined) this.#reportEnd(link, error);
            this.emit('sessionClosed', link, error);
          },
        },
      },
      session,
    );
    this.#links.add(link);
    this.emit('session', link);
  }

  /** Only a client that makes sense gets lines in the log. */
  #announce(link: Link, udp: UdpEndpoint): void {
    const { logger, smux } = this.#resolved;
    const more = this.#sessions.take(this.#host.now());
    if (more === undefined) return;
    const remote = link.remoteLabel;
    const local = formatAddress(udp.socket.local.address, udp.socket.local.port);
    logger.info(`remote address: ${remote}${more}`, { event: 'session.remote', remote });
    logger.info(`smux version: ${smux.version} on connection: ${local} -> ${remote}`, { event: 'session.open', local, remote });
  }

  #reportShards(link: Link, explanation: string): void {
    const remote = link.remoteLabel;
    const more = this.#shards.take(this.#host.now());
    if (more === undefined) return;
    this.#resolved.logger.info(`${remote}: ${explanation}${more}`, { event: 'session.shards', remote });
  }

  #reportEnd(link: Link, error: Error): void {
    if (this.#state === 'stopped' || isKcptunError(error, 'KCPTUN_ERR_SESSION_CROWDED')) return;
    const more = (link.session.established ? this.#ends : this.#strangers).take(this.#host.now());
    if (more === undefined) return;
    const remote = link.remoteLabel;
    this.#resolved.logger.warn(`${remote}: ${error.message}${more}`, { event: 'session.close', remote, error: error.message });
  }

  #reportCrowding(crowded: number, remote: SocketAddress | undefined): void {
    const more = this.#crowding.take(this.#host.now());
    if (more === undefined) return;
    const from = remote === undefined ? 'an unknown address' : formatAddress(remote.address, remote.port);
    this.#resolved.logger.warn(
      `a new session from ${from} finds no room, as ${crowded} first packets before it: see --max-sessions and --max-sessions-per-ip${more}`,
    );
  }

  #connect(udp: UdpEndpoint, link: Link, stream: SmuxStream): void {
    if (this.#state !== 'running') {
      stream.reset();
      link.kick();
      return;
    }
    const remote = udp.socket.remote(link.session.path);
    const address = remote === undefined ? '' : addressGroup(remote);
    const connected: Outcome = (cause, connection, release) => {
      if (connection === undefined) {
        this.#log(this.#failures, (more) =>
          this.#resolved.logger.error(`the target cannot be reached: ${(cause as Error).message}${more}`),
        );
        return;
      }
      const { tcpKeepAlive } = this.#resolved;
      if (tcpKeepAlive > 0) connection.keepAlive(tcpKeepAlive);
      this.#pipes.join(link, stream, connection, false, release);
    };
    if (this.#targets.connect(link, stream, address, connected)) return;
    if (this.#pipes.makeRoom(this.#host.now()) && this.#targets.connect(link, stream, address, connected)) return;
    stream.reset();
    link.kickLater();
    const { open, limit } = this.#host.connectionBudget;
    this.#log(this.#shortages, (more) =>
      this.#resolved.logger.warn(
        `a stream of ${link.remoteLabel} is refused: it has its share of the ${limit} connections that the limit of open files allows, ` +
          `of which ${open} are open; raise that limit if this is no attack${more}`,
        { event: 'stream.refused', remote: link.remoteLabel, open, limit },
      ),
    );
  }

  /** Writes a line if its budget has one left. */
  #log(budget: LineBudget, write: (more: string) => void): void {
    const more = budget.take(this.#host.now());
    if (more !== undefined) write(more);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'address already in use',
  EADDRNOTAVAIL: 'no such address on this machine',
  EACCES: 'permission denied',
};

function listenError(cause: Error | undefined): TunnelError {
  const message = cause?.message ?? 'no socket';
  const reason = Object.keys(REASONS).find((code) => message.includes(code));
  return new TunnelError('KCPTUN_ERR_TUNNEL_LISTEN', reason === undefined ? message : `${message}: ${REASONS[reason]}`, { cause });
}
