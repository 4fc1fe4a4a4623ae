// One slot of the client's session pool (PROTOCOL tunnel §7). It has at most one session that gets new
// streams. That is made when the client starts, or when a connection asks for it, and another takes its
// place when it has ended, has expired, or its peer does not answer any more:
//
//   candidate  asked for a sign of life; carries nothing before it has given one
//   current    has answered, and gets new streams. When it is silent there is a candidate beside it:
//              whichever of the two answers first goes on as current
//   retired    live on for the streams they have: expired ones for a time, silent ones until another
//              session has answered long enough
//
// A request must never run twice, and what was sent may have arrived whether or not an answer came. So a
// stream is only moved to another session as long as nothing of it has left, and nothing leaves for a
// server that may not be there: connections wait while their session is a candidate or doubted. A
// session that has not been answered could besides begin anew, with all that it has sent, at a server
// that starts over meanwhile.

import type { PeerState } from '@kcptun/session';
import { formatAddress, type Task, type UdpEndpoint } from '@kcptun/transport';
import { explainRestart, REFUSED } from './diagnosis.ts';
import { Dialer, type DialerOptions } from './dialer.ts';
import { TunnelError } from './errors.ts';
import { maintainKept } from './kept-bytes.ts';
import { Link } from './link.ts';
import type { Pipe } from './pipe.ts';

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
  /** Sockets of sessions that have ended: they close after the turn. */
  readonly #leaving: Set<UdpEndpoint> = new Set();
  #current: Link | undefined;
  #candidate: Link | undefined;
  #waiters: Waiter[] = [];
  /** What it may mean that nothing answers was said, and nothing has answered since. */
  #explained = false;
  #closed = false;

  constructor(shared: DialerOptions) {
    this.#shared = shared;
    this.#dialer = new Dialer(shared, {
      onConnected: (udp) => this.#connected(udp),
      onRefused: (udp, choice) => this.#refused(udp, choice),
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

  /** Whether a new stream can go to its session at once. */
  get ready(): boolean {
    this.#expire();
    return this.#current !== undefined && this.#carries(this.#current);
  }

  /** Streams of the session that gets new ones. */
  get streams(): number {
    return this.#current?.smux.streamCount ?? 0;
  }

  /** Whether that session carries bulk. */
  get busy(): boolean {
    return this.#current?.busy ?? false;
  }

  /** Closes the session that gets new streams, which has none. */
  retire(): void {
    if (this.#current !== undefined && this.streams === 0) this.#closeUnused(this.#current);
  }

  /** Lets no new streams onto a path that was throttled: the next ones get a session to another port. */
  leavePath(path: object): void {
    const current = this.#current;
    if (current?.session.sharedPath !== path) return;
    this.#dialer.avoidPort(this.#held.get(current)?.udp.socket.remote(0)?.port ?? 0);
    this.#current = undefined;
  }

  /** Makes a session before a connection asks for one; where nothing answers, it is left at that. */
  prepare(): void {
    this.#seek();
  }

  /** Calls back with a live link: at once when there is one that answers, or has not had to answer yet. */
  acquire(waiter: Waiter): void {
    if (this.#closed) {
      waiter(new TunnelError('KCPTUN_ERR_TUNNEL_STOPPED', 'the tunnel was stopped'), undefined);
      return;
    }
    this.#expire();
    const current = this.#current;
    if (current !== undefined && this.#carries(current)) {
      waiter(undefined, current);
      return;
    }
    if (this.#waiters.push(waiter) === 1) {
      if (this.#current === undefined) this.#dialer.hurry();
      else this.#current.ping();
    }
    // A loss is made good more often than not; for the rest nobody knows better than another session.
    if (this.#current?.session.peer !== 'doubted' || this.#current.session.challenged) this.#seek();
  }

  /** Time has passed in which servers may have given sessions up: each has to answer before it gets new streams. */
  handleWake(): void {
    const now = this.#shared.host.now();
    for (const { link } of [...this.#held.values()]) {
      link.session.doubt(now);
      link.ping();
    }
  }

  #expire(): void {
    const { autoExpire } = this.#shared.clientOptions;
    const current = this.#current;
    if (current !== undefined && autoExpire > 0 && this.#shared.host.now() - current.madeAt >= autoExpire) this.#current = undefined;
  }

  /** Whether new streams can go there now. One that has missed its heartbeats is asked first. */
  #carries({ session }: Link): boolean {
    if (session.peer !== 'answering') return false;
    const { host, options } = this.#shared;
    const { keepAliveInterval } = options.smux;
    const now = host.now();
    if (keepAliveInterval === 0 || now - session.lastAnswered <= 2 * keepAliveInterval + STALE) return true;
    session.doubt(now);
    return false;
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
    // The owner is about to close the cipher: none of them may get another datagram.
    for (const udp of this.#leaving) udp.close();
    this.#leaving.clear();
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
    if (this.#current?.session.peer === 'answering' && this.#waiters.length === 0) {
      udp.close(); // it has answered meanwhile
      return;
    }
    if (this.#candidate !== undefined) this.#closeUnused(this.#candidate);
    const { host, scheduler, options, clientOptions, pool, codec, events, pipes, reads, lookForSleep } = this.#shared;
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
          lookForSleep();
          pipes.sweep(link, now);
          pool.maintain(now);
          maintainKept(now);
          this.#shared.wear.check(this.#shared.counters.totals);
          this.#lookAtPath(link, now);
          // A heartbeat of its own is waiting, so it is not `settled`.
          const unused = link.smux.streamCount === 0 && link.session.drained;
          if (unused && link !== this.#current && link !== this.#candidate) this.#closeUnused(link);
        },
        onBulk: () => this.#shared.onBulk(),
        onSilence: (explanation) => {
          // The session that it was to replace has said so.
          if (link !== this.#candidate || this.#current === undefined) this.#explain(link, explanation);
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
    this.#candidate = link;
    // Before a connection says anything: a server answers at length only where an answer has come from.
    link.ping();
  }

  #lookAtPath(link: Link, now: number): void {
    const { session, remoteLabel } = link;
    const path = session.sharedPath;
    const throttled = this.#shared.paths.look({ session: link, path, label: remoteLabel, stats: session.stats() }, now);
    if (throttled && path !== undefined) this.#shared.onThrottled(path);
  }

  /** Says once what it may mean that nothing answers. */
  #explain(link: Link, explanation: string): void {
    if (this.#explained) return;
    this.#explained = true;
    this.#shared.options.logger.warn(`${link.remoteLabel}: ${explanation}`);
  }

  #judge(link: Link, state: PeerState): void {
    if (state === 'restarted') this.#replace(link, explainRestart(link.understood));
    else if (state === 'silent') this.#silent(link);
    else if (state === 'answering') this.#answers(link);
  }

  /**
   * The network says that nobody listens there. Another address of the name or port of the range is
   * tried, unless there was an answer before. Where there is none, the session lives on: the server may
   * just be starting, or somebody may have forged the word.
   */
  #refused(udp: UdpEndpoint, choice: boolean): void {
    const link = this.#candidate;
    if (link === undefined || this.#held.get(link)?.udp !== udp) return;
    if (!choice) {
      this.#explain(link, REFUSED);
      return;
    }
    this.#candidate = undefined;
    this.#dialer.passOverPort(udp.socket.remote(0)?.port ?? 0);
    link.close(new TunnelError('KCPTUN_ERR_TUNNEL_PEER_GONE', 'nobody listens there'));
    this.#seek();
  }

  /** The server knows nothing of this session's streams any more: those of which nothing has left begin anew, the others end. */
  #replace(link: Link, reason: string): void {
    const waiting = this.#shared.pipes.detach(link);
    link.close(new TunnelError('KCPTUN_ERR_TUNNEL_PEER_GONE', reason));
    this.#moveOn(waiting);
  }

  #moveOn(pipes: readonly Pipe[]): void {
    for (const pipe of pipes) {
      this.acquire((error, other) => {
        if (other === undefined) pipe.destroy(error);
        else this.#shared.pipes.move(pipe, other);
      });
    }
  }

  #silent(link: Link): void {
    const error = new TunnelError('KCPTUN_ERR_TUNNEL_PEER_GONE', 'the server does not answer');
    if (link === this.#candidate) {
      if (this.#current === undefined && this.#waiters.length === 0) this.#closeUnused(link);
      // Until the next one is there, it may still answer: some paths are slow.
      else if (!this.#dialer.busy) this.#dialer.failed(error);
    } else if (link.hasDelivered) {
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
    this.#explained = false;
    if (link === this.#current) {
      this.#dialer.succeeded();
      this.#dialer.rest();
      if (this.#candidate !== undefined) this.#closeUnused(this.#candidate);
      this.#settle(undefined, link);
    } else if (link === this.#candidate) {
      const silent = this.#current;
      this.#dialer.succeeded();
      this.#dialer.rest();
      this.#candidate = undefined;
      this.#current = link;
      this.#settle(undefined, link);
      if (silent === undefined) return;
      this.#moveOn(this.#shared.pipes.detach(silent));
      this.#doom(silent);
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
    const { options, events, host, pipes, pool } = this.#shared;
    this.#held.delete(link);
    pipes.endStreams(link, () => {
      if (this.#held.size === 0 && pool.lent === 0) pool.trim();
    });
    if (error !== undefined && !this.#closed) {
      const fields = { event: 'session.close', remote: link.remoteLabel, error: error.message };
      options.logger.warn(`session to ${link.remoteLabel} ended: ${error.message}`, fields);
    }
    events.emit('sessionClosed', link, error);
    // The end may have come in a turn of this very socket: close it after the turn.
    this.#leaving.add(udp);
    host.setTimer(0, () => {
      this.#leaving.delete(udp);
      udp.close();
    });
    if (link === this.#candidate && !this.#closed) {
      this.#candidate = undefined;
      this.#fail(link, error ?? new TunnelError('KCPTUN_ERR_TUNNEL_EXPIRED', 'the session has expired'));
    }
    if (link !== this.#current) return;
    this.#current = undefined;
    if (this.#waiters.length > 0) this.#seek();
    else if (this.#candidate === undefined) this.#dialer.rest();
  }

  /**
   * A candidate has ended by itself. Those it was made for still wait, unless what the peer says makes
   * no sense here: time does not mend that.
   */
  #fail({ session }: Link, error: Error): void {
    const hopeful = !session.heard || (error instanceof TunnelError && error.code === 'KCPTUN_ERR_TUNNEL_PEER_GONE');
    if (!hopeful)
      this.#settle(new TunnelError('KCPTUN_ERR_TUNNEL_DIAL', 'the session that it waited for has ended', { cause: error }), undefined);
    else if (!this.#dialer.busy) this.#dialer.failed(error);
  }

  /** Tells those who wait; whether to go on without them depends on whether streams still hope for an answer. */
  #exhausted(cause: Error): boolean {
    this.#settle(new TunnelError('KCPTUN_ERR_TUNNEL_DIAL', cause.message, { cause }), undefined);
    if (this.#current !== undefined) return true;
    if (this.#candidate !== undefined) this.#closeUnused(this.#candidate);
    return false;
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
