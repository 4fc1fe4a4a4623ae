// One slot of the client's session pool (PROTOCOL tunnel §7). It has at most one session that gets new streams. That is made when the first
// connection asks for it, and another takes its place when it has ended, has expired, or its peer does not answer any more:
//
//   current    gets new streams
//   candidate  made because current is silent, asked for a sign of life. Whichever of the two answers first goes on as current
//   retired    live on for the streams they have: expired ones for a time, silent ones until another session has answered long enough
//
// Connections that come while current is silent wait: it is not known yet where their streams would arrive.

import type { PeerState } from '@kcptun/session';
import { formatAddress, type Task, type UdpEndpoint } from '@kcptun/transport';
import { explainRestart } from './diagnosis.ts';
import { Dialer, type DialerOptions } from './dialer.ts';
import { TunnelError } from './errors.ts';
import { maintainKept } from './kept-bytes.ts';
import { Link } from './link.ts';

/** A silent session is given up when another has answered for so long meanwhile, in ms. */
const DOOM = 5000;

/** A session that has not been heard for two heartbeats and this time, in ms, has to answer before it gets new streams. */
const STALE = 2000;

type Waiter = (error: Error | undefined, link: Link | undefined) => void;

interface Held {
  readonly link: Link;
  readonly udp: UdpEndpoint;
  readonly localLabel: string;
  /** When it ends whatever it carries, in ms. */
  readonly endsAt: number;
  /** When it ends unless it answers, in ms. */
  doomedAt: number;
}

/** Keeps a session for new streams. */
export class Slot implements Task {
  /** @internal */ deadline = 0;
  /** @internal */ deadlineIndex = -1;
  readonly #shared: DialerOptions;
  readonly #dialer: Dialer;
  readonly #held: Map<Link, Held> = new Map();
  #current: Link | undefined;
  #candidate: Link | undefined;
  #waiters: Waiter[] = [];
  #closed = false;

  constructor(shared: DialerOptions) {
    this.#shared = shared;
    this.#dialer = new Dialer(shared, {
      onConnected: (udp) => this.#connected(udp),
      onRefused: (udp) => this.#refused(udp),
      onExhausted: (error) => this.#exhausted(error),
    });
  }

  /** The live links of this slot. */
  get links(): readonly Link[] {
    return [...this.#held.keys()];
  }

  /** Number of connections that wait for a link. */
  get waiting(): number {
    return this.#waiters.length;
  }

  /** Calls back with a live link: at once when there is one that answers, or has not had to answer yet. */
  acquire(waiter: Waiter): void {
    if (this.#closed) {
      waiter(new TunnelError('KCPTUN_ERR_TUNNEL_STOPPED', 'the tunnel was stopped'), undefined);
      return;
    }
    const { autoExpire } = this.#shared.clientOptions;
    const current = this.#current;
    if (current !== undefined && autoExpire > 0 && this.#shared.host.now() - current.madeAt >= autoExpire) this.#current = undefined;
    else if (current !== undefined && current.session.peer !== 'silent' && !this.#isStale(current)) {
      waiter(undefined, current);
      return;
    }
    this.#waiters.push(waiter);
    this.#current?.ping();
    this.#seek();
  }

  /** Whether a session has missed its heartbeats: the machine has slept, and the server may have given it up long ago. */
  #isStale({ session }: Link): boolean {
    const { host, options } = this.#shared;
    const { keepAliveInterval } = options.smux;
    return keepAliveInterval > 0 && session.peer === 'answering' && host.now() - session.lastAnswered > 2 * keepAliveInterval + STALE;
  }

  /** Ends the sessions and answers everyone who waits. */
  close(): void {
    this.#closed = true;
    this.#dialer.close();
    this.#shared.scheduler.set(this, undefined);
    for (const { link, udp } of [...this.#held.values()]) {
      link.close();
      udp.close();
    }
    this.#settle(new TunnelError('KCPTUN_ERR_TUNNEL_STOPPED', 'the tunnel was stopped'), undefined);
  }

  /** @internal */
  onDue(now: number): void {
    for (const held of [...this.#held.values()]) {
      const { link, localLabel, endsAt, doomedAt } = held;
      if (now >= endsAt) {
        this.#shared.options.logger.info(`scavenger: session closed due to ttl: ${localLabel}`);
        this.#shared.pipes.destroyAll(new TunnelError('KCPTUN_ERR_TUNNEL_EXPIRED', 'the session has expired'), link);
        link.close();
      } else if (now >= doomedAt && link.session.peer !== 'silent') {
        held.doomedAt = Number.POSITIVE_INFINITY;
      } else if (now >= doomedAt) {
        link.close(new TunnelError('KCPTUN_ERR_TUNNEL_PEER_GONE', 'the server does not answer here, but elsewhere'));
      }
    }
    this.#arm();
  }

  #seek(): void {
    if (this.#candidate === undefined) this.#dialer.dial();
  }

  #connected(udp: UdpEndpoint): void {
    if (this.#current !== undefined && this.#current.session.peer !== 'silent' && this.#waiters.length === 0) {
      udp.close(); // it has answered meanwhile
      return;
    }
    const { host, scheduler, options, clientOptions, pool, codec, events, pipes, reads } = this.#shared;
    this.#shared.notes.log(udp.socket);
    const link: Link = new Link({
      host,
      scheduler,
      udp,
      client: true,
      smux: options.smux,
      codec,
      pool,
      reads,
      events: {
        onStream: (stream) => stream.close(), // a kcptun server never opens streams
        onClosed: (error) => this.#lost(link, udp, error),
        onHeartbeat: (now) => {
          pipes.sweep(link, now);
          pool.maintain(now);
          maintainKept(now);
          this.#shared.wear.check(this.#shared.counters.totals);
          // A heartbeat of its own is waiting, so it is not `settled`.
          const unused = link.smux.streamCount === 0 && link.session.drained;
          if (unused && link !== this.#current && link !== this.#candidate) this.#closeUnused(link);
        },
        onSilence: (explanation) => {
          // The session that it was to replace has said so.
          if (link !== this.#candidate) options.logger.warn(`${link.remoteLabel}: ${explanation}`);
        },
        onPeer: (state) => this.#judge(link, state),
        onShards: (explanation) => this.#shared.notes.logShards(link.remoteLabel, explanation),
      },
    });
    const { local } = udp.socket;
    const localLabel = formatAddress(local.address, local.port);
    const { autoExpire, scavengeTtl } = clientOptions;
    const mortal = autoExpire > 0 && scavengeTtl >= 0;
    const endsAt = mortal ? link.madeAt + autoExpire + scavengeTtl : Number.POSITIVE_INFINITY;
    this.#held.set(link, { link, udp, localLabel, endsAt, doomedAt: Number.POSITIVE_INFINITY });
    options.logger.info(`smux version: ${options.smux.version} on connection: ${localLabel} -> ${link.remoteLabel}`, {
      event: 'session.open',
      local: localLabel,
      remote: link.remoteLabel,
    });
    events.emit('session', link);
    this.#arm();
    // Before a connection says anything: a server answers at length only where an answer has come from.
    link.ping();
    if (this.#current === undefined) {
      this.#current = link;
      this.#settle(undefined, link);
    } else {
      this.#candidate = link;
    }
  }

  #judge(link: Link, state: PeerState): void {
    if (state === 'restarted') this.#replace(link, explainRestart(link.understood));
    else if (state === 'silent') this.#silent(link);
    else if (state === 'answering') this.#answers(link);
  }

  /** Nobody listens at that address of the name: everything begins anew at another one, unless there was an answer before. */
  #refused(udp: UdpEndpoint): void {
    const held = [...this.#held.values()].find((each) => each.udp === udp);
    if (held === undefined || held.link.session.peer === 'answering') return;
    const forAnother = held.link === this.#candidate;
    if (forAnother) this.#candidate = undefined;
    this.#dialer.passOver();
    this.#replace(held.link, 'nobody listens there');
    // What the candidate was made for has no streams in it that would ask for the next one.
    if (forAnother) this.#seek();
  }

  /** The server knows nothing of this session's streams any more: those that it can not have begun begin anew, the others end. */
  #replace(link: Link, reason: string): void {
    const movable = this.#shared.pipes.detach(link);
    link.close(new TunnelError('KCPTUN_ERR_TUNNEL_PEER_GONE', reason));
    for (const pipe of movable) {
      this.acquire((error, other) => {
        if (other === undefined) pipe.destroy(error);
        else this.#shared.pipes.move(pipe, other);
      });
    }
  }

  #silent(link: Link): void {
    const error = new TunnelError('KCPTUN_ERR_TUNNEL_PEER_GONE', 'the server does not answer');
    if (link === this.#candidate) {
      this.#candidate = undefined;
      link.close();
      this.#dialer.failed(error);
    } else if (link.smux.streamCount === 0) {
      // Nobody needs it: the next connection makes another one.
      link.close(error);
    } else if (link === this.#current) {
      this.#shared.options.logger.warn(`${link.remoteLabel}: ${error.message}, trying another session`);
      this.#dialer.passOver();
      this.#seek();
    } else if (this.#current?.session.peer === 'answering') {
      this.#doom(link);
    }
  }

  #answers(link: Link): void {
    const held = this.#held.get(link);
    if (held !== undefined) held.doomedAt = Number.POSITIVE_INFINITY;
    if (link === this.#current) {
      this.#dialer.succeeded();
      this.#dialer.rest();
      if (this.#candidate !== undefined) this.#closeUnused(this.#candidate);
      this.#settle(undefined, link);
    } else if (link === this.#candidate) {
      const silent = this.#current;
      this.#dialer.succeeded();
      this.#candidate = undefined;
      this.#current = link;
      if (silent !== undefined) this.#doom(silent);
      this.#settle(undefined, link);
    }
  }

  #doom(link: Link): void {
    const held = this.#held.get(link);
    if (held === undefined) return;
    held.doomedAt = this.#shared.host.now() + DOOM;
    this.#arm();
  }

  #closeUnused(link: Link): void {
    if (link === this.#candidate) this.#candidate = undefined;
    link.close();
  }

  #lost(link: Link, udp: UdpEndpoint, error: Error | undefined): void {
    const { options, events, host } = this.#shared;
    this.#held.delete(link);
    if (this.#held.size === 0 && this.#shared.pool.lent === 0) this.#shared.pool.trim();
    if (error !== undefined && !this.#closed) {
      const fields = { event: 'session.close', remote: link.remoteLabel, error: error.message };
      options.logger.warn(`session to ${link.remoteLabel} ended: ${error.message}`, fields);
    }
    events.emit('sessionClosed', link, error);
    // The end may have come in a turn of this very socket: close it after the turn.
    host.setTimer(0, () => udp.close());
    if (link === this.#candidate && !this.#closed) {
      // It ended by itself, unheard: those it was made for still wait.
      this.#candidate = undefined;
      this.#dialer.failed(error ?? new TunnelError('KCPTUN_ERR_TUNNEL_EXPIRED', 'the session has expired'));
    }
    if (link !== this.#current) return;
    this.#current = this.#candidate;
    this.#candidate = undefined;
    if (this.#current !== undefined) this.#settle(undefined, this.#current);
    else if (this.#waiters.length > 0) this.#seek();
    else this.#dialer.rest();
  }

  /** Tells those who wait; whether to go on without them depends on whether streams still hope for an answer. */
  #exhausted(cause: Error): boolean {
    this.#settle(new TunnelError('KCPTUN_ERR_TUNNEL_DIAL', cause.message, { cause }), undefined);
    return this.#current !== undefined;
  }

  #arm(): void {
    let next = Number.POSITIVE_INFINITY;
    for (const { endsAt, doomedAt } of this.#held.values()) next = Math.min(next, endsAt, doomedAt);
    this.#shared.scheduler.set(this, next === Number.POSITIVE_INFINITY ? undefined : next);
  }

  #settle(error: Error | undefined, link: Link | undefined): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) waiter(error, link);
  }
}
