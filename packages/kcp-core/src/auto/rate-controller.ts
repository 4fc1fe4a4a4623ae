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
/** In flight at most, in bandwidth-delay products: only safety for when acknowledgements stop. */
const FLIGHT = 1.5;
const FLIGHT_LEAST = 16;
/** A queue above this many targets shows that the line has become slower. */
const HIGH = 3;
const RATE_LEAST = 0.02;

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

  /** The queueing delay that is wanted. */
  get target(): number {
    return Math.max(TARGET_LEAST, TARGET * Math.sqrt(this.rtt.T / Math.max(this.bw, 0.01))) + this.rtt.uncertainty;
  }

  /** Nothing was heard for long: begin again at half of the rate. */
  onSilence(): void {
    this.state = 'start';
    this.#bandwidth.restart(this.bw / 2);
    this.#startGrowth.forget();
    this.rtt.clearQueue();
    this.losses.endProbe();
    this.#others.forget();
    this.cwnd = FLIGHT_LEAST;
    this.pacing = Math.max(this.bw, RATE_LEAST);
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
    if (losses.probeIsOver(report.top)) losses.learn(rtt.longQueue > 2 * target, this.#restore);
    this.#windowShare += ((report.windowLimited ? 1 : 0) - this.#windowShare) / 4;
    // While a queue stands, what is lost beyond the path's own loss did not fit: it is no part of the rate.
    if (rtt.longQueue > 2 * target && this.state !== 'start') sample *= 1 - losses.overload;
    const raisesOnly = this.state === 'start' || (report.limited && rtt.queue < 2 * target);
    // A few messages show nothing of a line that was never filled.
    const shows = this.state !== 'start' || !(report.limited && bandwidth.isSparse(report));
    if (shows) bandwidth.take(sample, raisesOnly, rtt.queue > Math.max(HIGH * target, rtt.T / 4));
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
    // We sent slowly and the queue stayed: other flows fill it, or the route is longer now.
    if (this.#others.isAnswered(this.#bandwidth.round) && rtt.base > rtt.longBase + target) {
      this.#bandwidth.reset(this.#others.restored(this.bw));
    }
    const due = now - this.#drainAt > Math.max(DRAIN_EVERY, 16 * rtt.T);
    if (due || this.#others.isLong) this.#drain(report);
  }

  /** More is lost than the path loses by itself: look whether that goes away when we send slowly, and `act` on it. */
  #slowDown(report: AckReport, act: boolean): void {
    const before = this.bw;
    const { cut } = this.losses;
    if (act) {
      // A start sends faster than the rate that it has seen: what did not fit is a share of that.
      const sent = this.state === 'start' ? START_GAIN : 1;
      this.#bandwidth.cut(this.bw * Math.min(1, sent * (1 - cut)), report.next);
      this.#growth.cut(this.bw, report.now);
    }
    this.#drain(report, SLOW_GAIN - Math.min(0.25, cut), before);
  }

  /** As much is lost although we send slowly, so the loss is the path's: what was taken away is given back. */
  readonly #restore = (bw: number): void => {
    this.#growth.resume();
    if (bw > this.bw) this.#bandwidth.reset(bw);
  };

  /** Begins a slow phase; `slow` > 0: because of losses, and `bw` comes back when they do not go away. */
  #drain(report: AckReport, slow = 0, bw = 0): void {
    if (this.state === 'start' || slow > 0) this.losses.forgetBefore(report.next);
    this.state = 'drain';
    this.#drainAt = report.now;
    this.#growth.stop();
    this.#slow = slow;
    if (!this.#others.drainBegins()) this.rtt.nextBase();
    this.losses.startProbe(report.next, slow > 0, bw);
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
    this.pacing = Math.max(START_GAIN * bw, this.#first.pacing / 10);
    this.cwnd = Math.max(this.#first.flight, (2.2 * bw * rtt.base) / report.overhead + bw * rtt.ackGap);
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
      if ((empty && elapsed >= (this.#slow > 0 ? rtt.T : 0)) || elapsed >= 2 * rtt.T) this.#endDrain(report);
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
    const { share, quiet } = this.#growth;
    let gain = Math.max(0.75, Math.min(1.25, 1 + (share > 0 ? Math.max(pull, share) : pull)));
    if (quiet) gain = Math.min(1, gain);
    // Where the peer's window is the limit, it is filled again quickly: the line has room.
    if (this.#windowShare > 0.25 && rtt.queue < target && !this.#growth.isNearCut(report.now)) {
      gain = Math.max(gain, report.window < 1.5 * bdp ? 2 : 1.25);
    }
    return gain;
  }
}
