// The server: takes KCP sessions on one or more UDP ports and connects each of their streams to the target (PROTOCOL tunnel §7).

import { EventEmitter } from 'node:events';
import { ChunkPool } from '@kcptun/common';
import type { BlockCodec } from '@kcptun/comp';
import { deriveKey, type PacketCrypt } from '@kcptun/crypt';
import { Counters, type Session, type SnmpSnapshot } from '@kcptun/session';
import type { SmuxStream } from '@kcptun/smux';
import { createNodeHost, formatAddress, type Host, Scheduler, UdpEndpoint } from '@kcptun/transport';
import { openCodec } from './codec.ts';
import { TunnelError } from './errors.ts';
import { Link } from './link.ts';
import { parseTunnelOptions, type ResolvedTunnelOptions, type TunnelServerOptions } from './options.ts';
import { PipeSet, type TunnelEvents } from './pipe-set.ts';
import { RefusalReport } from './refusals.ts';

/** A target that has not answered after this long is given up, in ms (upstream 2026: the same). */
const CONNECT_TIMEOUT = 10_000;

/** A running server. Emits the events of {@link TunnelEvents}. */
export class TunnelServer extends EventEmitter<TunnelEvents> {
  readonly counters: Counters = new Counters();
  readonly #options: TunnelServerOptions;
  readonly #resolved: ResolvedTunnelOptions;
  readonly #host: Host;
  readonly #scheduler: Scheduler;
  readonly #pipes: PipeSet;
  readonly #pool: ChunkPool = new ChunkPool();
  readonly #links: Set<Link> = new Set();
  readonly #sockets: UdpEndpoint[] = [];
  #crypt: PacketCrypt | undefined;
  #codec: BlockCodec | undefined;
  #state: 'new' | 'running' | 'draining' | 'stopped' = 'new';

  /** @throws {TunnelError} KCPTUN_ERR_TUNNEL_CONFIG naming the option */
  constructor(options: TunnelServerOptions) {
    super();
    this.#options = options;
    this.#resolved = parseTunnelOptions(options);
    this.#host = options.host ?? createNodeHost();
    this.#scheduler = new Scheduler(this.#host);
    this.#pipes = new PipeSet(this, this.#resolved);
  }

  /** The UDP addresses that are listened on, once started. */
  get addresses(): readonly string[] {
    return this.#sockets.map(({ socket }) => formatAddress(socket.local.address, socket.local.port));
  }

  /** The first UDP port, once started. */
  get port(): number {
    return this.#sockets[0]?.socket.local.port ?? 0;
  }

  /**
   * Binds all ports of the range.
   * @throws {TunnelError} KCPTUN_ERR_TUNNEL_LISTEN when one can not be had; KCPTUN_ERR_TUNNEL_STATE when started before
   */
  async start(): Promise<void> {
    if (this.#state !== 'new') throw new TunnelError('KCPTUN_ERR_TUNNEL_STATE', 'a tunnel can be started once');
    this.#state = 'running';
    const { key, crypt, compression } = this.#resolved;
    this.#crypt = this.#host.createCrypt(crypt, deriveKey(key));
    this.#codec = openCodec(compression);
    const { host, minPort, maxPort } = this.#options.listen;
    try {
      for (let port = minPort; port <= maxPort; port++) this.#sockets.push(await this.#bind(host, port));
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  /** Ends everything at once: connections to the target are reset. Idempotent. */
  stop(): void {
    if (this.#state === 'stopped') return;
    this.#state = 'stopped';
    this.#pipes.destroyAll(new TunnelError('KCPTUN_ERR_TUNNEL_STOPPED', 'the tunnel was stopped'));
    for (const link of [...this.#links]) link.close();
    for (const udp of this.#sockets) udp.close();
    this.#crypt?.close();
    this.#pipes.close();
    this.emit('stopped');
  }

  /**
   * Takes no new streams, waits until all have ended or `timeout` ms have passed, then stops.
   * @returns whether all streams ended by themselves
   */
  async drain(timeout: number): Promise<boolean> {
    if (this.#state === 'running') this.#state = 'draining';
    const drained = await this.#pipes.whenEmpty(this.#host, timeout);
    this.stop();
    return drained;
  }

  /** Upstream's counters at this moment, the open streams and the sessions that carry them. */
  stats(): { readonly snmp: SnmpSnapshot; readonly streams: number; readonly links: readonly Link[] } {
    return { snmp: this.counters.snapshot(), streams: this.#pipes.size, links: [...this.#links] };
  }

  #bind(host: string, port: number): Promise<UdpEndpoint> {
    const options = this.#resolved;
    const refusals = new RefusalReport(options.logger);
    const { maxSessions } = this.#options;
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
          ...(maxSessions === undefined ? {} : { maxSessions }),
        },
        {
          onSession: (session) => this.#accept(bound as UdpEndpoint, session),
          onRefused: (refused, remote) => refusals.note(this.#host.now(), refused, remote),
          onTrouble: (error) => options.logger.debug(`udp: ${error.message}`),
        },
        (error, udp) => {
          bound = udp;
          if (udp !== undefined) resolve(udp);
          else reject(new TunnelError('KCPTUN_ERR_TUNNEL_LISTEN', error?.message ?? 'no socket', { cause: error }));
        },
      );
    });
  }

  #accept(udp: UdpEndpoint, session: Session): void {
    if (this.#state !== 'running') return;
    const { logger, smux } = this.#resolved;
    const link: Link = new Link(
      {
        host: this.#host,
        scheduler: this.#scheduler,
        udp,
        client: false,
        smux,
        codec: this.#codec,
        pool: this.#pool,
        events: {
          onStream: (stream) => this.#connect(link, stream),
          onClosed: (error) => {
            this.#links.delete(link);
            if (error !== undefined && this.#state !== 'stopped') logger.warn(`${remote}: ${error.message}`);
            this.emit('sessionClosed', link, error);
          },
        },
      },
      session,
    );
    const remote = link.remoteLabel;
    this.#links.add(link);
    logger.info(`remote address: ${remote}`);
    logger.info(
      `smux version: ${smux.version} on connection: ${formatAddress(udp.socket.local.address, udp.socket.local.port)} -> ${remote}`,
    );
    this.emit('session', link);
  }

  #connect(link: Link, stream: SmuxStream): void {
    if (this.#state !== 'running') {
      stream.close();
      return;
    }
    const refuse = (error: Error): void => {
      this.#resolved.logger.error(error.message);
      stream.close();
      link.kick();
    };
    const timer = this.#host.setTimer(CONNECT_TIMEOUT, () => {
      attempt.cancel();
      refuse(new TunnelError('KCPTUN_ERR_TUNNEL_DIAL', `connect to the target: no answer within ${CONNECT_TIMEOUT / 1000} s`));
    });
    const attempt = this.#host.connect(this.#options.target, (error, connection) => {
      timer.cancel();
      if (connection === undefined) refuse(error as Error);
      else if (link.closed || this.#state === 'stopped') connection.destroy(true);
      else this.#pipes.join(link, stream, connection, false);
    });
  }
}
