// One slot of the client's session pool: makes a session when the first connection asks for one, makes a new one when that has ended, and
// tries again with growing pauses when it can not be made. Connections wait meanwhile; nothing else does.

import type { EventEmitter } from 'node:events';
import type { ChunkPool } from '@kcptun/common';
import type { BlockCodec } from '@kcptun/comp';
import type { PacketCrypt } from '@kcptun/crypt';
import type { Counters } from '@kcptun/session';
import { formatAddress, type Host, type HostTimer, type PortRangeAddress, type Scheduler, UdpEndpoint } from '@kcptun/transport';
import { TunnelError } from './errors.ts';
import { Link } from './link.ts';
import type { ResolvedTunnelOptions } from './options.ts';
import type { PipeSet, TunnelEvents } from './pipe-set.ts';
import { RefusalReport } from './refusals.ts';
import type { SocketNotes } from './socket-notes.ts';
import { logSocketTrouble } from './socket-trouble.ts';

const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 8000;
/** How often a connection waits for another attempt before it is reset. */
const MAX_ATTEMPTS = 5;

/** What all slots of a client share. */
export interface DialerOptions {
  readonly host: Host;
  readonly scheduler: Scheduler;
  readonly crypt: PacketCrypt;
  readonly options: ResolvedTunnelOptions;
  readonly remote: PortRangeAddress;
  readonly pool: ChunkPool;
  readonly codec: BlockCodec | undefined;
  readonly counters: Counters;
  readonly pipes: PipeSet;
  readonly notes: SocketNotes;
  readonly events: EventEmitter<TunnelEvents>;
}

type Waiter = (error: Error | undefined, link: Link | undefined) => void;

/** Makes and keeps one session. */
export class Dialer {
  readonly #shared: DialerOptions;
  readonly #refusals: RefusalReport;
  #link: Link | undefined;
  #udp: UdpEndpoint | undefined;
  #waiters: Waiter[] = [];
  #attempts = 0;
  #retry: HostTimer | undefined;
  #closed = false;

  constructor(shared: DialerOptions) {
    this.#shared = shared;
    this.#refusals = new RefusalReport(shared.options.logger);
  }

  /** The live links of this slot. */
  get links(): readonly Link[] {
    return this.#link === undefined ? [] : [this.#link];
  }

  /** Number of connections that wait for a link. */
  get waiting(): number {
    return this.#waiters.length;
  }

  /** Calls back with a live link: at once when there is one. */
  acquire(waiter: Waiter): void {
    if (this.#closed) {
      waiter(new TunnelError('KCPTUN_ERR_TUNNEL_STOPPED', 'the tunnel was stopped'), undefined);
    } else if (this.#link !== undefined) {
      waiter(undefined, this.#link);
    } else {
      this.#waiters.push(waiter);
      if (this.#waiters.length === 1) this.#dial();
    }
  }

  /** Ends the session and answers everyone who waits. */
  close(): void {
    this.#closed = true;
    this.#retry?.cancel();
    this.#link?.close();
    this.#udp?.close();
    this.#settle(new TunnelError('KCPTUN_ERR_TUNNEL_STOPPED', 'the tunnel was stopped'), undefined);
  }

  #dial(): void {
    const { host, remote, options } = this.#shared;
    this.#attempts += 1;
    host.resolve(remote.host === '' ? '127.0.0.1' : remote.host, this.#pickPort(), (error, address) => {
      if (this.#closed) return;
      if (address === undefined) {
        this.#failed(error as Error);
        return;
      }
      const udpOptions = {
        role: 'client' as const,
        crypt: this.#shared.crypt,
        parameters: options.session,
        counters: this.#shared.counters,
        host: '',
        port: 0,
        remote: address,
        bufferSize: options.socketBuffer,
        dscp: options.dscp,
        replayProtection: options.replayProtection,
      };
      const events = {
        onRefused: (refused: number) => this.#refusals.note(host.now(), refused, address),
        onTrouble: (trouble: Error) => logSocketTrouble(options.logger, trouble),
      };
      try {
        UdpEndpoint.open(host, this.#shared.scheduler, udpOptions, events, (failure, udp) => {
          if (this.#closed) udp?.close();
          else if (udp === undefined) this.#failed(failure as Error);
          else this.#connected(udp);
        });
      } catch (failure) {
        this.#failed(failure as Error); // the host's memory is full
      }
    });
  }

  #connected(udp: UdpEndpoint): void {
    const { host, scheduler, options, pool, codec, events } = this.#shared;
    this.#udp = udp;
    this.#attempts = 0;
    this.#shared.notes.log(udp.socket);
    const link: Link = new Link({
      host,
      scheduler,
      udp,
      client: true,
      smux: options.smux,
      codec,
      pool,
      events: {
        onStream: (stream) => stream.close(), // a kcptun server never opens streams
        onClosed: (error) => this.#lost(link, udp, error),
        onHeartbeat: (now) => this.#shared.pipes.sweep(link, now),
        onSilence: (explanation) => options.logger.warn(`${link.remoteLabel}: ${explanation}`),
      },
    });
    this.#link = link;
    const local = formatAddress(udp.socket.local.address, udp.socket.local.port);
    options.logger.info(`smux version: ${options.smux.version} on connection: ${local} -> ${link.remoteLabel}`, {
      event: 'session.open',
      local,
      remote: link.remoteLabel,
    });
    events.emit('session', link);
    this.#settle(undefined, link);
  }

  #lost(link: Link, udp: UdpEndpoint, error: Error | undefined): void {
    if (this.#link === link) this.#link = undefined;
    const { logger } = this.#shared.options;
    if (error !== undefined && !this.#closed) {
      const fields = { event: 'session.close', remote: link.remoteLabel, error: error.message };
      logger.warn(`session to ${link.remoteLabel} ended: ${error.message}`, fields);
    }
    this.#shared.events.emit('sessionClosed', link, error);
    // The end may have come in a turn of this very socket: close it after the turn.
    this.#shared.host.setTimer(0, () => udp.close());
  }

  #failed(error: Error): void {
    const { host, options } = this.#shared;
    if (this.#attempts >= MAX_ATTEMPTS) {
      this.#attempts = 0;
      this.#settle(
        new TunnelError('KCPTUN_ERR_TUNNEL_DIAL', `giving up after ${MAX_ATTEMPTS} attempts: ${error.message}`, { cause: error }),
        undefined,
      );
      return;
    }
    const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (this.#attempts - 1));
    options.logger.error(`re-connecting in ${pause / 1000} s: ${error.message}`);
    this.#retry = host.setTimer(pause, () => this.#dial());
  }

  #settle(error: Error | undefined, link: Link | undefined): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter(error, link);
  }

  /** A uniformly random port of the range, anew for each session. */
  #pickPort(): number {
    const { minPort, maxPort } = this.#shared.remote;
    if (minPort === maxPort) return minPort;
    const random = new Uint8Array(4);
    this.#shared.host.random(random);
    const value = new DataView(random.buffer).getUint32(0);
    return minPort + Math.floor((value / 2 ** 32) * (maxPort - minPort + 1));
  }
}
