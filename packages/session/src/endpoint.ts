// Which session a datagram belongs to, and one turn of work for all of them (PROTOCOL session §2, §3). The grammar:
//
//   handleDatagrams(batch, now) | handleTimeout(now)     something arrived, or a timeout is due
//   pollEvent, pollReadable, pollWritable, pollForgottenPath    until each says undefined: what the owner must now do
//   flush(now)                                           once at the end of the turn: sends what all of this made due
//   nextTimeout()                                        when to come back; undefined when nothing can happen by itself
//
// `now` (ms) never goes back. Output leaves through the `transmit` function given at creation, a sealed batch at a time and synchronously:
// a poll method would have to suspend Kcp.flush in the middle of a window or keep megabytes of sealed packets.

import {
  BATCH_CAPACITY,
  Deadlines,
  DROPPED,
  type KernelMemory,
  type PacketBatch,
  type RandomSource,
  Ring,
  readU16,
  readU32,
} from '@kcptun/common';
import { nonceOffsetOf, type PacketCrypt } from '@kcptun/crypt';
import { FEC_HEADER_SIZE, FEC_TYPE_DATA, FEC_TYPE_OOB, FEC_TYPE_PARITY, FecDecoder, FecEncoder } from '@kcptun/fec';
import { OVERHEAD, SegmentPool } from '@kcptun/kcp-core';
import { ACCEPT_BACKLOG, HALF_OPEN_TIMEOUT, MAX_HALF_OPEN, SessionCensus } from './census.ts';
import { Counters } from './counters.ts';
import { isForeign, isOpening, readHeads } from './datagram.ts';
import type { EndpointContext, EndpointOptions, SessionEvent } from './endpoint-options.ts';
import { SessionError } from './errors.ts';
import type { FlightBudget } from './flight-budget.ts';
import { fecEnabled, kcpMtu, type SessionParameters } from './parameters.ts';
import { AMPLIFICATION, CANDIDATE_AGE, type Candidate, PathBook } from './path-book.ts';
import { PathQuestion } from './path-question.ts';
import { createReplayWindow, ReplayGuard } from './replay-guard.ts';
import type { ReplayMemory } from './replay-memory.ts';
import { Session } from './session.ts';
import type { SharedPaths } from './shared-paths.ts';
import { Transmitter } from './transmitter.ts';

// Whoever knows the key can cause these many thousand times a second, and a new error costs more than
// its session: the sessions share them. Their stacks would tell nothing.
const CROWDED_OUT = new SessionError('KCPTUN_ERR_SESSION_CROWDED', 'others need the place, and the peer has said nothing yet');
const NEVER_SENSE = new SessionError(
  'KCPTUN_ERR_SESSION_CROWDED',
  `the peer has said nothing that makes sense for ${HALF_OPEN_TIMEOUT / 1000} s`,
);
const REPLACED = new SessionError('KCPTUN_ERR_SESSION_REPLACED', 'the peer opened another session from the same address');

/** All sessions of one socket. */
export class Endpoint implements EndpointContext {
  readonly crypt: PacketCrypt;
  readonly parameters: SessionParameters;
  /** @internal */ readonly transmitter: Transmitter;
  readonly counters: Counters;
  /** Payload memory of all sessions. */
  readonly segments: SegmentPool;
  /** @internal */ readonly flight: FlightBudget | undefined;
  /** @internal */ readonly memoryOption: { memory?: KernelMemory };
  readonly #role: 'client' | 'server';
  readonly random: RandomSource;
  readonly #census: SessionCensus;
  /** @internal */ readonly paths: SharedPaths | undefined;
  readonly #onWake: (() => void) | undefined;
  /** @internal */ readonly addressOf: (path: number) => string;
  /** Sessions whose peer has shown nothing but a first packet, the oldest first. */
  readonly #halfOpen: Set<Session> = new Set();
  /** Where in a datagram the bytes are by which it is known again; -1: nowhere. */
  readonly #headAt: number;
  readonly #window: ReplayMemory | undefined;
  readonly #guard: ReplayGuard | undefined;
  /** Two words of each datagram of the batch that is being handled. */
  readonly #heads: Int32Array = new Int32Array(BATCH_CAPACITY * 2);
  readonly #sessions: Set<Session> = new Set();
  readonly #paths: PathBook = new PathBook();
  readonly #deadlines: Deadlines<Session> = new Deadlines();
  readonly #events: Ring<SessionEvent> = new Ring();
  readonly #readable: Ring<Session> = new Ring();
  readonly #writable: Ring<Session> = new Ring();
  readonly #touched: Session[] = [];
  #unaccepted = 0;
  #refused = 0;
  #foreign = 0;
  #closed = false;

  /**
   * @throws {SessionError} KCPTUN_ERR_SESSION_MTU when mtu leaves no room for payload
   * @throws {KcptunError} KCPTUN_ERR_ARENA_FULL when `memory` has no room for what FEC needs in any case (10 KiB, once)
   * @throws {TypeError | RangeError} when a limit is out of range
   */
  constructor(options: EndpointOptions) {
    this.crypt = options.crypt;
    this.parameters = options.parameters;
    this.counters = options.counters ?? new Counters();
    this.segments = options.segments ?? new SegmentPool();
    this.flight = options.flight;
    this.memoryOption = options.memory === undefined ? {} : { memory: options.memory };
    this.#role = options.role;
    this.random = options.random;
    this.#census = options.census ?? new SessionCensus(options);
    this.addressOf = options.addressOf ?? (() => '');
    this.paths = options.parameters.auto ? options.paths : undefined;
    this.#onWake = options.onWake;
    this.#headAt = options.replayProtection === false ? -1 : nonceOffsetOf(options.crypt.method);
    if (this.#headAt >= 0) {
      this.#window = createReplayWindow(options.random);
      if (options.role === 'server') this.#guard = options.replayGuard ?? new ReplayGuard(options.random);
    }
    kcpMtu(options.parameters, options.crypt.headerSize + options.crypt.tagSize);
    // What FEC sets aside for good in a memory: now, so that a memory without room is found here and not by a peer's first packet.
    new FecEncoder({ dataShards: 1, parityShards: 1, ...this.memoryOption }).close();
    this.transmitter = new Transmitter(options.crypt, options.transmit, this.counters, options.memory);
  }

  /** Number of live sessions. */
  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** Datagrams that failed the checksum or tag so far: a wrong key or cipher at one end, or damage on the way. */
  get refusedDatagrams(): number {
    return this.#refused;
  }

  /**
   * Datagrams that passed the cipher's check and are nothing of this protocol so far. With `null`, which checks nothing, this is how another
   * cipher at the peer shows; with the others it is a peer of another kind.
   */
  get foreignDatagrams(): number {
    return this.#foreign;
  }

  /** Sessions whose peer has shown nothing yet but a first packet. */
  get halfOpenCount(): number {
    return this.#halfOpen.size;
  }

  /** Live sessions, for displays. */
  sessions(): Iterable<Session> {
    return this.#sessions;
  }

  /**
   * Opens a session to `path` with a random conv. The peer learns of it by the first data.
   * @throws {RangeError} when a session is open on this path
   */
  open(path: number, now: number): Session {
    if (this.#paths.get(path) !== undefined) throw new RangeError(`path must have no open session, got ${path}`);
    this.transmitter.now = now;
    const conv = new Uint8Array(4);
    this.random(conv);
    const session = new Session(this, readU32(conv, 0), path, '', now);
    session.active = true;
    session.watch.asks = true;
    session.established = true;
    this.#sessions.add(session);
    this.#paths.take(path, session);
    this.counters.opened(session, true);
    return session;
  }

  /** Takes received datagrams; the batch is opened in place and free again when this returns. */
  handleDatagrams(batch: PacketBatch, now: number): void {
    this.transmitter.now = now;
    const totals = this.counters.totals;
    const window = this.#window;
    // Before the cipher works in place.
    if (window !== undefined) readHeads(batch, this.#headAt, this.#heads);
    const refused = this.crypt.open(batch);
    totals.InCsumErrors += refused;
    this.#refused += refused;
    if (window !== undefined) window.fetch(this.#heads, batch.count);
    for (let index = 0; index < batch.count; index++) {
      const length = batch.length[index]!;
      const path = batch.path[index]!;
      if (length === DROPPED) {
        this.#paths.noteUnmatched(path);
        continue;
      }
      totals.InPkts += 1;
      totals.InBytes += length;
      if (window !== undefined && !window.add(this.#heads[index * 2]!, this.#heads[index * 2 + 1]!, now)) {
        this.counters.replayed += 1;
        this.#paths.noteUnmatched(path);
        continue;
      }
      const session = this.#route(batch, index, now);
      if (session === undefined) {
        this.counters.dropped += 1;
        if (isForeign(batch.bytes, batch.offset[index]!, length)) this.#foreign += 1;
        this.#paths.noteUnmatched(path);
        continue;
      }
      session.handlePacket(batch.bytes, batch.offset[index]!, length, now);
      this.touch(session);
    }
    for (const session of this.#touched) this.#noteChanges(session);
  }

  /** Flushes the sessions whose time has come; call when `nextTimeout()` is due, then poll and flush. */
  handleTimeout(now: number): void {
    this.transmitter.now = now;
    this.#expire(now);
    for (let session = this.#deadlines.pollDue(now); session !== undefined; session = this.#deadlines.pollDue(now)) {
      session.dirty = true;
      this.touch(session);
      // Where the rate is limited, time alone makes room.
      if (session.wantsRoom) this.#noteChanges(session);
    }
  }

  /** When `handleTimeout` must be called, in ms. */
  nextTimeout(): number | undefined {
    const next = this.#deadlines.next ?? Number.POSITIVE_INFINITY;
    const oldest = this.#oldestHalfOpen('');
    const expiry = oldest === undefined ? Number.POSITIVE_INFINITY : oldest.openedAt + HALF_OPEN_TIMEOUT;
    const at = Math.min(next, expiry, this.#paths.nextTimeout);
    return at === Number.POSITIVE_INFINITY ? undefined : at;
  }

  /** The next session that was opened by a peer, has ended or has moved, whose peer is seen in another light, or that sends other shards. */
  pollEvent(): SessionEvent | undefined {
    const event = this.#events.shift();
    if (event?.type === 'opened') this.#unaccepted -= 1;
    return event;
  }

  /** The next session that has bytes to read; each once per turn. */
  pollReadable(): Session | undefined {
    for (let session = this.#readable.shift(); session !== undefined; session = this.#readable.shift()) {
      session.readableQueued = false;
      if (!session.closed) return session;
    }
    return undefined;
  }

  /** The next session that has room again after `room()` had said 0, or is drained after `awaitDrained()`. */
  pollWritable(): Session | undefined {
    for (let session = this.#writable.shift(); session !== undefined; session = this.#writable.shift()) {
      if (!session.closed) return session;
    }
    return undefined;
  }

  /** The next path that leads to no session: the transport may give its number to another remote. */
  pollForgottenPath(): number | undefined {
    return this.#paths.pollForgotten();
  }

  /** Ends a turn: every session that something happened to is flushed once, and full or not, the last batch is sent. */
  flush(now: number): void {
    this.transmitter.now = now;
    const touched = this.#touched;
    for (let index = 0; index < touched.length; index++) {
      const session = touched[index]!;
      session.touched = false;
      if (session.closed) continue;
      session.adapt(now);
      session.lookAtPeer(now);
      if (session.watch.asks && session.peer !== session.knownPeer) {
        session.knownPeer = session.peer;
        this.#events.push({ type: 'peer', session });
      }
      const timeout = session.flush(now);
      const look = session.watch.next;
      this.#deadlines.set(
        session,
        timeout !== undefined && timeout < look ? timeout : look === Number.POSITIVE_INFINITY ? undefined : look,
      );
    }
    touched.length = 0;
    this.transmitter.flush();
    this.flight?.grant();
  }

  /** Closes all sessions and gives memory back; the cipher stays with whoever made it. Afterwards only events can be polled. Idempotent. */
  close(now: number, error?: SessionError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.transmitter.now = now;
    for (const session of [...this.#sessions]) this.closeSession(session, error);
    this.transmitter.flush();
    this.flight?.grant();
  }

  /** @internal */
  touch(session: Session): void {
    if (session.touched) return;
    session.touched = true;
    this.#touched.push(session);
  }

  /** @internal */
  closeSession(session: Session, error: SessionError | undefined): void {
    if (session.closed) return;
    const crowded = error?.code === 'KCPTUN_ERR_SESSION_CROWDED';
    // Nothing goes to an address that may be made up beyond the answers to what came from there.
    if (!crowded) session.kcp.flush(this.transmitter.now);
    this.counters.closed(session);
    session.closed = true;
    session.error = error;
    this.#deadlines.set(session, undefined);
    if (!session.active) {
      this.#census.remove(session.address);
      // Whoever goes may come again.
      if (session.proven) this.#census.proven.add(session.address, session.lastReceived);
    }
    this.#halfOpen.delete(session);
    // An honest peer that was pushed out may come again.
    this.#guard?.closed(session, !crowded, this.transmitter.now);
    this.#sessions.delete(session);
    this.#paths.remove(session);
    session.release(this.transmitter.now);
    if (this.#sessions.size === 0 && this.segments.used === 0) this.segments.trim();
    this.#events.push(error === undefined ? { type: 'closed', session } : { type: 'closed', session, error });
  }

  /** @internal */
  noteEstablished(session: Session): void {
    this.#halfOpen.delete(session);
  }

  /** @internal */
  noteProven(session: Session): void {
    this.#census.proven.add(session.address, this.transmitter.now);
  }

  /** @internal */
  wake(session: Session): void {
    session.dirty = true;
    this.touch(session);
    this.#noteChanges(session);
    this.#onWake?.();
  }

  /** @internal */
  noteShards(session: Session, dataShards: number, parityShards: number): void {
    this.#events.push({ type: 'shards', session, dataShards, parityShards });
  }

  /** @internal A decoder that starts with our own shard counts, or 1+1 where FEC is off here, and adapts to the peer. */
  createDecoder(): FecDecoder {
    const p = this.parameters;
    const enabled = fecEnabled(p);
    return new FecDecoder({
      dataShards: enabled ? p.dataShards : 1,
      parityShards: enabled ? p.parityShards : 1,
      ...this.memoryOption,
      work: this.#census.rebuilding,
    });
  }

  /** The session a packet belongs to, opened or moved on the spot where the rules of PROTOCOL session §2 say so; `undefined`: drop it. */
  #route(batch: PacketBatch, index: number, now: number): Session | undefined {
    const { bytes } = batch;
    const offset = batch.offset[index]!;
    const length = batch.length[index]!;
    if (length < OVERHEAD) {
      if (this.#role === 'client') this.counters.totals.KCPInErrors += 1;
      return undefined;
    }
    const path = batch.path[index]!;
    const session = this.#paths.get(path);
    const type = readU16(bytes, offset + 4);
    let kcpAt = offset;
    if (type === FEC_TYPE_DATA && length >= OVERHEAD + FEC_HEADER_SIZE) kcpAt = offset + FEC_HEADER_SIZE;
    else if (type === FEC_TYPE_DATA || type === FEC_TYPE_PARITY || type === FEC_TYPE_OOB) return session;
    const conv = readU32(bytes, kcpAt);
    if (session !== undefined && session.conv === conv) return session;
    if (this.#role === 'client' || !isOpening(bytes, kcpAt, offset + length)) return undefined;
    const low = this.#heads[index * 2]!;
    const high = this.#heads[index * 2 + 1]!;
    const guard = this.#guard;
    const living = guard?.live(conv);
    if (living !== undefined && this.#sessions.has(living)) {
      if (living.path === path) this.#paths.take(path, living);
      else if (!this.#follow(living, bytes, kcpAt, offset + length, path, now)) return undefined;
      return living;
    }
    if (living !== undefined || guard?.hasEnded(conv) || guard?.knows(low, high)) {
      this.counters.replayed += 1;
      return undefined;
    }
    const address = this.addressOf(path);
    if (this.#census.hasty(address, now)) return undefined;
    if (session !== undefined) {
      if (readU32(bytes, kcpAt + 12) !== 0) return undefined;
      // Who has shown to be a peer is known by conv from now on, and has its path again when it is heard.
      if (guard === undefined || !session.established) this.closeSession(session, REPLACED);
    }
    if (this.#unaccepted >= ACCEPT_BACKLOG) return undefined;
    if (!this.#makeRoom(address)) {
      this.counters.crowdedOut += 1;
      return undefined;
    }
    return this.#accept(conv, path, address, low, high, now);
  }

  #accept(conv: number, path: number, address: string, low: number, high: number, now: number): Session {
    const session = new Session(this, conv, path, address, now);
    this.#sessions.add(session);
    this.#paths.take(path, session);
    if (!this.#census.proven.has(address, now)) session.doubtPath();
    this.counters.opened(session, false);
    session.addressShare = this.#census.add(address, true);
    this.#halfOpen.add(session);
    this.#guard?.opened(session, low, high, now);
    this.#unaccepted += 1;
    this.#events.push({ type: 'opened', session });
    return session;
  }

  /** Room for another session from an address, at the cost of one whose peer has shown nothing yet if need be; never of a living one. */
  #makeRoom(address: string): boolean {
    const crowded = this.#census.crowded(address);
    if (!crowded && !this.#census.full && this.#halfOpen.size < MAX_HALF_OPEN) return true;
    const victim = this.#oldestHalfOpen(crowded ? address : '');
    if (victim === undefined) return false;
    this.closeSession(victim, CROWDED_OUT);
    return true;
  }

  /** The session that is half open for longest, of one address if one is given. */
  #oldestHalfOpen(address: string): Session | undefined {
    for (const session of this.#halfOpen) if (address === '' || session.address === address) return session;
    return undefined;
  }

  #expire(now: number): void {
    for (let due = this.#paths.pollDue(now); due !== undefined; due = this.#paths.pollDue(now)) this.#ask(due, now);
    for (;;) {
      const session = this.#oldestHalfOpen('');
      if (session === undefined || session.openedAt + HALF_OPEN_TIMEOUT > now) return;
      this.closeSession(session, NEVER_SENSE);
    }
  }

  /**
   * A packet of a session came from another path than its own. Asks there, if it can be the peer's
   * next one; returns true, and the session has moved, when it is the answer.
   */
  #follow(session: Session, bytes: Uint8Array, kcpAt: number, end: number, path: number, now: number): boolean {
    const paths = this.#paths;
    let candidate = paths.candidate(path);
    if (candidate?.session === session && candidate.question.answeredBy(bytes, kcpAt, end) >= 0) {
      this.#move(session, path);
      return true;
    }
    if (!session.progress.isNext(bytes, kcpAt, session.kcp)) {
      this.counters.replayed += 1;
      return false;
    }
    if (candidate?.session !== session) {
      const question = new PathQuestion(this.random, session.kcp.sndUna);
      candidate = { session, path, question, until: now + CANDIDATE_AGE, allowance: 0 };
      paths.add(candidate);
    }
    candidate.allowance += AMPLIFICATION * session.sink.sealedSize(end - kcpAt);
    candidate.question.hurry();
    if (now >= candidate.question.next && candidate.allowance >= session.sink.questionSize) this.#ask(candidate, now);
    return false;
  }

  #ask(candidate: Candidate, now: number): void {
    const { session } = candidate;
    candidate.allowance -= session.sink.questionSize;
    session.ask(candidate.question, candidate.path, now);
  }

  /** The session's home is where its peer has answered. */
  #move(session: Session, path: number): void {
    const paths = this.#paths;
    const from = session.path;
    const other = paths.get(path);
    if (other !== undefined && !other.established) this.closeSession(other, REPLACED);
    paths.remove(session);
    session.sink.path = path;
    paths.take(path, session);
    this.#census.remove(session.address);
    session.moveTo(this.addressOf(path));
    session.addressShare = this.#census.add(session.address, false);
    session.prove();
    this.counters.moves += 1;
    this.#events.push({ type: 'moved', session, from, to: path });
  }

  #noteChanges(session: Session): void {
    if (session.closed) return;
    if (!session.readableQueued && session.peek()) {
      session.readableQueued = true;
      this.#readable.push(session);
    }
    const drained = session.wantsDrained && session.drained;
    if (drained) session.wantsDrained = false;
    const roomy = session.wantsRoom;
    session.wantsRoom = false;
    // room() sets wantsRoom again when there is none yet.
    if ((roomy && session.room() > 0) || drained) this.#writable.push(session);
  }
}
