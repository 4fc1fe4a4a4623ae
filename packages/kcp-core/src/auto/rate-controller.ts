// The brain of the auto strategy: how fast to send, how much may be in flight, how much parity.
// Rates are full datagrams per ms (parity and copies included), times are ms.
//
//   pacing = bw x (1 + (target - queue) / 2T)
//
//   bw      the rate that the path takes (bandwidth.ts)
//   queue   how much longer round trips take than the shortest (path-rtt.ts), ours and that of others
//   target  about sqrt(T / bw), 4 ms at 100 Mbit/s and 100 ms: it grows more slowly than the rate, so
//           flows that share a line come to equal rates
//
//   start --> drain <--> cruise        start: 1.7 x per round until a queue stands or the rate stays
//                                      drain: every 4 s send slowly for a moment; shows the base
//                                             round-trip time and the loss that is not ours
// Loss above that is congestion: short queues and policers (loss-statistics.ts). A queue that stays
// although we sent slowly is not ours, and the reduction is taken back.

import type { AckReport } from './ack-report.ts';
import { Bandwidth } from './bandwidth.ts';
import { GROWTH_MOST, Growth, START_ROUNDS, StartGrowth } from './growth.ts';
import { type FirstFlight, firstFlight, type KnownPath } from './known-path.ts';
import { LossStatistics } from './loss-statistics.ts';
import { PathRtt } from './path-rtt.ts';
import { QueueOfOthers } from './queue-of-others.ts';

const START_GAIN = 1.7;
const TARGET = 1.25;
const TARGET_LEAST = 1.5;
const FEEDBACK = 0.5;
const DRAIN_EVERY = 4000;
const DRAIN_GAIN = 0.5;
const DRAIN_TO = 0.8;
/** A slow phase because of losses. */
const SLOW_GAIN = 0.75;
const SLOW_TO = 0.97;
/**
 * Above this loss it takes more to believe that it is the path's own: a slow phase of so many ms, because
 * all who send too fast together must be slow at one time, and not more often than so.
 */
const HEAVY = 0.1;
const SLOW_LEAST = 600;
const ASK_EVERY = 4000;
/** In flight at most, in bandwidth-delay products: only safety for when acknowledgements stop. */
const FLIGHT = 1.5;
const FLIGHT_LEAST = 16;
/** A queue above this many targets shows that the line has become slower. */
const HIGH = 3;
const RATE_LEAST = 0.02;
/** Share of a start's rate that is kept at least when it overflows. */
const ARRIVED_LEAST = 0.05;

/** Finds the rate of a path. */
export class RateController {
  /** Rate to send at. */
  pacing: number;
  /** Most transmissions on their way. */
  cwnd: number;
  /** Set when a round has ended; the path takes it back. */
  roundEnded = false;
  /** Counts the times at which more is known of the losses: a reason to look at the parity. */
  looks = 0;
  /** What is done now. */
  state: 'start' | 'cruise' | 'drain' = 'start';
  readonly losses: LossStatistics;
  readonly rtt: PathRtt = new PathRtt();
  readonly #bandwidth: Bandwidth = new Bandwidth();
  readonly #others: QueueOfOthers = new QueueOfOthers();
  readonly #growth: Growth = new Growth();
  readonly #startGrowth: StartGrowth = new StartGrowth();
  readonly #first: FirstFlight;
  #drainAt = 0;
  /** Gain of a slow phase because of losses; 0: the drain is a plain one. */
  #slow = 0;
  #windowShare = 0;
  /** When it was last asked whether many losses are the path's own, ms. */
  #askedAt: number = Number.NEGATIVE_INFINITY;
  /** Ms that the slow phase takes at least. */
  #slowLeast = 0;
  /** There was a silence since anything was known. */
  #silent = false;
  /** The slow phase has interrupted a start, of a path whose own loss was not known. */
  #searching = false;

  /** @param known - what was known of the path a while ago */
  constructor(known?: KnownPath) {
    this.#first = firstFlight(known);
    this.pacing = this.#first.pacing;
    this.cwnd = this.#first.flight;
    this.losses = new LossStatistics(this.#first.loss);
  }

  /** The rate that the path takes; 0 before anything is known. */
  get bw(): number {
    return this.#bandwidth.rate;
  }

  /** Rounds so far. */
  get round(): number {
    return this.#bandwidth.round;
  }

  /** What the line may take: more than is seen where a window keeps us from filling it. */
  get line(): number {
    return this.bw * (this.#windowShare > 0.3 && this.rtt.queue < this.target ? GROWTH_MOST + 1 : 1);
  }

  /** Whether this is a slow phase of many rounds. */
  get #isSlow(): boolean {
    return this.state === 'drain' && this.#slow > 0 && this.#slowLeast > 0;
  }

  /** Whether a queue stands, whoever fills it. */
  get #crowded(): boolean {
    return this.rtt.longQueue > 2 * this.target;
  }

  /** The queueing delay that is wanted. */
  get target(): number {
    return Math.max(TARGET_LEAST, TARGET * Math.sqrt(this.rtt.T / Math.max(this.bw, 0.01))) + this.rtt.uncertainty;
  }

  /** Nothing was heard for long: begin again at half of the rate. */
  onSilence(): void {
    this.state = 'start';
    this.#silent = this.bw > 0;
    this.#bandwidth.restart(this.bw / 2);
    this.#startGrowth.forget();
    this.rtt.clearQueue();
    this.losses.endProbe();
    this.#others.forget();
    this.cwnd = FLIGHT_LEAST;
    this.pacing = Math.max(this.bw, RATE_LEAST);
  }

  /** After a while without the path something arrives: what was lost meanwhile, before transmission `next`, shows nothing. */
  onOutage(next: number): void {
    this.losses.forgetBefore(next);
    // The path may be another one now.
    this.rtt.freshBase();
    if (this.state !== 'start') this.onSilence();
  }

  /** Takes what one datagram told. */
  onAck(report: AckReport): void {
    const { rtt, losses } = this;
    const bandwidth = this.#bandwidth;
    if (report.gap >= 0) rtt.noteGap(report.gap);
    if (report.rtt >= 0 && !report.late) rtt.note(report.now, report.rtt);
    if (this.state === 'start' && this.bw > 0 && losses.overflowing) this.#slowDown(report, true);
    if (report.late) {
      bandwidth.start(report);
    } else if (report.advanced) {
      // A short train shows the line at once.
      if (this.state === 'start' && bandwidth.isTrain(report, rtt.ackGap)) {
        bandwidth.rate = Math.max(bandwidth.rate, bandwidth.sample(report) * (1 - losses.excess));
      }
      if (bandwidth.ends(report, rtt.ackGap)) {
        this.#endRound(report, bandwidth.sample(report));
        bandwidth.start(report);
      }
    }
    if (this.state === 'start') this.#decideStart(report);
    else this.#decide(report);
  }

  #endRound(report: AckReport, sample: number): void {
    const { losses, rtt, target } = this;
    const bandwidth = this.#bandwidth;
    bandwidth.round += 1;
    this.roundEnded = true;
    const binned = losses.endBin(report.now);
    if (losses.probeIsOver(report.top)) losses.learn(this.#crowded, this.#restore);
    this.#windowShare += ((report.windowLimited ? 1 : 0) - this.#windowShare) / 4;
    // While a queue stands, what is lost beyond the path's own loss did not fit: it is no part of the rate.
    // Much more than that did not fit in any case.
    const overflow = binned ? losses.overflow : 0;
    if (this.state !== 'start') sample *= 1 - Math.max(this.#crowded ? losses.overload : 0, overflow);
    if (overflow > 0 && this.state === 'cruise') this.#growth.overflowed(sample, report.now, !this.#crowded);
    // In a long slow phase they are what we sent.
    const raisesOnly = this.state === 'start' || this.#isSlow || (report.limited && rtt.queue < 2 * target);
    // A few messages show nothing of a line that was never filled.
    const shows = this.state !== 'start' || !(report.limited && bandwidth.isSparse(report));
    const high = rtt.queue > Math.max(HIGH * target, rtt.T / 4);
    if (shows) bandwidth.take(sample, raisesOnly, high, bandwidth.isStretched(report));
    if (binned && this.state !== 'drain' && this.bw > 0 && losses.alarming) {
      this.#slowDown(report, losses.secondAlarm(report.now, Math.max(8 * rtt.T, 1000)));
    }
    this.#growth.endRound();
    if (this.state === 'start') this.#lookForGrowth(report);
    else if (this.state === 'cruise') this.#cruise(report);
    if (binned && !(this.state === 'start' && bandwidth.round < START_ROUNDS)) this.looks += 1;
  }

  #lookForGrowth(report: AckReport): void {
    this.#startGrowth.note(this.bw, !report.limited || this.#windowShare > 0.4);
    if (this.#startGrowth.isOver && this.bw > 0) this.#drain(report);
  }

  #cruise(report: AckReport): void {
    const { now } = report;
    const { rtt, target } = this;
    this.#growth.cruise(now, this.bw, rtt.queue < target / 2);
    this.#others.note(rtt.longQueue, target, this.bw);
    // We sent slowly and the queue stayed: other flows fill it, or the route is longer now. But where
    // much is lost, slowly was still too fast.
    const stays = rtt.base > rtt.longBase + target && this.losses.overflow === 0;
    if (this.#others.isAnswered(this.#bandwidth.round) && stays) {
      this.#bandwidth.reset(this.#others.restored(this.bw));
    }
    const due = now - this.#drainAt > Math.max(DRAIN_EVERY, 16 * rtt.T);
    if (due || this.#others.isLong) this.#drain(report);
  }

  /** More is lost than the path loses by itself: look whether that goes away when we send slowly, and act on it at the `second` time. */
  #slowDown(report: AckReport, second: boolean): void {
    const before = this.bw;
    const { cut } = this.losses;
    const heavy = this.state === 'cruise' && this.losses.last > HEAVY;
    const asks = !heavy || report.now - this.#askedAt > ASK_EVERY;
    if (second || !asks) {
      // A start sends faster than the rate that it has seen: what did not fit is a share of that.
      // Of the first flight, whose rate is no guess from what we have seen, just that share has arrived.
      const { losses } = this;
      const arrived = Math.max(ARRIVED_LEAST, 1 - losses.beyond);
      const left =
        this.state !== 'start' ? (this.#crowded && losses.overflow > 0 ? arrived : 1 - cut) : (losses.known ? START_GAIN : 1) * arrived;
      this.#bandwidth.cut(this.bw * Math.min(1, left), report.next);
      this.#searching = this.state === 'start' && !losses.known;
      this.#growth.pause();
      // What a start has seen is too little for a memory.
      if (this.state !== 'start') this.#growth.remember(this.bw, report.now, !this.#crowded);
    }
    if (heavy && asks) this.#askedAt = report.now;
    this.#slowLeast = heavy && asks ? SLOW_LEAST : 0;
    this.#drain(report, SLOW_GAIN - Math.min(0.25, cut), asks ? before : 0);
  }

  /** As much is lost although we send slowly, so the loss is the path's: what was taken away is given back. */
  readonly #restore = (bw: number): void => {
    this.#growth.resume();
    if (bw > this.bw) this.#bandwidth.reset(bw);
    // A start that ended because of them goes on.
    if (this.#searching) this.state = 'start';
    this.#searching = false;
  };

  /** Begins a slow phase; `slow` > 0: because of losses, and `bw`, if it is not 0, comes back when they do not go away. */
  #drain(report: AckReport, slow = 0, bw = 0): void {
    if (this.state === 'start' || slow > 0) this.losses.forgetBefore(report.next);
    this.state = 'drain';
    this.#drainAt = report.now;
    this.#growth.stop();
    this.#slow = slow;
    if (!this.#others.drainBegins()) this.rtt.nextBase();
    this.losses.startProbe(report.next, slow > 0, bw, Math.min(1, (this.bw * slow) / this.pacing));
  }

  #endDrain(report: AckReport): void {
    this.state = 'cruise';
    this.#drainAt = report.now;
    this.#bandwidth.skip = 2;
    this.losses.stopProbe(report.next);
    if (this.#others.drainEnds(this.#bandwidth.round)) this.rtt.freshBase();
  }

  #decideStart(report: AckReport): void {
    const { rtt, bw } = this;
    if (!rtt.known || bw === 0) return;
    // Before anything is known it is a guess; after a silence it is what was known.
    this.pacing = Math.max(START_GAIN * bw, this.#silent ? RATE_LEAST : this.#first.pacing / 10);
    this.cwnd = Math.max(this.#silent ? FLIGHT_LEAST : this.#first.flight, (2.2 * bw * rtt.base) / report.overhead + bw * rtt.ackGap);
    const stands = rtt.queue > Math.max(2 * this.target, 0.1 * rtt.T);
    if (this.#bandwidth.round >= 1 && stands) this.#drain(report);
  }

  #decide(report: AckReport): void {
    const { rtt, bw, target } = this;
    const { overhead } = report;
    const bdp = (bw * rtt.base) / overhead;
    let gain = this.#slow > 0 ? this.#slow : DRAIN_GAIN;
    if (this.state === 'drain') {
      const elapsed = report.now - this.#drainAt;
      const empty = report.inflight <= (this.#slow > 0 ? SLOW_TO : DRAIN_TO) * bdp + (bw * rtt.ackGap) / 2;
      const least = this.#slow > 0 ? Math.max(rtt.T, this.#slowLeast) : 0;
      if ((empty && elapsed >= least) || elapsed >= Math.max(2 * rtt.T, least)) this.#endDrain(report);
    } else {
      gain = this.#cruiseGain(report, bdp);
    }
    this.pacing = Math.max(bw * gain, RATE_LEAST);
    const slack = (bw / overhead) * (2 * target + Math.min(60, 1.5 * rtt.ackGap));
    this.cwnd = Math.max(FLIGHT_LEAST, FLIGHT * bdp + slack + 8);
  }

  #cruiseGain(report: AckReport, bdp: number): number {
    const { rtt, target } = this;
    const pull = (FEEDBACK * (target - rtt.queue)) / rtt.T;
    const { share } = this.#growth;
    let gain = Math.max(0.75, Math.min(1.25, 1 + (share > 0 ? Math.max(pull, share) : pull)));
    gain = this.#growth.limit(gain);
    // Where the peer's window is the limit, it is filled again quickly: the line has room.
    if (this.#windowShare > 0.25 && rtt.queue < target && !this.#growth.isNearCut(report.now)) {
      gain = Math.max(gain, report.window < 1.5 * bdp ? 2 : 1.25);
    }
    return gain;
  }
}
