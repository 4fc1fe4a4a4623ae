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
  checkInteger,
  Deadlines,
  DROPPED,
  type KernelMemory,
  type PacketBatch,
  type RandomSource,
  Ring,
  readU16,
  readU32,
} from '@kcptun/common';
import type { PacketCrypt } from '@kcptun/crypt';
import { FEC_HEADER_SIZE, FEC_TYPE_DATA, FEC_TYPE_OOB, FEC_TYPE_PARITY, FecDecoder, FecEncoder } from '@kcptun/fec';
import { CMD_PUSH, CMD_WINS, OVERHEAD, SegmentPool } from '@kcptun/kcp-core';
import { Counters } from './counters.ts';
import { SessionError } from './errors.ts';
import { fecEnabled, kcpMtu, type SessionParameters } from './parameters.ts';
import { Session } from './session.ts';
import { type TransmitBatch, Transmitter } from './transmitter.ts';

/** Most sessions of one server endpoint; first packets of further ones are dropped. */
export const MAX_SESSIONS = 16_384;
/** Most sessions that are opened and not yet fetched by `pollEvent` (upstream's accept queue). */
export const ACCEPT_BACKLOG = 128;

/** Options of {@link Endpoint}. */
export interface EndpointOptions {
  /** A client opens its sessions itself and accepts none. */
  readonly role: 'client' | 'server';
  readonly crypt: PacketCrypt;
  readonly parameters: SessionParameters;
  /** Sends a sealed batch; see {@link TransmitBatch}. */
  readonly transmit: TransmitBatch;
  /** Source of the conversation ids of opened sessions. */
  readonly random: RandomSource;
  /** Memory for batches and kernels; by default the endpoint has its own. */
  readonly memory?: KernelMemory;
  /** Shared counters of the program; by default the endpoint has its own. */
  readonly counters?: Counters;
  /** Most sessions that peers may open at a time, 1 to {@link MAX_SESSIONS}, which is the default. */
  readonly maxSessions?: number;
}

/** What a session can reach of its endpoint. @internal */
export interface EndpointContext {
  readonly crypt: PacketCrypt;
  readonly parameters: SessionParameters;
  readonly transmitter: Transmitter;
  readonly counters: Counters;
  readonly memoryOption: { memory?: KernelMemory };
  readonly segments: SegmentPool;
  createDecoder(): FecDecoder;
  touch(session: Session): void;
  closeSession(session: Session, error: SessionError | undefined): void;
}

/** A session came or went. */
export interface SessionEvent {
  readonly type: 'opened' | 'closed';
  readonly session: Session;
  /** Why it ended; `undefined` when it was closed by its owner. */
  readonly error?: SessionError;
}

/** All sessions of one socket. */
export class Endpoint implements EndpointContext {
  readonly crypt: PacketCrypt;
  readonly parameters: SessionParameters;
  /** @internal */ readonly transmitter: Transmitter;
  readonly counters: Counters;
  /** @internal Payload memory of all sessions. */ readonly segments: SegmentPool = new SegmentPool();
  /** @internal */ readonly memoryOption: { memory?: KernelMemory };
  readonly #role: 'client' | 'server';
  readonly #random: RandomSource;
  readonly #maxSessions: number;
  readonly #byPath: Map<number, Session> = new Map();
  readonly #deadlines: Deadlines<Session> = new Deadlines();
  readonly #events: Ring<SessionEvent> = new Ring();
  readonly #readable: Ring<Session> = new Ring();
  readonly #writable: Ring<Session> = new Ring();
  readonly #forgotten: Ring<number> = new Ring();
  readonly #touched: Session[] = [];
  #unaccepted = 0;
  #refused = 0;
  #foreign = 0;
  #closed = false;

  /**
   * @throws {SessionError} KCPTUN_ERR_SESSION_MTU when mtu leaves no room for payload
   * @throws {KcptunError} KCPTUN_ERR_ARENA_FULL when `memory` has no room for what FEC needs in any case (10 KiB, once)
   * @throws {RangeError} when `maxSessions` is out of range
   */
  constructor(options: EndpointOptions) {
    this.crypt = options.crypt;
    this.parameters = options.parameters;
    this.counters = options.counters ?? new Counters();
    this.memoryOption = options.memory === undefined ? {} : { memory: options.memory };
    this.#role = options.role;
    this.#random = options.random;
    this.#maxSessions = checkInteger(options.maxSessions ?? MAX_SESSIONS, 'maxSessions', 1, MAX_SESSIONS);
    kcpMtu(options.parameters, options.crypt.headerSize + options.crypt.tagSize);
    // What FEC sets aside for good in a memory: now, so that a memory without room is found here and not by a peer's first packet.
    new FecEncoder({ dataShards: 1, parityShards: 1, ...this.memoryOption }).close();
    this.transmitter = new Transmitter(options.crypt, options.transmit, this.counters, options.memory);
  }

  /** Number of live sessions. */
  get sessionCount(): number {
    return this.#byPath.size;
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

  /** Live sessions, for displays. */
  sessions(): Iterable<Session> {
    return this.#byPath.values();
  }

  /**
   * Opens a session to `path` with a random conv. The peer learns of it by the first data.
   * @throws {RangeError} when a session is open on this path
   */
  open(path: number, now: number): Session {
    if (this.#byPath.has(path)) throw new RangeError(`path must have no open session, got ${path}`);
    this.transmitter.now = now;
    const conv = new Uint8Array(4);
    this.#random(conv);
    return this.#create(readU32(conv, 0), path, now, true);
  }

  /** Takes received datagrams; the batch is opened in place and free again when this returns. */
  handleDatagrams(batch: PacketBatch, now: number): void {
    this.transmitter.now = now;
    const totals = this.counters.totals;
    const refused = this.crypt.open(batch);
    totals.InCsumErrors += refused;
    this.#refused += refused;
    for (let index = 0; index < batch.count; index++) {
      const length = batch.length[index]!;
      const path = batch.path[index]!;
      if (length === DROPPED) {
        this.#noteUnmatched(path);
        continue;
      }
      totals.InPkts += 1;
      totals.InBytes += length;
      const session = this.#route(batch.bytes, batch.offset[index]!, length, path, now);
      if (session === undefined) {
        this.counters.dropped += 1;
        if (isForeign(batch.bytes, batch.offset[index]!, length)) this.#foreign += 1;
        this.#noteUnmatched(path);
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
    for (let session = this.#deadlines.pollDue(now); session !== undefined; session = this.#deadlines.pollDue(now)) {
      session.dirty = true;
      this.touch(session);
    }
  }

  /** When `handleTimeout` must be called, in ms. */
  nextTimeout(): number | undefined {
    return this.#deadlines.next;
  }

  /** The next session that was opened by a peer or has ended. */
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
    for (let path = this.#forgotten.shift(); path !== undefined; path = this.#forgotten.shift()) {
      // One packet of a path may be dropped and a later one open a session.
      if (!this.#byPath.has(path)) return path;
    }
    return undefined;
  }

  /** Ends a turn: every session that something happened to is flushed once, and full or not, the last batch is sent. */
  flush(now: number): void {
    this.transmitter.now = now;
    const touched = this.#touched;
    for (let index = 0; index < touched.length; index++) {
      const session = touched[index]!;
      session.touched = false;
      if (session.closed) continue;
      const kcp = session.kcp;
      session.adapt(now);
      if (session.dirty) {
        session.dirty = false;
        kcp.flush(now);
      } else {
        kcp.flushDeferred(now);
      }
      this.#deadlines.set(session, kcp.nextTimeout(now));
    }
    touched.length = 0;
    this.transmitter.flush();
  }

  /** Closes all sessions and gives memory back; the cipher stays with whoever made it. Afterwards only events can be polled. Idempotent. */
  close(now: number, error?: SessionError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.transmitter.now = now;
    for (const session of [...this.#byPath.values()]) this.closeSession(session, error);
    this.transmitter.flush();
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
    session.kcp.flush(this.transmitter.now);
    this.counters.closed(session);
    session.closed = true;
    session.error = error;
    this.#deadlines.set(session, undefined);
    if (this.#byPath.get(session.path) === session) {
      this.#byPath.delete(session.path);
      this.#forgotten.push(session.path);
    }
    session.release();
    this.#events.push(error === undefined ? { type: 'closed', session } : { type: 'closed', session, error });
  }

  /** @internal A decoder that starts with our own shard counts, or 1+1 where FEC is off here, and adapts to the peer. */
  createDecoder(): FecDecoder {
    const p = this.parameters;
    const enabled = fecEnabled(p);
    return new FecDecoder({
      dataShards: enabled ? p.dataShards : 1,
      parityShards: enabled ? p.parityShards : 1,
      ...this.memoryOption,
    });
  }

  /** The session a packet belongs to, opened on the spot where the rules of PROTOCOL session §2 say so; `undefined`: drop it. */
  #route(bytes: Uint8Array, offset: number, length: number, path: number, now: number): Session | undefined {
    if (length < OVERHEAD) {
      if (this.#role === 'client') this.counters.totals.KCPInErrors += 1;
      return undefined;
    }
    const session = this.#byPath.get(path);
    const type = readU16(bytes, offset + 4);
    let kcpAt = offset;
    if (type === FEC_TYPE_DATA && length >= OVERHEAD + FEC_HEADER_SIZE) kcpAt = offset + FEC_HEADER_SIZE;
    else if (type === FEC_TYPE_DATA || type === FEC_TYPE_PARITY || type === FEC_TYPE_OOB) return session;
    const conv = readU32(bytes, kcpAt);
    if (session !== undefined && session.conv === conv) return session;
    if (this.#role === 'client' || !isOpening(bytes, kcpAt, offset + length)) return undefined;
    if (session !== undefined) {
      if (readU32(bytes, kcpAt + 12) !== 0) return undefined;
      this.closeSession(session, new SessionError('KCPTUN_ERR_SESSION_REPLACED', 'the peer opened another session from the same address'));
    }
    if (this.#unaccepted >= ACCEPT_BACKLOG || this.#byPath.size >= this.#maxSessions) return undefined;
    return this.#create(conv, path, now, false);
  }

  #create(conv: number, path: number, now: number, active: boolean): Session {
    const session = new Session(this, conv, path, now);
    this.#byPath.set(path, session);
    this.counters.opened(session, active);
    if (!active) {
      this.#unaccepted += 1;
      this.#events.push({ type: 'opened', session });
    }
    return session;
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

  #noteUnmatched(path: number): void {
    if (!this.#byPath.has(path)) this.#forgotten.push(path);
  }
}

/** Whether a datagram is neither FEC nor KCP: what ended sessions and foreign convs send late is not meant. */
function isForeign(bytes: Uint8Array, offset: number, length: number): boolean {
  if (length < OVERHEAD) return true;
  const type = readU16(bytes, offset + 4);
  if (type === FEC_TYPE_DATA || type === FEC_TYPE_PARITY || type === FEC_TYPE_OOB) return false;
  return !isOpening(bytes, offset, offset + length);
}

/** Whether a KCP packet is well formed enough to open a session: a known command and a length that fits. */
function isOpening(bytes: Uint8Array, offset: number, end: number): boolean {
  const cmd = bytes[offset + 4]!;
  return cmd >= CMD_PUSH && cmd <= CMD_WINS && readU32(bytes, offset + 20) <= end - offset - OVERHEAD;
}
