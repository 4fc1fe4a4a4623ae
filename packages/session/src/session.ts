// One KCP session without a socket: KCP, its FEC encoder and decoder, and what an owner needs to move bytes. It is created and fed
// by an Endpoint; the owner reads and writes through it and is told by the endpoint's poll methods when to do so.
//
//   datagram (opened) -> [FEC decoder] -> Kcp -> peek/consume          write -> Kcp -> SessionSink -> batch -> socket

import { type ByteSink, type HasDeadline, MAX_DATAGRAM, readU16, readU32, WorkAccount } from '@kcptun/common';
import { FEC_HEADER_SIZE, FEC_TYPE_DATA, FEC_TYPE_OOB, FEC_TYPE_PARITY, type FecDecoder, FecEncoder, SentCounts } from '@kcptun/fec';
import { Kcp, OVERHEAD } from '@kcptun/kcp-core';
import type { CountsInto, SnmpSnapshot } from './counters.ts';
import type { EndpointContext } from './endpoint-options.ts';
import type { SessionError } from './errors.ts';
import type { FlightBudget, FlightUser } from './flight-budget.ts';
import { InflightLimit } from './inflight.ts';
import { Pacer } from './pacer.ts';
import { fecEnabled, kcpMtu } from './parameters.ts';
import { PeerProgress } from './peer-progress.ts';
import { type PeerState, PeerWatch } from './peer-watch.ts';
import { RtoFloor } from './rto-floor.ts';
import { MAX_SEGMENT_BURST, MAX_SEGMENT_WORK } from './segment-work.ts';
import { SessionSink } from './transmitter.ts';

/** Segments that may wait unsent beyond what may be in flight: enough to fill the next flush, no more, because they only add delay. */
const QUEUE_SLACK = 64;

/** Segments that one call of `Kcp.send` takes. */
const MOST_SEGMENTS = 255;

/** Fewest segments that wait unsent where the rate is limited, so that whole frames fit. */
const PACED_QUEUE_LEAST = 8;

/** State of a session as an observer sees it; times in ms. */
export interface SessionStats {
  readonly conv: number;
  /** Smoothed round-trip time and retransmission timeout. */
  readonly srtt: number;
  readonly rto: number;
  /** Segments queued or unacknowledged, and the limit on those in flight. */
  readonly waitSnd: number;
  readonly inflightLimit: number;
  readonly inSegs: number;
  readonly outSegs: number;
  readonly retransSegs: number;
  readonly fecRecovered: number;
}

/** One session. All methods are synchronous; time comes from the endpoint's turn. */
export class Session implements ByteSink, CountsInto, HasDeadline, FlightUser {
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

  /** @internal The peer's address without its port; empty when it counts for no limit. */
  address: string;
  /** @internal */ deadline = 0;
  /** @internal */ deadlineIndex = -1;
  /** @internal Set while the endpoint has the session in its list of the present turn. */
  touched = false;
  /** @internal Set while the endpoint has the session in its readable queue. */
  readableQueued = false;
  /** @internal */ readonly kcp: Kcp;
  /** @internal */ readonly sink: SessionSink;
  /** @internal The owner was told that there is no room. */
  wantsRoom = false;
  /** @internal The owner waits until everything is acknowledged. */
  wantsDrained = false;
  /** @internal New bytes were written since the last flush. */
  dirty = false;
  /** @internal */ flight = 0;
  /** @internal */ granted = 0;
  /** @internal */ inLine = false;
  /** @internal The state that the owner was told last. */
  knownPeer: PeerState = 'unknown';
  /** @internal */ readonly watch: PeerWatch;
  /** @internal */ readonly progress: PeerProgress;

  readonly #context: EndpointContext;
  readonly #encoder: FecEncoder | undefined;
  #decoder: FecDecoder | undefined;
  /** Until it is decided with which shard counts this end sends. */
  #sentCounts: SentCounts | undefined;
  readonly #inflight: InflightLimit;
  readonly #rtoFloor: RtoFloor = new RtoFloor();
  readonly #minRto: number;
  readonly #pacer: Pacer | undefined;
  /** Bytes of segments in a byte of datagrams, on the average. */
  #share = 1;
  /** Segments that may wait unsent: twice what can leave at once, so that some are left when the writer is asked for more. */
  #pacedQueue = 0;
  readonly #work: WorkAccount = new WorkAccount(MAX_SEGMENT_WORK, MAX_SEGMENT_BURST);
  #unread = false;
  #bytesSent = 0;
  #bytesReceived = 0;
  #ackedBefore = 0;
  #retransBefore = 0;

  /** @internal Sessions are made by an Endpoint. */
  constructor(context: EndpointContext, conv: number, path: number, address: string, now: number) {
    const p = context.parameters;
    this.#context = context;
    this.conv = conv;
    this.address = address;
    this.openedAt = now;
    this.lastReceived = now;
    this.#encoder = fecEnabled(p)
      ? new FecEncoder({ dataShards: p.dataShards, parityShards: p.parityShards, ...context.memoryOption })
      : undefined;
    if (this.#encoder !== undefined && !p.keepShards) {
      this.#sentCounts = new SentCounts(p.dataShards, p.parityShards);
      this.#encoder.holdsParity = true;
    }
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
      pool: context.segments,
    });
    this.kcp.deferFlush = true;
    this.progress = new PeerProgress(now);
    this.watch = new PeerWatch(this.kcp.sndUna, now);
    this.#minRto = this.kcp.minRto;
    this.#inflight = new InflightLimit(p.inflightFloor, p.interval);
    this.kcp.inflightLimit = this.#inflight.limit;
    this.#pacer = p.rateLimit > 0 ? new Pacer(p.rateLimit, Math.min(p.mtu, MAX_DATAGRAM), now) : undefined;
    this.#pace(p.dataShards, fecEnabled(p) ? p.parityShards : 0);
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

  /** Segments that were written and have not been sent yet. */
  get unsent(): number {
    return this.kcp.waitSnd - this.kcp.inflight;
  }

  /** Whether everything written was acknowledged. */
  get drained(): boolean {
    return this.kcp.waitSnd === 0;
  }

  /** Asks to be named in `pollWritable` once everything written is acknowledged; without effect when `drained` is true already. */
  awaitDrained(): void {
    this.wantsDrained = !this.drained;
  }

  /**
   * How many bytes are welcome now. At 0 the session remembers that its owner waits, and the endpoint names it in `pollWritable` later.
   * The limit is the send window, and less while fewer segments may be in flight: what can not leave soon is better kept by the writer.
   */
  room(): number {
    if (this.closed) return 0;
    const kcp = this.kcp;
    this.#limitFlight();
    const limit = Math.min(kcp.sndWnd, kcp.inflightLimit + Math.min(kcp.inflightLimit, QUEUE_SLACK));
    let free = limit - kcp.waitSnd;
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
    const { kcp } = this;
    return {
      conv: this.conv,
      srtt: kcp.srtt,
      rto: kcp.rto,
      waitSnd: kcp.waitSnd,
      inflightLimit: this.#inflight.limit,
      inSegs: kcp.stats.inSegs,
      outSegs: kcp.stats.outSegs,
      retransSegs: kcp.stats.retransSegs,
      fecRecovered: this.#decoder?.stats.recovered ?? 0,
    };
  }

  countInto(snapshot: SnmpSnapshot): void {
    const { stats } = this.kcp;
    snapshot.BytesSent += this.#bytesSent;
    snapshot.BytesReceived += this.#bytesReceived;
    snapshot.InSegs += stats.inSegs;
    snapshot.OutSegs += stats.outSegs;
    snapshot.RetransSegs += stats.retransSegs;
    snapshot.FastRetransSegs += stats.fastRetransSegs;
    snapshot.EarlyRetransSegs += stats.earlyRetransSegs;
    snapshot.LostSegs += stats.lostSegs;
    snapshot.RepeatSegs += stats.repeatSegs;
    snapshot.RingBufferSndQueue += this.kcp.waitSnd - this.kcp.inflight;
    snapshot.RingBufferRcvQueue += this.kcp.readable;
    snapshot.RingBufferSndBuffer += this.kcp.inflight;
    const fec = this.#decoder?.stats;
    if (fec === undefined) return;
    snapshot.FECFullShards += fec.fullShards;
    snapshot.FECParityShards += fec.parityShards;
    snapshot.FECErrs += fec.errs;
    snapshot.FECRecovered += fec.recovered;
    snapshot.FECShardSet += fec.shardSets;
    snapshot.FECShardMin = fec.shardMin;
  }

  /** @internal Takes one opened datagram: FEC data, FEC parity or a plain KCP packet. */
  handlePacket(bytes: Uint8Array, offset: number, length: number, now: number): void {
    if (this.#work.allowance(now) <= 0) {
      this.#context.counters.dropped += 1;
      return;
    }
    const type = readU16(bytes, offset + 4);
    if (type === FEC_TYPE_DATA || type === FEC_TYPE_PARITY) {
      this.#handleFec(bytes, offset, length, type, now);
      return;
    }
    if (type === FEC_TYPE_OOB) {
      this.#context.counters.totals.OOBPackets += 1;
      return;
    }
    const accepted = this.#input(bytes, offset, length, now, true);
    if (accepted && this.#sentCounts !== undefined) {
      this.#sentCounts.notePlain();
      this.#chooseCounts(this.#sentCounts);
    }
  }

  /** @internal Once per turn, before the flush: adapts the in-flight limit and the least timeout to what was acknowledged. */
  adapt(now: number): void {
    const kcp = this.kcp;
    const acked = kcp.delivered;
    const retrans = kcp.stats.retransSegs;
    if (acked === this.#ackedBefore && retrans === this.#retransBefore) return;
    const newlyAcked = acked - this.#ackedBefore;
    const outstanding = kcp.inflight - kcp.ackedAhead + newlyAcked;
    const lost = retrans - this.#retransBefore;
    this.#inflight.handleAcks(now, newlyAcked, lost, kcp.srtt, outstanding);
    this.#ackedBefore = acked;
    this.#retransBefore = retrans;
    const budget = this.#context.flight;
    if (budget !== undefined) {
      budget.handleAcks(now, newlyAcked, lost, kcp.srtt);
      budget.report(this, kcp.inflight - kcp.ackedAhead);
    }
    kcp.minRto = Math.max(this.#minRto, this.#rtoFloor.handleAcks(now, kcp.ackTimes) + kcp.interval);
  }

  /** @internal Once per turn, before the flush: asks a peer that does not answer. */
  lookAtPeer(now: number): void {
    if (!this.watch.look(now, this.kcp.inflight > 0, this.kcp.rto)) return;
    this.kcp.askWindow();
    this.dirty = true;
  }

  /** @internal Ends a turn: sends what is due and the rate allows. Returns when to come back, in ms; `undefined`: nothing waits. */
  flush(now: number): number | undefined {
    const budget = this.#context.flight;
    this.#limitFlight();
    const next = this.#pacer === undefined ? this.#flushNow(now) : this.#flushPaced(this.#pacer, now);
    if (budget !== undefined) this.#shareFlight(budget);
    return next;
  }

  /** @internal The budget lets it send more. */
  wake(): void {
    this.#context.wake(this);
  }

  /** Sets how many segments may be in flight. The window reaches back to the first hole: what was acknowledged behind it is not on the wire any more. */
  #limitFlight(): void {
    const { kcp } = this;
    const own = this.#inflight.limit;
    const budget = this.#context.flight;
    kcp.inflightLimit = (budget === undefined ? own : Math.min(own, budget.allowance(this, kcp.waitSnd - kcp.ackedAhead))) + kcp.ackedAhead;
  }

  /** After a flush: what is in flight now, and whether more would be if others had less. */
  #shareFlight(budget: FlightBudget): void {
    const { kcp } = this;
    const outstanding = kcp.inflight - kcp.ackedAhead;
    budget.settle(this);
    // What goes to a peer that does not answer any more is not on the wire for long, and must not keep others waiting.
    budget.report(this, this.watch.doubted ? 0 : outstanding);
    const more = this.wantsRoom || kcp.waitSnd > kcp.inflight;
    if (more && kcp.inflight >= kcp.inflightLimit && outstanding < this.#inflight.limit) budget.queue(this);
  }

  /** @internal Gives memory back; the endpoint has forgotten the session. */
  release(): void {
    this.#decoder?.close();
    this.#encoder?.close();
    this.kcp.release();
    const budget = this.#context.flight;
    if (budget === undefined) return;
    budget.settle(this);
    budget.report(this, 0);
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

  #flushPaced(pacer: Pacer, now: number): number | undefined {
    const { kcp, sink } = this;
    const balance = pacer.refill(now);
    const before = sink.written;
    if (balance > 0) {
      kcp.quota.bytes = balance * this.#share;
      if (this.dirty) kcp.flush(now);
      else kcp.flushDeferred(now);
      this.dirty = false;
      pacer.spend(sink.written - before);
    } else {
      kcp.quota.held = true;
      const acksDue = kcp.nextTimeout(now);
      if (acksDue !== undefined && acksDue <= now && pacer.acksMayLeave) {
        kcp.flush(now, true);
        pacer.spendOnAcks(sink.written - before);
      }
    }
    const next = kcp.nextTimeout(now);
    const release = Math.max(now, pacer.releaseAt);
    if (!kcp.quota.held) return next;
    return next === undefined ? release : Math.min(release, Math.max(next, pacer.acksReleaseAt));
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
    if (regular && length >= OVERHEAD) this.progress.note(bytes[offset + 4]!, readU32(bytes, offset + 8));
    const { stats } = this.kcp;
    const before = stats.inSegs;
    const result = length < OVERHEAD ? -1 : this.kcp.input(bytes, offset, length, now, regular, this.#context.parameters.ackNoDelay);
    // A faulty packet counts for no segments there; it may have held as many as fit.
    this.#work.spend(result < 0 ? Math.ceil(length / OVERHEAD) : stats.inSegs - before);
    if (result < 0) {
      this.#context.counters.totals.KCPInErrors += 1;
      return false;
    }
    this.lastReceived = now;
    this.heard = true;
    // A packet that FEC rebuilt comes late and tells nothing new.
    if (!regular) return true;
    const { watch, kcp } = this;
    if (watch.handlePacket(bytes[offset + 4]!, readU32(bytes, offset + 8), readU32(bytes, offset + 16), kcp.sndUna, now)) kcp.expedite(now);
    return true;
  }
}
