// The rate that a path takes: what left the sender per ms of acknowledgement time, lost or not, so
// that random losses and lost acknowledgements do not touch it. One sample a round; the estimate is
// the largest of three, because one stalled round must not count.
//
//   round: from an acknowledgement until that of something that was sent after it, at least 3 gaps
//
// A round in which the line could not be filled only raises the estimate.

import type { AckReport } from './ack-report.ts';

const ROUND_LEAST_MS = 10;
const ROUND_GAPS = 3;
/** A shorter train shows no rate. */
const TRAIN_LEAST = 32;
const TRAIN_MS = 4;
const TRAIN_GAPS = 2;
/** What arrives in so many times the time in which it left was held up by the line. */
const STRETCH = 1.5;

/** Rounds and the rates that they showed, in full datagrams per ms. */
export class Bandwidth {
  /** The estimate; 0 before anything is known. */
  rate = 0;
  /** Rounds so far. */
  round = 0;
  /** Rounds that are left in which a sample only raises the estimate: we sent slowly. */
  skip = 0;
  #end = -1;
  #startAt = 0;
  #startLoad = 0;
  #startSent = 0;
  #startTop = 0;
  /** Rounds that began with transmissions before this one left at a rate that was too high. */
  #validFrom = 0;
  #rate1 = 0;
  #rate2 = 0;
  #rate3 = 0;
  #wasHigh = false;

  /** What left per ms since the round began. */
  sample(report: AckReport): number {
    return (report.topLoad - this.#startLoad) / Math.max(report.now - this.#startAt, report.topSent - this.#startSent);
  }

  /** Whether the load since the round began is too little to show a rate. */
  isSparse(report: AckReport): boolean {
    return report.topLoad - this.#startLoad < TRAIN_LEAST;
  }

  /**
   * Whether the load since the round began is long enough a train to show the rate before the round ends.
   * Acknowledgements come in clumps, and part of one must not count as a rate.
   */
  isTrain(report: AckReport, ackGap: number): boolean {
    if (this.#end < 0 || report.topLoad - this.#startLoad < TRAIN_LEAST) return false;
    return report.now - this.#startAt >= Math.max(TRAIN_MS, TRAIN_GAPS * ackGap);
  }

  /** Whether a round ends with this report. The first one only begins. */
  ends(report: AckReport, ackGap: number): boolean {
    if (this.#end < 0) {
      this.start(report);
      return false;
    }
    return report.top >= this.#end && report.now - this.#startAt >= Math.max(ROUND_LEAST_MS, ROUND_GAPS * ackGap);
  }

  /** Whether we sent faster than the line, however slowly that was: it shows its rate. */
  isStretched(report: AckReport): boolean {
    return report.now - this.#startAt > STRETCH * (report.topSent - this.#startSent);
  }

  /** Begins a round. */
  start(report: AckReport): void {
    this.#end = report.next;
    this.#startAt = report.now;
    this.#startLoad = report.topLoad;
    this.#startSent = report.topSent;
    this.#startTop = report.top;
  }

  /**
   * Takes the sample of a round.
   * @param raisesOnly - the line was not filled, or it is not certain
   * @param high - a long queue stands: the second time running, the line has become slower
   * @param stretched - and it is ours, see {@link isStretched}
   */
  take(sample: number, raisesOnly: boolean, high: boolean, stretched: boolean): void {
    if (this.#startTop < this.#validFrom) return;
    if (raisesOnly || (this.skip > 0 && !(high && stretched))) {
      if (this.skip > 0) this.skip -= 1;
      if (sample > this.rate) this.reset(sample);
      return;
    }
    if (high && this.#wasHigh) this.reset(0);
    this.#wasHigh = high;
    this.#rate3 = this.#rate2;
    this.#rate2 = this.#rate1;
    this.#rate1 = sample;
    this.rate = Math.max(this.#rate1, this.#rate2, this.#rate3);
  }

  /** Forgets the rounds; `rate` is the estimate from now on, 0: it stays until the next sample. */
  reset(rate: number): void {
    this.#rate1 = rate;
    this.#rate2 = 0;
    this.#rate3 = 0;
    if (rate > 0) this.rate = rate;
  }

  /** Lowers the estimate; what is in flight left at the rate before and shows nothing. */
  cut(rate: number, next: number): void {
    this.reset(rate);
    this.#validFrom = next;
  }

  /** Begins again at `rate`. */
  restart(rate: number): void {
    this.rate = rate;
    this.reset(0);
    this.round = 0;
    this.#end = -1;
  }
}
