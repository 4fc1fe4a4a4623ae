// One KCP session without a socket: KCP, its FEC encoder and decoder, and what an owner needs to move bytes. It is created and fed
// by an Endpoint; the owner reads and writes through it and is told by the endpoint's poll methods when to do so.
//
//   datagram (opened) -> [FEC decoder] -> Kcp -> peek/consume          write -> Kcp -> SessionSink -> batch -> socket

import { type ByteSink, type HasDeadline, MAX_DATAGRAM, readU16, readU32, serialDiff, WorkAccount } from '@kcptun/common';
import { FEC_HEADER_SIZE, FEC_TYPE_DATA, FEC_TYPE_OOB, FEC_TYPE_PARITY, type FecDecoder, FecEncoder, SentCounts } from '@kcptun/fec';
import { Kcp, OVERHEAD } from '@kcptun/kcp-core';
import type { CountsInto, SnmpSnapshot } from './counters.ts';
import type { EndpointContext } from './endpoint-options.ts';
import type { SessionError } from './errors.ts';
import { HomePath } from './home-path.ts';
import { flushPaced, Pacer } from './pacer.ts';
import { autoOptions, fecEnabled, kcpMtu } from './parameters.ts';
import { isQuestion, type PathQuestion } from './path-question.ts';
import { PeerProgress } from './peer-progress.ts';
import { type PeerState, PeerWatch, SEEN_AGAIN, SEEN_BEHIND } from './peer-watch.ts';
import { type AddressShare, MAX_SEGMENT_BURST, MAX_SEGMENT_WORK } from './segment-work.ts';
import { SessionFlight } from './session-flight.ts';
import { addCounts, type SessionStats, statsOf } from './session-stats.ts';
import type { PathUse } from './shared-paths.ts';
import { SessionSink } from './transmitter.ts';

/** Segments that one call of `Kcp.send` takes. */
const MOST_SEGMENTS = 255;
/** Fewest segments that wait unsent where the rate is limited, so that whole frames fit. */
const PACED_QUEUE_LEAST = 8;
/** One session. All methods are synchronous; time comes from the endpoint's turn. */
export class Session implements ByteSink, CountsInto, HasDeadline {
  /** Conversation id, equal at both ends. */
  readonly conv: number;
  /** Why the session ended, once it has. */
  error: SessionError | undefined;
  /** Whether the session has ended. */
  closed = false;
  /** Free for the owner: whatever belongs to this session. */
  owner: unknown = undefined;
  /** Time of the last packet that KCP accepted, in ms; before the first, when the session was opened. */
  lastReceived: number;
  /** Whether KCP has accepted a packet: the peer is there and has the same key. */
  heard = false;
  /** First unread byte, after `peek()` said true. Valid until `consume` or the end of the turn. */
  readBytes: Uint8Array = new Uint8Array(0);
  readOffset = 0;
  readLength = 0;

  /** Time at which the session was opened, in ms. */
  readonly openedAt: number;
  /** Whether the peer has shown that it means a session, see {@link establish}. Sessions that were opened at this end always have it. */
  established = false;
  /** @internal Whether the session was opened at this end. */
  active = false;

  /** The peer's address without its port; empty when it counts for no limit. Changes when the session moves. */
  address: string;
  /** @internal What it shares with other sessions of its address. */
  addressShare: AddressShare | undefined;
  /** @internal */ deadline = 0;
  /** @internal */ deadlineIndex = -1;
  /** @internal In the endpoint's list of the present turn. */
  touched = false;
  /** @internal In the endpoint's readable queue. */
  readableQueued = false;
  /** @internal */ readonly kcp: Kcp;
  /** @internal */ readonly sink: SessionSink;
  /** @internal The owner was told that there is no room. */
  wantsRoom = false;
  /** @internal The owner waits until everything is acknowledged. */
  wantsDrained = false;
  /** @internal New bytes were written since the last flush. */
  dirty = false;
  /** @internal The state that the owner was told last. */
  knownPeer: PeerState = 'unknown';
  /** @internal */ readonly watch: PeerWatch;
  /** @internal */ readonly progress: PeerProgress;

  readonly #context: EndpointContext;
  readonly #encoder: FecEncoder | undefined;
  #decoder: FecDecoder | undefined;
  /** Until it is decided with which shard counts this end sends. */
  #sentCounts: SentCounts | undefined;
  readonly #flight: SessionFlight;
  readonly #pacer: Pacer | undefined;
  /** In mode `auto`. */
  readonly #pathUse: PathUse | undefined;
  /** Bytes of segments in a byte of datagrams, on the average. */
  #share = 1;
  /** Segments that may wait unsent: twice what can leave at once, so that some are left when the writer is asked for more. */
  #pacedQueue = 0;
  readonly #work: WorkAccount = new WorkAccount(MAX_SEGMENT_WORK, MAX_SEGMENT_BURST);
  readonly #home: HomePath;
  #unread = false;
  #bytesSent = 0;
  #bytesReceived = 0;
  #datagramBytes = 0;

  /** @internal Sessions are made by an Endpoint. */
  constructor(context: EndpointContext, conv: number, path: number, address: string, now: number) {
    const p = context.parameters;
    this.#context = context;
    this.conv = conv;
    this.address = address;
    this.openedAt = now;
    this.lastReceived = now;
    this.#encoder = fecEnabled(p)
      ? new FecEncoder({
          dataShards: p.dataShards,
          parityShards: p.parityShards,
          ...context.memoryOption,
          ...(p.auto ? { policy: { parity: () => this.kcp.auto?.parity.count ?? 0 } } : {}),
        })
      : undefined;
    if (this.#encoder !== undefined && !p.keepShards) {
      this.#sentCounts = new SentCounts(p.dataShards, p.parityShards);
      this.#encoder.holdsParity = true;
    }
    this.#pathUse = context.paths?.join(context.addressOf(path), now);
    const overhead = context.crypt.headerSize + context.crypt.tagSize;
    this.sink = new SessionSink(context.transmitter, this.#encoder, path, overhead);
    this.kcp = new Kcp({
      conv,
      sink: this.sink,
      nodelay: p.nodelay,
      interval: p.interval,
      resend: p.resend,
      nc: p.nc,
      sndWnd: p.sndWnd,
      rcvWnd: p.rcvWnd,
      mtu: kcpMtu(p, overhead),
      stream: true,
      probesTail: true,
      doubts: true,
      repeatsAcks: p.auto,
      pool: context.segments,
      ...(p.auto ? { auto: autoOptions(p, this.#pathUse?.path) } : {}),
    });
    this.kcp.deferFlush = true;
    this.#home = new HomePath(this.kcp, this.sink, context.random);
    this.progress = new PeerProgress(now);
    this.watch = new PeerWatch(this.kcp.sndUna, now);
    this.#flight = new SessionFlight(this.kcp, p, context.flight, () => context.wake(this));
    this.#pacer = p.rateLimit > 0 && !p.auto ? new Pacer(p.rateLimit, Math.min(p.mtu, MAX_DATAGRAM), now) : undefined;
    this.#pace(p.dataShards, fecEnabled(p) ? p.parityShards : 0);
    if (this.#sentCounts !== undefined) this.kcp.auto?.parity.adopt(p.dataShards, 0);
  }

  /** Remote path of the peer, as the transport numbered it. */
  get path(): number {
    return this.sink.path;
  }

  /**
   * Tells that the peer has said something that makes sense to the owner. Until then a session that a peer opened is the first to give way when
   * there are too many, and ends by itself after `HALF_OPEN_TIMEOUT`. Idempotent.
   */
  establish(): void {
    if (this.established) return;
    this.established = true;
    this.#context.noteEstablished(this);
  }

  /** Whether the peer has shown that it is where its datagrams say. Until then little is sent there. */
  get proven(): boolean {
    return this.#home.proven;
  }

  /** In mode `auto`: what stands for the path, equal for all sessions that share it. */
  get sharedPath(): object | undefined {
    return this.#pathUse?.path;
  }

  /** What is known of the peer. A session that a peer opened never says `silent` or `restarted`. */
  get peer(): PeerState {
    return this.watch.state;
  }

  /** Whether it has not proven itself yet since {@link doubt}. */
  get challenged(): boolean {
    return this.watch.challenged;
  }

  /** The peer may be gone: it answers again once it has answered what is sent from `now` (ms) on. */
  doubt(now: number): void {
    this.watch.doubt(now, (this.kcp.sndUna + this.kcp.inflight) >>> 0);
  }

  /** Time of the last packet that the session's own peer sent, not one that has taken its place; ms. */
  get lastAnswered(): number {
    return this.watch.heardAt;
  }

  /** Bytes so far that its owner has written, and of datagrams that came, whether or not they can be read yet. */
  get bytesMoved(): number {
    return this.#bytesSent + this.#datagramBytes;
  }

  /** Segments that were written and have not been sent yet. */
  get unsent(): number {
    return this.kcp.waitSnd - this.kcp.inflight;
  }

  /** Whether everything written was acknowledged. */
  get drained(): boolean {
    return this.kcp.waitSnd === 0;
  }

  /** The sn that what is written next will have, or the end of what was written so far. */
  get writtenUpTo(): number {
    return (this.kcp.sndUna + this.kcp.waitSnd) >>> 0;
  }

  /** Whether the peer has acknowledged everything in front of an sn that {@link writtenUpTo} was. */
  hasDelivered(sn: number): boolean {
    return serialDiff(this.kcp.sndUna, sn) >= 0;
  }

  /** Asks to be named in `pollWritable` once everything written is acknowledged; without effect when `drained` is true already. */
  awaitDrained(): void {
    this.wantsDrained = !this.drained;
  }

  /**
   * How many bytes are welcome now. At 0 the session remembers that its owner waits, and the endpoint names it in `pollWritable` later.
   * The limit is the send window, and less while fewer segments may be in flight: what cannot leave soon is better kept by the writer.
   */
  room(): number {
    if (this.closed) return 0;
    const kcp = this.kcp;
    this.#flight.apply();
    let free = this.#flight.room;
    if (this.#pacer !== undefined) free = Math.min(free, this.#pacedQueue - kcp.quota.kept - (kcp.waitSnd - kcp.inflight));
    if (free > 0) return free * kcp.mss;
    this.wantsRoom = true;
    return 0;
  }

  /** Queues a copy of bytes for the peer. Nothing is refused: the caller minds `room()`. Sent at the end of the turn. */
  write(bytes: Uint8Array, offset: number, length: number): void {
    if (this.closed || length === 0) return;
    const kcp = this.kcp;
    const most = MOST_SEGMENTS * kcp.mss;
    for (let done = 0; done < length; done += most) kcp.send(bytes, offset + done, Math.min(most, length - done));
    this.#bytesSent += length;
    this.dirty = true;
    this.#context.touch(this);
  }

  /** Whether there are bytes to read; then `readBytes`, `readOffset` and `readLength` describe the first piece. */
  peek(): boolean {
    if (this.closed) return false;
    if (this.#unread) return true;
    const kcp = this.kcp;
    while (kcp.peekSegment()) {
      if (kcp.segmentLength === 0) {
        kcp.dropSegment(); // an empty PUSH is legal and delivers nothing (PROTOCOL kcp §11)
        continue;
      }
      this.readBytes = kcp.segmentBytes;
      this.readOffset = kcp.segmentOffset;
      this.readLength = kcp.segmentLength;
      this.#unread = true;
      return true;
    }
    return false;
  }

  /**
   * Takes `length` bytes (at most `readLength`) as read.
   * @throws {RangeError} when that is more than `peek` has shown
   */
  consume(length: number): void {
    if (!(length >= 0 && length <= this.readLength)) throw new RangeError(`length must be between 0 and ${this.readLength}, got ${length}`);
    this.#bytesReceived += length;
    this.readOffset += length;
    this.readLength -= length;
    if (this.readLength > 0 || !this.#unread) return;
    this.#unread = false;
    this.kcp.dropSegment();
    this.#context.touch(this);
  }

  /** Ends the session at this end: what is queued is sent once more, the peer is not told. Idempotent. */
  close(error?: SessionError): void {
    this.#context.closeSession(this, error);
  }

  /** A snapshot for logs and displays. */
  stats(): SessionStats {
    const recovered = this.#decoder?.stats.recovered ?? 0;
    return statsOf(this.conv, this.kcp, this.#flight.limit, recovered, this.#context.parameters.mtu);
  }

  countInto(snapshot: SnmpSnapshot): void {
    snapshot.BytesSent += this.#bytesSent;
    snapshot.BytesReceived += this.#bytesReceived;
    addCounts(snapshot, this.kcp, this.#decoder);
  }

  /** @internal Its home may be a made-up address: it is asked, and gets little until it has answered. */
  doubtPath(): void {
    this.#home.doubt();
  }

  /** @internal It follows its peer to another path. */
  moveTo(address: string): void {
    if (address !== this.address) this.#pathUse?.noteMoved();
    this.address = address;
  }

  /** @internal The home path has answered, here or somewhere before. */
  prove(): void {
    this.#home.prove();
    this.dirty = true;
    this.#context.noteProven(this);
  }

  /** @internal Puts a question to any path, whatever the limit of the home path is. */
  ask(question: PathQuestion, path: number, now: number): void {
    this.#home.ask(question, path, now);
  }

  /** @internal Takes one opened datagram: FEC data, FEC parity or a plain KCP packet. */
  handlePacket(bytes: Uint8Array, offset: number, length: number, now: number): void {
    const shared = this.addressShare?.segments;
    if (this.#work.allowance(now) <= 0 || (shared !== undefined && shared.allowance(now) <= 0)) {
      this.#context.counters.dropped += 1;
      return;
    }
    this.#datagramBytes += length;
    const type = readU16(bytes, offset + 4);
    if (this.#home.asks) this.#home.noteReceived(length);
    if (type === FEC_TYPE_DATA || type === FEC_TYPE_PARITY) {
      this.#handleFec(bytes, offset, length, type, now);
      return;
    }
    if (type === FEC_TYPE_OOB) {
      this.#context.counters.totals.OOBPackets += 1;
      return;
    }
    const accepted = this.#input(bytes, offset, length, now, true);
    // A question comes beside FEC whatever the peer sends.
    if (accepted && this.#sentCounts !== undefined && !isQuestion(bytes, offset, length)) {
      this.#sentCounts.notePlain();
      this.#chooseCounts(this.#sentCounts);
    }
  }

  /** @internal Once per turn, before the flush: adapts the in-flight limit and the least timeout to what was acknowledged. */
  adapt(now: number): void {
    this.#flight.adapt(now);
    this.#pathUse?.look(now);
  }

  /** @internal Once per turn, before the flush: asks a peer that does not answer. */
  lookAtPeer(now: number): void {
    if (!this.watch.look(now, this.kcp.inflight > 0, this.kcp.rto)) return;
    this.kcp.askWindow();
    this.dirty = true;
  }

  /** @internal Ends a turn: sends what is due and the rate allows. Returns when to come back, in ms; `undefined`: nothing waits. */
  flush(now: number): number | undefined {
    this.#flight.apply();
    const next = this.#flushHome(now);
    this.#flight.share(this.watch.doubted, this.wantsRoom);
    return this.#home.asks ? this.#home.askAgain(now, next) : next;
  }

  /** @internal Gives memory back; the endpoint has forgotten the session. */
  release(now: number): void {
    this.#decoder?.close();
    this.#encoder?.close();
    this.kcp.release();
    this.#pathUse?.leave(now);
    this.#flight.release();
  }

  #flushHome(now: number): number | undefined {
    if (!this.proven) return this.#flushUnproven(now);
    return this.#pacer === undefined ? this.#flushNow(now) : this.#flushPaced(this.#pacer, now);
  }

  #flushNow(now: number): number | undefined {
    const { kcp } = this;
    if (this.dirty) {
      this.dirty = false;
      kcp.flush(now);
    } else {
      kcp.flushDeferred(now);
    }
    return kcp.nextTimeout(now);
  }

  /** What goes to a path that has not answered: as much as the limit covers. The rest stays in the window. */
  #flushUnproven(now: number): number | undefined {
    const { sink } = this;
    const before = sink.written;
    this.#home.restrict(now);
    const next = this.#flushNow(now);
    this.#home.unrestrict();
    this.#pacer?.refill(now);
    this.#pacer?.spend(sink.written - before);
    return next;
  }

  #flushPaced(pacer: Pacer, now: number): number | undefined {
    const { dirty } = this;
    if (pacer.refill(now) > 0) this.dirty = false;
    return flushPaced(pacer, this.kcp, this.sink, this.#share, dirty, now);
  }

  #handleFec(bytes: Uint8Array, offset: number, length: number, type: number, now: number): void {
    this.#decoder ??= this.#context.createDecoder();
    if (type === FEC_TYPE_DATA) this.#input(bytes, offset + FEC_HEADER_SIZE, length - FEC_HEADER_SIZE, now, true);
    if (this.#sentCounts !== undefined) {
      this.#sentCounts.note(type === FEC_TYPE_DATA, readU32(bytes, offset));
      this.#chooseCounts(this.#sentCounts);
    }
    const decoder = this.#decoder;
    const rebuilt = decoder.decode(bytes, offset, length, now);
    for (let index = 0; index < rebuilt; index++) {
      this.#input(decoder.recoveredBytes, decoder.recoveredOffset(index), decoder.recoveredLength(index), now, false);
    }
  }

  /** Sends as was decided, once it is. */
  #chooseCounts({ decision, dataShards, parityShards }: SentCounts): void {
    const encoder = this.#encoder;
    if (decision === 'open' || encoder === undefined) return;
    this.#sentCounts = undefined;
    encoder.holdsParity = decision === 'silent';
    this.kcp.auto?.parity.adopt(dataShards, parityShards);
    if (decision === 'own') return;
    if (decision === 'follow') {
      encoder.changeShards(dataShards, parityShards);
      this.#decoder?.adopt(dataShards, parityShards);
    }
    this.#pace(dataShards, parityShards);
    this.#context.noteShards(this, dataShards, parityShards);
  }

  #pace(dataShards: number, parityShards: number): void {
    const mtu = Math.min(this.#context.parameters.mtu, MAX_DATAGRAM);
    this.#pacer?.expectParity(parityShards);
    this.#share = (this.kcp.mtu / mtu) * (parityShards > 0 ? dataShards / (dataShards + parityShards) : 1);
    this.#pacedQueue = Math.max(PACED_QUEUE_LEAST, Math.ceil((2 * (this.#pacer?.most ?? 0)) / mtu));
  }

  /** Returns whether KCP took the packet. */
  #input(bytes: Uint8Array, offset: number, length: number, now: number, regular: boolean): boolean {
    const { watch, kcp } = this;
    if (regular && length >= OVERHEAD) {
      this.progress.note(bytes[offset + 4]!, readU32(bytes, offset + 8));
      if (this.#home.asks) this.#lookForAnswer(bytes, offset, length, now);
    }
    const { stats } = kcp;
    const before = stats.inSegs;
    const result = length < OVERHEAD ? -1 : kcp.input(bytes, offset, length, now, regular, this.#context.parameters.ackNoDelay);
    // A faulty packet counts for no segments there; it may have held as many as fit.
    const looked = result < 0 ? Math.ceil(length / OVERHEAD) : stats.inSegs - before;
    this.#work.spend(looked);
    this.addressShare?.segments.spend(looked);
    if (result < 0) {
      this.#context.counters.totals.KCPInErrors += 1;
      return false;
    }
    this.lastReceived = now;
    this.heard = true;
    // A packet that FEC rebuilt comes late and tells nothing new.
    if (!regular) return true;
    const una = readU32(bytes, offset + 16);
    const seen = watch.handlePacket(bytes[offset + 4]!, readU32(bytes, offset + 8), una, kcp.sndUna, now);
    if (seen === SEEN_AGAIN) kcp.expedite(now);
    else if (seen === SEEN_BEHIND && !this.#takeBack(una, now) && watch.asks) this.#home.question();
    return true;
  }

  /** An answer comes from who got the question: it proves the path, and its una is the peer's. */
  #lookForAnswer(bytes: Uint8Array, offset: number, length: number, now: number): void {
    const una = this.#home.answeredBy(bytes, offset, offset + length);
    if (una < 0) return;
    if (!this.proven) this.prove();
    const { watch, kcp } = this;
    if (!watch.asks || serialDiff(una, kcp.sndUna) >= 0 || this.#takeBack(una, now)) return;
    watch.handleBehind(kcp.sndUna, false, now);
  }

  /**
   * Takes back what one packet has acknowledged and the peer, as others show, has not. A peer that
   * starts over has una 0: it must not get again what another may have acted on.
   */
  #takeBack(una: number, now: number): boolean {
    if (una === 0 || !this.kcp.retract(una, now)) return false;
    this.watch.handleBehind(this.kcp.sndUna, true, now);
    return true;
  }
}
