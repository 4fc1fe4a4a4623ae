// The auto strategy: what leaves is decided by a rate, and what is lost by what arrived after it.
//
//   acknowledgements -> InFlight: what has arrived, what is lost
//                           \-> RateController: rate, in flight, parity
//   flush -> copies that are due -> lost segments -> new segments, as long as there are tokens
//
// Nothing waits behind the pace: what may not leave yet stays in the window, unsent.

import { serialDiff } from '@kcptun/common';
import { CMD_PUSH, DEADLINK, OVERHEAD, WND_RCV, WND_SND } from '../constants.ts';
import type { PacketWriter } from '../packet-writer.ts';
import { RttEstimator } from '../rtt.ts';
import type { SegmentPool } from '../segment-pool.ts';
import type { SendQuota } from '../send-quota.ts';
import type { SendStrategy } from '../send-strategy.ts';
import { SendWindow } from '../send-window.ts';
import type { KcpStats } from '../stats.ts';
import type { AckReport } from './ack-report.ts';
import { CopyQueue } from './copy-queue.ts';
import { retransmissionCopies, TailBudget, tailCopies } from './copy-rules.ts';
import { InFlight } from './in-flight.ts';
import { ParityChooser } from './parity-chooser.ts';
import { ProbeTimer } from './probe-timer.ts';
import type { RateController } from './rate-controller.ts';
import { type PathMember, SharedPath } from './shared-path.ts';
import { TokenBucket } from './token-bucket.ts';

/** Later transmissions whose acknowledgements make one lost; with parity, more than a group can hold back. */
const OVERTAKEN = 3;
/** Ms between copies. */
const COPY_GAP = 3;
/** A timer that fires so many ms late, or later: the program had no processor. */
const LATE = 8;

/** Why the last flush sent no more. */
type Blocked = 'nothing' | 'rate' | 'limit' | 'quota' | 'flight' | 'window' | 'application';

/** Options of {@link AutoSender}. */
export interface AutoOptions {
  /** Data packets of a FEC group (default 0: no FEC). */
  readonly dataShards?: number;
  /** Most parity packets of a group (default 0). */
  readonly parityShards?: number;
  /** Most that is sent, in full datagrams per ms (default: no limit). */
  readonly rateLimit?: number;
  /** The path, which other conversations of this end may use as well; by default one of its own. */
  readonly path?: SharedPath;
}

/** The sender's half of a conversation that finds the rate of its path. */
export class AutoSender implements SendStrategy {
  readonly window: SendWindow;
  readonly rtt: RttEstimator = new RttEstimator();
  readonly parity: ParityChooser;
  sndWnd: number = WND_SND;
  rmtWnd: number = WND_RCV;
  inflightLimit: number = Number.POSITIVE_INFINITY;
  interval = 10;
  mss: number;
  deadLink = false;
  readonly #pool: SegmentPool;
  readonly #stats: KcpStats;
  readonly #quota: SendQuota;
  readonly #flying: InFlight;
  readonly #copies: CopyQueue = new CopyQueue();
  readonly #tail: TailBudget = new TailBudget();
  readonly #path: SharedPath;
  readonly #member: PathMember;
  /** The conversation's own limit, and its tokens. */
  readonly #rateLimit: number;
  readonly #own: TokenBucket | undefined;
  readonly #probe: ProbeTimer = new ProbeTimer();
  #una: number;
  #heard = false;
  #looks = 0;
  #blocked: Blocked = 'nothing';
  #idleAt = -1;
  /** When the last flush wanted the next one. */
  #dueAt: number = Number.POSITIVE_INFINITY;
  readonly #report: AckReport = {
    now: 0,
    rtt: -1,
    acked: 0,
    advanced: false,
    top: -1,
    topSent: 0,
    topLoad: 0,
    next: 0,
    limited: false,
    late: false,
    gap: -1,
    overhead: 1,
    inflight: 0,
    window: 0,
    windowLimited: false,
  };

  constructor(pool: SegmentPool, stats: KcpStats, quota: SendQuota, startSn: number, mss: number, options: AutoOptions) {
    this.#quota = quota;
    this.#pool = pool;
    this.#stats = stats;
    this.mss = mss;
    this.window = new SendWindow(pool, startSn);
    this.#una = startSn;
    const { dataShards = 0, parityShards = 0 } = options;
    this.parity = new ParityChooser(dataShards, parityShards);
    this.#path = options.path ?? new SharedPath();
    this.#member = this.#path.join();
    this.#flying = new InFlight(this.window, this.controller.losses);
    this.#rateLimit = options.rateLimit ?? Number.POSITIVE_INFINITY;
    this.#own = options.rateLimit === undefined ? undefined : new TokenBucket();
  }

  /** The path, which other conversations may use as well. */
  get path(): SharedPath {
    return this.#path;
  }

  /** What finds the rate, for all who share the path. */
  get controller(): RateController {
    return this.#path.controller;
  }

  get cwnd(): number {
    return this.controller.cwnd;
  }

  acknowledge(una: number): boolean {
    if (serialDiff(una, this.#una) <= 0 || serialDiff(una, this.window.nxt) > 0) return false;
    this.#una = una;
    this.#heard = true;
    return true;
  }

  onAck(sn: number, ts: number, now: number, regular: boolean): boolean {
    this.#flying.marks.fit();
    if (!this.#flying.acknowledge(sn, ts, now, regular)) return false;
    this.#heard = true;
    return true;
  }

  applyAcks(): boolean {
    return false;
  }

  onInputEnd(now: number): void {
    if (this.#heard) this.#conclude(now);
  }

  onProbe(): void {}

  expedite(now: number): void {
    this.#probe.at = Math.min(this.#probe.at, now);
  }

  get earliest(): number {
    const { window } = this;
    if (window.una === window.end) return Number.POSITIVE_INFINITY;
    // Without tokens, copies wait for them as well.
    const next = this.#tokensAt ?? this.#copies.at;
    return Math.min(this.#probe.at, this.#flying.detectAt, next);
  }

  get due(): boolean {
    return this.window.queued > 0 && (this.#blocked === 'application' || this.#blocked === 'nothing');
  }

  flush(now: number, full: boolean, writer: PacketWriter): number {
    this.#flying.marks.fit();
    if (this.#heard) this.#conclude(now);
    if (!full) return this.interval;
    if (now >= this.#probe.at) this.#probeNow(now, writer);
    if (now >= this.#flying.detectAt) this.#flying.detect(now, this.#overtakenNow);
    this.#pump(now, writer);
    this.#settle();
    this.#dueAt = this.earliest;
    return this.interval;
  }

  clear(): void {
    this.window.clear();
    this.#una = this.window.una;
    this.#flying.clear();
    this.#copies.clear();
    this.#path.leave(this.#member);
    this.#probe.at = Number.POSITIVE_INFINITY;
  }

  get #windowSize(): number {
    return Math.min(this.sndWnd, this.rmtWnd, this.inflightLimit);
  }

  get #overtakenNow(): number {
    const { parity } = this;
    return parity.count > 0 ? Math.max(OVERTAKEN, parity.group + 2) : OVERTAKEN;
  }

  /** Conclusions from one datagram of the peer. */
  #conclude(now: number): void {
    this.#heard = false;
    const { controller } = this;
    const flying = this.#flying;
    flying.marks.fit();
    flying.passUna(this.#una);
    if (flying.acked > 0) {
      if (this.#probe.heard(now, flying.srtt)) this.#path.noteOutage(now);
      this.#member.silent = false;
      flying.conclude(now, this.#overtakenNow);
      this.#armProbe(now);
    }
    const report = this.#report;
    report.now = now;
    report.rtt = flying.rtt;
    report.acked = flying.acked;
    report.advanced = flying.advanced;
    report.late = now > this.#dueAt + LATE;
    report.overhead = this.parity.overhead;
    report.window = this.#windowSize;
    report.windowLimited = this.#blocked === 'window';
    this.#settle();
    this.#path.onAck(this.#member, report, flying.topOrder, flying.topSent, flying.topLoad);
    if (controller.roundEnded) {
      controller.roundEnded = false;
      this.#path.beginRound(this.#member, this.#blocked === 'window' || this.#blocked === 'application');
    }
    if (this.#looks !== controller.looks) {
      this.#looks = controller.looks;
      const { rtt, losses, line, round } = controller;
      this.parity.decide(round, losses.last, line, report.window, rtt.T + rtt.ackGap / 2);
    }
    flying.settle();
    // Kcp counts retransmissions by their cause.
    this.#stats.fastRetransSegs = flying.losses;
  }

  #pump(now: number, writer: PacketWriter): void {
    const { window } = this;
    const flying = this.#flying;
    const path = this.#path;
    const member = this.#member;
    this.#own?.refill(now, this.#rateLimit, this.#blocked === 'limit');
    path.beginTurn(member, now);
    const size = this.#windowSize;
    this.#blocked = 'nothing';
    this.#quota.held = false;
    this.#quota.kept = 0;
    while (this.#blocked === 'nothing') {
      if (this.#own?.ready === false) {
        this.#blocked = 'limit';
        // Alone, it fills all of the line that it may.
        if (path.size > 1) path.noteLimited(member);
      } else if (!path.hasToken(member, now)) {
        this.#blocked = 'rate';
      } else if (this.#copies.at <= now) {
        this.#copy(this.#copies.shift(), writer);
      } else if (!path.hasFlight(member, flying.count)) {
        this.#blocked = 'flight';
      } else if (flying.lost.length > 0) {
        const sn = flying.lost.first;
        if (flying.isLost(sn) && this.#refused(sn)) break;
        flying.lost.shift();
        if (!flying.isLost(sn)) continue;
        this.#transmit(sn, now, writer);
        this.#copies.add(now, COPY_GAP, sn, this.#copiesFor(sn));
      } else if (window.inflight >= size) {
        this.#blocked = 'window';
        path.noteLimited(member);
      } else if (window.queued === 0) {
        this.#blocked = 'application';
        path.noteLimited(member);
        this.#noteIdle();
      } else {
        const sn = window.nxt;
        if (this.#refused(sn)) break;
        window.admit(window.inflight + 1);
        window.unsent = window.nxt;
        this.#transmit(sn, now, writer);
        if (window.queued === 0) this.#copyTail(now, sn);
      }
    }
    path.endTurn(member, this.#blocked === 'rate', this.#blocked === 'flight');
  }

  /** When there may be tokens again, if they are what is waited for. */
  get #tokensAt(): number | undefined {
    if (this.#blocked === 'rate') return this.#path.releaseAt(this.#member);
    return this.#blocked === 'limit' ? this.#own?.releaseAt(this.#rateLimit) : undefined;
  }

  /** Tells the path what is on its way. */
  #settle(): void {
    this.#path.report(this.#member, this.#flying.count);
  }

  /** Whether the quota has nothing left for a segment: whoever set it says when to come again. */
  #refused(sn: number): boolean {
    if (!this.#quota.refuses(this.window.length[sn & this.window.mask]!)) return false;
    this.#blocked = 'quota';
    this.#quota.held = true;
    this.#path.noteLimited(this.#member);
    return true;
  }

  /** The application has nothing more, and little is on its way: what comes next is a new beginning. */
  #noteIdle(): void {
    const { window, controller } = this;
    if (this.#idleAt === window.nxt || this.#flying.count >= (controller.bw * this.#flying.srtt) / 2) return;
    this.#idleAt = window.nxt;
    this.parity.onIdle();
  }

  #transmit(sn: number, now: number, writer: PacketWriter): void {
    const { window } = this;
    const index = sn & window.mask;
    const xmit = window.xmit[index]! + 1;
    window.xmit[index] = xmit;
    window.ts[index] = Math.floor(now);
    if (xmit > 1) this.#stats.retransSegs += 1;
    if (xmit >= DEADLINK) this.deadLink = true;
    this.#put(index, sn, writer);
    this.#flying.note(sn, now, this.#path.order++, this.#path.load);
    if (this.#probe.at === Number.POSITIVE_INFINITY) this.#armProbe(now);
  }

  #copy(sn: number, writer: PacketWriter): void {
    if (!this.window.pending(sn) || this.#quota.refuses(this.window.length[sn & this.window.mask]!)) return;
    this.#stats.earlyRetransSegs += 1;
    this.#stats.retransSegs += 1;
    this.#put(sn & this.window.mask, sn, writer);
  }

  /** Writes a segment with the ts of its last transmission. */
  #put(index: number, sn: number, writer: PacketWriter): void {
    const { window, parity } = this;
    const length = window.length[index]!;
    writer.reserve(OVERHEAD + length);
    writer.header(CMD_PUSH, window.frg[index]!, window.ts[index]!, sn, length);
    writer.payload(this.#pool, window.slot[index]!, length);
    this.#stats.outSegs += 1;
    this.#quota.bytes -= OVERHEAD + length;
    const load = InFlight.load(length, this.mss) * parity.overhead;
    this.#path.spend(this.#member, load);
    if (this.#own !== undefined) this.#own.count -= load;
    parity.onSent(load);
  }

  /** Copies of a retransmission; none where a queue stands, because more load makes it longer. */
  #copiesFor(sn: number): number {
    const { rtt, losses, bw } = this.controller;
    if (rtt.queue > rtt.T / 4) return 0;
    // Ms until this hole closes the window, if its retransmission arrives.
    const goodput = Math.max((bw * (1 - losses.loss)) / this.parity.overhead, 0.01);
    const slack = (serialDiff(sn, this.window.nxt) + this.#windowSize) / goodput - this.#flying.srtt;
    return retransmissionCopies(slack / this.#flying.srtt, losses.loss);
  }

  /** Nothing follows: nobody would report the loss of the last two segments, so they are sent again. */
  #copyTail(now: number, sn: number): void {
    const { window, controller } = this;
    const { marks } = this.#flying;
    this.#tail.refill(now, Math.max(controller.bw, 0.1));
    const copies = tailCopies(controller.losses.loss);
    if (copies === 0) return;
    for (let back = 1; back >= 0; back--) {
      const tail = (sn - back) >>> 0;
      const index = tail & marks.mask;
      if (!window.pending(tail) || marks.copied[index] !== 0) continue;
      if (!this.#tail.spend(InFlight.load(window.length[index]!, this.mss) * copies)) return;
      marks.copied[index] = 1;
      this.#copies.add(now, COPY_GAP, tail, copies);
    }
  }

  #armProbe(now: number): void {
    const { srtt, rttvar } = this.#flying;
    if (this.#una === this.window.nxt) this.#probe.at = Number.POSITIVE_INFINITY;
    else this.#probe.arm(now, srtt, rttvar, this.controller.rtt.ackGap);
  }

  /** Sends the oldest segments again; after a long silence everything is taken for lost. */
  #probeNow(now: number, writer: PacketWriter): void {
    const { window } = this;
    this.#member.silent = true;
    if (this.#probe.expire(now)) {
      this.#flying.loseAll();
      this.#path.noteSilence(now);
    }
    let left = this.#probe.segments;
    for (let sn = window.una; sn !== window.nxt && left > 0; sn = (sn + 1) >>> 0) {
      if (!window.pending(sn)) continue;
      if (this.#refused(sn)) break;
      left -= 1;
      this.#stats.lostSegs += 1;
      this.#transmit(sn, now, writer);
    }
    this.#armProbe(now);
  }
}
