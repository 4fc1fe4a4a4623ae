// The send strategy of kcp-go (PROTOCOL kcp §6, §8.4-8.6): what to send or send again, and when to wake. It owns the
// sender's state; the receiver's role is elsewhere and the same for every strategy.
//
// The window is walked only when that can have an effect: a timeout is due, an ACK count says so, or the exact time of the
// next timeout is asked for and the segment that it was noted from is gone. The packets are those of a walk on every flush.

import { serialDiff } from '@kcptun/common';
import type { AckSample, CongestionController } from './congestion.ts';
import { CMD_PUSH, DEADLINK, FASTACK_DONE, INTERVAL_DEF, OVERHEAD, RESEND_NEVER, WND_RCV, WND_SND } from './constants.ts';
import { FAST_ACK_LOG_MAX, FastAcks } from './fast-acks.ts';
import type { PacketWriter } from './packet-writer.ts';
import { RttEstimator } from './rtt.ts';
import type { SegmentPool } from './segment-pool.ts';
import type { SendQuota } from './send-quota.ts';
import type { SendStrategy } from './send-strategy.ts';
import { SendWindow } from './send-window.ts';
import type { KcpStats } from './stats.ts';
import { TailProbe } from './tail-probe.ts';

/** Transmissions of a segment from which on another timeout counts as persistent loss. */
const PERSISTENT_XMIT = 3;
/** After a silence, so many segments become due again at a time. */
const EXPEDITED = 64;

/** The sender's half of a conversation. */
export class ClassicSender implements SendStrategy {
  readonly window: SendWindow;
  readonly rtt: RttEstimator = new RttEstimator();
  /** Send window in segments. */
  sndWnd: number = WND_SND;
  /** The peer's free window in segments. */
  rmtWnd: number = WND_RCV;
  /** Cap on segments in flight beside the windows. */
  inflightLimit: number = Number.POSITIVE_INFINITY;
  /** Whether timeouts grow by half instead of doubling. */
  nodelay = false;
  /** Fast-ack threshold, 0: none. */
  fastresend = 0;
  /** Flush interval in ms. */
  interval: number = INTERVAL_DEF;
  /** Largest payload of a segment in bytes. */
  mss: number;
  /** Whether a segment has been sent DEADLINK times. */
  deadLink = false;
  /** The congestion controller, if there is one. */
  congestion: CongestionController | undefined;
  /** Whether the end of a burst is sent again before its timeout. */
  probesTail = false;
  readonly #quota: SendQuota;
  readonly #pool: SegmentPool;
  readonly #stats: KcpStats;
  readonly #fastAcks: FastAcks;
  readonly #tail: TailProbe = new TailProbe();
  readonly #sample: AckSample = { now: 0, acked: 0, delivered: 0, lost: 0, rtt: -1, inflight: 0, wnd: 0, blocked: false };
  #sampledDelivered = 0;
  #sampledRetrans = 0;
  // Not later than the earliest timeout; the very timeout while segment `earliestSn` is pending and keeps its time.
  #earliest: number = Number.POSITIVE_INFINITY;
  #earliestSn = 0;
  #earliestKept = false;
  #walkDue = false;
  #fast = 0;
  #early = 0;
  #timeouts = 0;
  #persistent = false;
  // First segment of snd_buf when it was found to be acknowledged while una had not passed it, and when.
  #head = -1;
  #headAt = 0;

  constructor(
    pool: SegmentPool,
    stats: KcpStats,
    quota: SendQuota,
    startSn: number,
    mss: number,
    congestion: CongestionController | undefined,
  ) {
    this.#quota = quota;
    this.window = new SendWindow(pool, startSn);
    this.#fastAcks = new FastAcks(startSn);
    this.mss = mss;
    this.congestion = congestion;
    this.#pool = pool;
    this.#stats = stats;
  }

  get cwnd(): number {
    return this.congestion?.cwnd ?? Number.POSITIVE_INFINITY;
  }

  acknowledge(una: number): boolean {
    return this.window.acknowledge(una);
  }

  onProbe(now: number): void {
    this.congestion?.onProbe?.(now);
  }

  /** An ACK of (sn, ts) has arrived. Returns whether the collected ACKs had to be applied and ask for a flush. */
  onAck(sn: number, ts: number): boolean {
    if (!this.window.includes(sn)) return false;
    this.window.markAcked(sn);
    const due = this.#fastAcks.count === FAST_ACK_LOG_MAX && this.applyAcks();
    this.#fastAcks.add(sn, ts);
    return due;
  }

  /** Counts the ACKs collected since the last call; returns whether that asks for a full flush. */
  applyAcks(): boolean {
    return this.#fastAcks.apply(this.window, this.fastresend);
  }

  /** Whether ACKs were collected and not counted yet. */
  get acksCollected(): boolean {
    return this.#fastAcks.count > 0;
  }

  /** A packet has been taken in. `rtt`: -1 for none. */
  onInputEnd(now: number, unaAdvanced: boolean, rtt: number): void {
    const congestion = this.congestion;
    if (congestion === undefined) return;
    if (congestion.onAck !== undefined) {
      const sample = this.#sample;
      const delivered = this.window.delivered;
      sample.now = now;
      sample.acked = delivered - this.#sampledDelivered;
      sample.delivered = delivered;
      sample.lost = this.#stats.retransSegs - this.#sampledRetrans;
      sample.rtt = rtt;
      sample.inflight = this.window.inflight;
      sample.wnd = this.rmtWnd;
      sample.blocked = this.window.queued > 0;
      this.#sampledDelivered = delivered;
      this.#sampledRetrans = this.#stats.retransSegs;
      congestion.onAck(sample);
    }
    congestion.onInputEnd(unaAdvanced, this.rmtWnd, this.mss);
  }

  /** Sets what is not negative; the next full flush walks the window. */
  configure(nodelay: number, resend: number): void {
    if (nodelay >= 0) this.nodelay = nodelay !== 0;
    if (resend >= 0) this.fastresend = resend;
    this.#reconsider();
  }

  #reconsider(): void {
    this.#fastAcks.unsettle(this.window.una);
    this.#walkDue = true;
  }

  /** Gives all that waits for an acknowledgement the timeout of today, {@link EXPEDITED} segments now and as many each interval. */
  expedite(now: number): void {
    const cur = Math.floor(now);
    const window = this.window;
    const rto = this.rtt.rto;
    let count = 0;
    for (let sn = window.una; sn !== window.unsent; sn = (sn + 1) >>> 0) {
      const index = sn & window.mask;
      if (window.slot[index]! < 0) continue;
      const due = cur + Math.floor(count / EXPEDITED) * this.interval;
      window.resendts[index] = Math.min(window.resendts[index]!, due);
      window.rto[index] = rto;
      count += 1;
    }
    this.#reconsider();
  }

  /** Sends again what a single packet has acknowledged and a later one has not, from `una` on. */
  retract(cur: number, una: number): boolean {
    if (!this.window.retract(una)) return false;
    this.expedite(cur);
    return true;
  }

  /**
   * A packet has said `una`, in answer to something sent at `ts` (-1: it does not say). The first
   * segment of snd_buf cannot be acknowledged by itself if a later answer still misses it.
   */
  corroborate(cur: number, una: number, unaBefore: number, ts: number): void {
    const window = this.window;
    if (serialDiff(una, unaBefore) < 0) return;
    window.confirm(unaBefore);
    if (window.una === window.nxt || window.slot[window.una & window.mask]! >= 0) return;
    if (window.una !== this.#head) {
      this.#head = window.una;
      this.#headAt = cur;
    } else if (ts >= 0 && una === this.#head && serialDiff(ts, this.#headAt >>> 0) > 0 && this.rmtWnd > 0 && window.revive()) {
      this.#headAt = cur;
      this.expedite(cur);
    }
  }

  /** Steps 4-6 of a flush. Returns the ms until the next flush. */
  flush(now: number, full: boolean, writer: PacketWriter): number {
    const cur = Math.floor(now);
    const window = this.window;
    const congestion = this.congestion;
    // Step 4, also done when only acknowledgements go out.
    let limit = Math.min(this.sndWnd, this.rmtWnd);
    if (congestion !== undefined) limit = Math.min(limit, congestion.cwnd);
    let admitted = window.admit(Math.min(limit, this.inflightLimit));
    if (!full) return this.interval;
    // What the quota kept back is as new as what is admitted now.
    if (this.#quota.held) admitted = (window.nxt - window.unsent) >>> 0;
    this.#quota.held = false;
    this.#quota.kept = 0;

    // Step 5: what was sent before, if there is a reason to look at it; then what was never sent.
    if (this.#fastAcks.count > 0) this.applyAcks();
    this.#fast = 0;
    this.#early = 0;
    this.#timeouts = 0;
    const resent = this.fastresend > 0 ? this.fastresend : RESEND_NEVER;
    const fastAcks = this.#fastAcks;
    if (cur >= this.#earliest || this.#walkDue) {
      this.#earliest = Number.POSITIVE_INFINITY;
      this.#walkDue = false;
      this.#resend(window.una, window.unsent, cur, resent, admitted, writer);
    } else if (fastAcks.earlyDue && (fastAcks.fastDue || admitted === 0)) {
      const from = serialDiff(fastAcks.low, window.una) > 0 ? fastAcks.low : window.una;
      const end = (fastAcks.high + 1) >>> 0;
      this.#resend(from, serialDiff(end, window.unsent) < 0 ? end : window.unsent, cur, resent, admitted, writer);
    }
    if (window.unsent !== window.nxt) this.#sendNew(cur, resent, writer);
    if (this.#fast + this.#early + this.#timeouts > 0) this.#count(cur);
    if (this.probesTail) this.#lookAtTail(cur, writer);

    // Step 6.
    if (congestion !== undefined) {
      congestion.onFlushEnd(this.#fast, this.#early, this.#timeouts, window.inflight, limit, resent, this.mss);
    }
    return this.#untilNext(cur);
  }

  /** Not later than the earliest timeout, in ms; `Infinity` when nothing is in flight. */
  get earliest(): number {
    return this.window.una === this.window.nxt ? Number.POSITIVE_INFINITY : Math.min(this.#earliest, this.#tail.at);
  }

  /** Whether a full flush would send something right away: new data that the windows let out, or early retransmissions. */
  get due(): boolean {
    const window = this.window;
    if (window.unsent !== window.nxt || this.acksCollected) return true;
    if (window.una !== window.nxt && (this.#walkDue || this.#fastAcks.earlyDue)) return true;
    if (window.nxt === window.end) return false;
    let limit = Math.min(this.sndWnd, this.rmtWnd, this.inflightLimit);
    // The window of a controller that has not seen a flush yet may still be 0.
    if (this.congestion !== undefined) limit = Math.min(limit, Math.max(1, this.congestion.cwnd));
    return window.inflight < limit;
  }

  /** Gives all payload back. */
  clear(): void {
    this.window.clear();
    this.#fastAcks.clear(this.window.una);
    this.#earliest = Number.POSITIVE_INFINITY;
  }

  /** Walks segments that were sent before, all or those that ACKs have counted: retransmits, and notes the earliest timeout. */
  #resend(from: number, end: number, cur: number, resent: number, admitted: number, writer: PacketWriter): void {
    const window = this.window;
    const fastAcks = this.#fastAcks;
    const mask = window.mask;
    const fastacks = window.fastack;
    const resendts = window.resendts;
    const slots = window.slot;
    fastAcks.fastDue = false;
    fastAcks.earlyDue = false;
    for (let sn = from; serialDiff(sn, end) < 0; sn = (sn + 1) >>> 0) {
      const index = sn & mask;
      if (slots[index]! < 0) continue;
      const fastack = fastacks[index]!;
      const early = fastack > 0 && (fastack >= resent || admitted === 0);
      if ((early || cur >= resendts[index]!) && this.#quota.refuses(window.length[index]!)) {
        this.#holdResends(cur);
        return;
      }
      if (early) {
        // Not again before a timeout, or every further ACK would trigger another copy.
        fastacks[index] = FASTACK_DONE;
        window.rto[index] = this.rtt.rto;
        if (fastack >= resent) this.#fast += 1;
        else this.#early += 1;
        if (sn === this.#earliestSn) this.#earliestKept = false;
        this.#transmit(sn, index, cur, writer);
      } else if (cur >= resendts[index]!) {
        const rto = this.rtt.rto;
        window.rto[index] = window.rto[index]! + (this.nodelay ? rto >>> 1 : rto);
        fastacks[index] = 0;
        if (fastack === FASTACK_DONE) fastAcks.unsettle(window.una);
        this.#timeouts += 1;
        if (window.xmit[index]! >= PERSISTENT_XMIT) this.#persistent = true;
        this.#transmit(sn, index, cur, writer);
      } else if (fastack > 0) {
        fastAcks.note(sn);
      }
      this.#noteTimeout(sn, resendts[index]!);
    }
  }

  /** Transmits the segments of snd_buf that were never sent. */
  #sendNew(cur: number, resent: number, writer: PacketWriter): void {
    const window = this.window;
    const mask = window.mask;
    const due = cur + this.rtt.rto;
    for (let sn = window.unsent; sn !== window.nxt; sn = (sn + 1) >>> 0) {
      const index = sn & mask;
      if (window.slot[index]! < 0) continue;
      if (this.#quota.refuses(window.length[index]!)) {
        this.#quota.held = true;
        this.#quota.kept = (window.nxt - sn) >>> 0;
        window.unsent = sn;
        return;
      }
      window.rto[index] = this.rtt.rto;
      this.#transmit(sn, index, cur, writer);
      this.#noteTimeout(sn, due);
      // Only a peer that acknowledges what it cannot have got makes these counts.
      const fastack = window.fastack[index]!;
      if (fastack > 0) {
        this.#fastAcks.note(sn);
        if (fastack >= resent) this.#fastAcks.fastDue = true;
      }
    }
    window.unsent = window.nxt;
  }

  /** The next full flush walks the window again. */
  #holdResends(cur: number): void {
    this.#quota.held = true;
    this.#walkDue = true;
    this.#earliest = cur;
    this.#earliestKept = false;
  }

  /** Sends the first and the last segment that wait for their acknowledgements, when nothing was sent or acknowledged for long enough. */
  #lookAtTail(cur: number, writer: PacketWriter): void {
    const window = this.window;
    if (window.una === window.unsent) {
      this.#tail.rest();
      return;
    }
    if (!this.#tail.poll(cur, window.delivered, this.rtt, this.interval) || this.#quota.bytes <= 0 || this.#quota.strict) return;
    let last = (window.unsent - 1) >>> 0;
    while (last !== window.una && window.slot[last & window.mask]! < 0) last = (last - 1) >>> 0;
    let first = window.una;
    while (first !== last && window.slot[first & window.mask]! < 0) first = (first + 1) >>> 0;
    if (window.slot[first & window.mask]! < 0) return;
    const count = first === last ? 1 : 2;
    this.#transmit(first, first & window.mask, cur, writer);
    if (count === 2) this.#transmit(last, last & window.mask, cur, writer);
    this.#earliestKept = false;
    this.#stats.earlyRetransSegs += count;
    this.#stats.retransSegs += count;
  }

  #transmit(sn: number, index: number, cur: number, writer: PacketWriter): void {
    const window = this.window;
    const xmit = window.xmit[index]! + 1;
    const length = window.length[index]!;
    window.xmit[index] = xmit;
    window.ts[index] = cur;
    window.resendts[index] = cur + window.rto[index]!;
    this.#tail.lastSent = cur;
    writer.reserve(OVERHEAD + length);
    writer.header(CMD_PUSH, window.frg[index]!, cur, sn, length);
    writer.payload(this.#pool, window.slot[index]!, length);
    this.#quota.bytes -= OVERHEAD + length;
    this.#stats.outSegs += 1;
    if (xmit >= DEADLINK) this.deadLink = true;
    const congestion = this.congestion;
    if (congestion !== undefined && congestion.onSend !== undefined) congestion.onSend(sn, xmit > 1, length, cur);
  }

  #count(cur: number): void {
    const stats = this.#stats;
    stats.fastRetransSegs += this.#fast;
    stats.earlyRetransSegs += this.#early;
    stats.lostSegs += this.#timeouts;
    stats.retransSegs += this.#fast + this.#early + this.#timeouts;
    if (this.#persistent) this.congestion?.onPersistentLoss?.(cur);
    this.#persistent = false;
  }

  /** Ms from `cur` to the earliest timeout, at most the interval (PROTOCOL kcp §8: return value of FULL). */
  #untilNext(cur: number): number {
    if (this.window.una === this.window.nxt) this.#earliest = Number.POSITIVE_INFINITY;
    if (this.#earliest - cur >= this.interval) return this.interval;
    if (!this.#earliestKept || !this.window.pending(this.#earliestSn)) this.#findEarliest();
    return Math.min(this.interval, this.#earliest - cur);
  }

  #findEarliest(): void {
    const window = this.window;
    this.#earliest = Number.POSITIVE_INFINITY;
    for (let sn = window.una; sn !== window.unsent; sn = (sn + 1) >>> 0) {
      const index = sn & window.mask;
      if (window.slot[index]! >= 0) this.#noteTimeout(sn, window.resendts[index]!);
    }
  }

  #noteTimeout(sn: number, at: number): void {
    if (at >= this.#earliest) return;
    this.#earliest = at;
    this.#earliestSn = sn;
    this.#earliestKept = true;
  }
}
