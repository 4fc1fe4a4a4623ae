// A datagram socket and its sessions: every batch that arrives, every timeout and every command ends in one turn of the endpoint,
// in which the owners of sessions read, write and are told what happened, and after which everything due is sent at once.

import { channel } from 'node:diagnostics_channel';
import { DROPPED, type PacketBatch } from '@kcptun/common';
import { Endpoint, type EndpointOptions, type PeerState, type Session, type SessionError, type SessionEvent } from '@kcptun/session';
import { addressGroup, formatAddress } from './address.ts';
import { AnswerSource } from './answer-source.ts';
import type { DatagramOptions, DatagramSocket, Host, SocketAddress } from './host.ts';
import type { Scheduler, Task } from './scheduler.ts';

/** What the owner of a session wants to hear. Calls come inside a turn: what they write is sent at its end. */
export interface SessionOwner {
  /** There are bytes to read. */
  onReadable(): void;
  /** There is room again, after `room()` had said 0. */
  onWritable(): void;
  /** The peer has another address now: the session's path has changed. */
  onMoved?(): void;
  /** Something else is known of the peer. */
  onPeer?(state: PeerState): void;
  /** The session sends with other shard counts than it was told to, because its peer does; parity 0: without parity. */
  onShards?(dataShards: number, parityShards: number): void;
  /** The session has ended; the last call. */
  onClosed(error: SessionError | undefined): void;
}

/** What the owner of the socket wants to hear. */
export interface UdpEndpointEvents {
  /** A peer opened a session: attach an owner now, or the session is closed. */
  onSession?(session: Session): void;
  /** A batch had datagrams that failed the integrity check or are no kcptun; `refused` is their number so far. */
  onRefused?(refused: number, remote: SocketAddress | undefined): void;
  /** A session follows its peer, for example behind a NAT that has chosen another port; addresses as in logs. */
  onMoved?(session: Session, from: string, to: string): void;
  /** First packets found no room for another session; `refused` is their number so far. */
  onCrowded?(refused: number, remote: SocketAddress | undefined): void;
  /** A datagram could not be sent or received; the socket goes on. */
  onTrouble?(error: Error): void;
}

/** Options: those of {@link Endpoint}, but for what the host and the socket provide. */
export type UdpEndpointOptions = Omit<EndpointOptions, 'transmit' | 'random' | 'memory' | 'addressOf' | 'onWake'> & DatagramOptions;

const moved = channel('kcptun:session:move');

/** One socket with all its sessions. */
export class UdpEndpoint implements Task {
  /** @internal */ deadline = 0;
  /** @internal */ deadlineIndex = -1;
  readonly endpoint: Endpoint;
  readonly #host: Host;
  readonly #scheduler: Scheduler;
  readonly #events: UdpEndpointEvents;
  #socket: DatagramSocket | undefined;
  /** Until it is known from which address a client is answered. */
  #answers: AnswerSource | undefined;
  #inTurn = false;
  /** Time of the turn that runs or was last. */
  #turnAt = 0;
  #flushWaits = false;
  #closed = false;

  /**
   * Opens the socket and calls back when it is bound.
   * @throws {SessionError} KCPTUN_ERR_SESSION_MTU
   */
  static open(
    host: Host,
    scheduler: Scheduler,
    options: UdpEndpointOptions,
    events: UdpEndpointEvents,
    callback: (error: Error | undefined, endpoint: UdpEndpoint | undefined) => void,
  ): void {
    const udp = new UdpEndpoint(host, scheduler, options, events);
    const onBatch = (batch: PacketBatch): void => udp.#handleBatch(batch);
    const onTrouble = (error: Error): void => events.onTrouble?.(error);
    host.openDatagram(options, { onBatch, onTrouble }, (error, socket) => {
      if (socket === undefined) {
        callback(error, undefined);
        return;
      }
      udp.#socket = socket;
      callback(undefined, udp);
    });
  }

  private constructor(host: Host, scheduler: Scheduler, options: UdpEndpointOptions, events: UdpEndpointEvents) {
    this.#host = host;
    this.#scheduler = scheduler;
    this.#events = events;
    this.endpoint = new Endpoint({
      ...options,
      random: host.random,
      memory: host.memory,
      addressOf: (path) => this.#addressOf(path),
      onWake: () => this.#flushAfterTurn(),
      transmit: (batch) => {
        this.#answers?.noteSent(batch, this.#turnAt);
        return this.#socket === undefined ? 0 : this.#socket.send(batch);
      },
    });
    if (options.remote !== undefined && options.anySource === true && options.fakeTcp !== true) {
      this.#answers = new AnswerSource(this.endpoint, host.random, host.memory, (path) => this.#hearOnly(path));
    }
  }

  /** The socket; it exists once `open` has called back. */
  get socket(): DatagramSocket {
    return this.#socket as DatagramSocket;
  }

  /** Whether the socket is closed. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * The time as the sessions of this socket know it, in ms: that of the turn, and between turns that
   * of the host. It never goes back: a timer that serves many hands all of them the time at which it
   * fired, which may lie before a turn that the first of them began.
   */
  get now(): number {
    if (!this.#inTurn) this.#advance(this.#host.now());
    return this.#turnAt;
  }

  /** Text for logs about a path: `1.2.3.4:29900`. */
  remoteLabel(path: number): string {
    const remote = this.#socket?.remote(path);
    return remote === undefined ? 'unknown' : formatAddress(remote.address, remote.port);
  }

  /** Opens a session to path 0: the remote of a client's socket. */
  openSession(owner: SessionOwner): Session {
    const session = this.endpoint.open(0, this.now);
    session.owner = owner;
    return session;
  }

  /** Makes `owner` hear of `session`. */
  attach(session: Session, owner: SessionOwner): void {
    session.owner = owner;
  }

  /** Sends what commands outside of a turn have made due: call after writing, once per chunk. Inside a turn it does nothing. */
  flush(): void {
    if (this.#inTurn || this.#closed) return;
    const { now } = this;
    this.#inTurn = true;
    this.#endTurn(now);
  }

  /** The same a little later, once for all who ask until then: what many sessions have to send at one time leaves together. */
  flushLater(): void {
    if (!this.#inTurn) this.#flushAfterTurn();
  }

  #flushAfterTurn(): void {
    if (this.#flushWaits || this.#closed) return;
    this.#flushWaits = true;
    this.#host.defer(this.#lateFlush);
  }

  readonly #lateFlush = (): void => {
    this.#flushWaits = false;
    this.flush();
  };

  /** Ends all sessions and closes the socket; idempotent. */
  close(error?: SessionError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#scheduler.set(this, undefined);
    this.endpoint.close(this.now, error);
    this.#pollEvents();
    this.#socket?.close();
  }

  /** @internal */
  onDue(now: number): void {
    if (this.#closed) return;
    this.#advance(now);
    this.#inTurn = true;
    try {
      this.endpoint.handleTimeout(this.#turnAt);
    } finally {
      this.#endTurn(this.#turnAt);
    }
  }

  #advance(now: number): void {
    if (now > this.#turnAt) this.#turnAt = now;
  }

  #handleBatch(batch: PacketBatch): void {
    if (this.#closed) return;
    const { now } = this;
    const refusedBefore = this.endpoint.refusedDatagrams + this.endpoint.foreignDatagrams;
    const crowdedBefore = this.endpoint.counters.crowdedOut;
    this.#inTurn = true;
    try {
      if (this.#answers === undefined) this.endpoint.handleDatagrams(batch, now);
      else this.#answers.handle(batch, now);
      const refused = this.endpoint.refusedDatagrams + this.endpoint.foreignDatagrams;
      const crowded = this.endpoint.counters.crowdedOut;
      if (crowded > crowdedBefore) this.#events.onCrowded?.(crowded, this.#socket?.remote(batch.path[batch.count - 1]!));
      if (refused > refusedBefore) this.#events.onRefused?.(refused, this.#socket?.remote(refusedPath(batch)));
    } finally {
      this.#endTurn(now);
    }
  }

  #hearOnly(path: number): void {
    this.#socket?.hearOnly(path);
    if (path === 0) this.#answers = undefined;
  }

  /** Lets the owners do what there is to do, then sends. What they do may make more to do for others: until nothing is left. */
  #endTurn(now: number): void {
    const endpoint = this.endpoint;
    try {
      this.#pollEvents();
      for (let session = endpoint.pollReadable(); session !== undefined; session = endpoint.pollReadable()) {
        (session.owner as SessionOwner | undefined)?.onReadable();
      }
      for (let session = endpoint.pollWritable(); session !== undefined; session = endpoint.pollWritable()) {
        (session.owner as SessionOwner | undefined)?.onWritable();
      }
      this.#pollEvents();
      endpoint.flush(now);
      // The flush has a look at the peers; what owners do about it has to leave as well.
      if (this.#pollEvents()) endpoint.flush(now);
      // After the flush: what closed sessions had to send still needs its address.
      for (let path = endpoint.pollForgottenPath(); path !== undefined; path = endpoint.pollForgottenPath()) this.#socket?.forget(path);
    } finally {
      // An owner that throws must not cost the sessions their timers.
      this.#inTurn = false;
      if (!this.#closed) this.#scheduler.set(this, endpoint.nextTimeout());
    }
  }

  #addressOf(path: number): string {
    const remote = this.#socket?.remote(path);
    return remote === undefined ? '' : addressGroup(remote);
  }

  #announceMove({ session, from, to }: SessionEvent): void {
    // The path of before is forgotten at the end of the turn.
    const before = this.remoteLabel(from as number);
    const after = this.remoteLabel(to as number);
    moved.publish({ session, from: before, to: after });
    (session.owner as SessionOwner | undefined)?.onMoved?.();
    this.#events.onMoved?.(session, before, after);
  }

  /** Returns whether there was an event. */
  #pollEvents(): boolean {
    const endpoint = this.endpoint;
    let any = false;
    for (let event = endpoint.pollEvent(); event !== undefined; event = endpoint.pollEvent()) {
      const { session } = event;
      any = true;
      if (event.type === 'peer') {
        (session.owner as SessionOwner | undefined)?.onPeer?.(session.peer);
        continue;
      }
      if (event.type === 'shards') {
        (session.owner as SessionOwner | undefined)?.onShards?.(event.dataShards as number, event.parityShards as number);
        continue;
      }
      if (event.type === 'closed') {
        (session.owner as SessionOwner | undefined)?.onClosed(event.error);
        session.owner = undefined;
        continue;
      }
      if (event.type === 'moved') {
        this.#announceMove(event);
        continue;
      }
      this.#events.onSession?.(session);
      if (session.owner === undefined && !session.closed) session.close();
    }
    return any;
  }
}

/** The path of the first refused datagram of a batch, else of the first one. */
function refusedPath(batch: PacketBatch): number {
  for (let index = 0; index < batch.count; index++) {
    if (batch.length[index] === DROPPED) return batch.path[index]!;
  }
  return batch.path[0]!;
}
