// What a path loses by itself, and whether more is lost than that. Transmissions are counted in bins;
// a bin that lost much more than expected is bad, and two bad ones ask for a look (rate-controller.ts).
// What is lost while we send slowly is the path's own: a probe counts it.
//
// Losses come in bursts on many paths, so the spread of the bins is measured in units of what
// independent losses would have (`variance`), and the threshold is as wide as it needs to be.

/** Transmissions of a bin; fewer when it lasts long. */
const BIN = 512;
const BIN_MS = 300;
const BIN_LONGEST_MS = 1000;
/** A row of so many losses is nothing special. */
const ROW_FEW = 4;
/** Fewest transmissions that say anything. */
const FEW = 32;
/** The threshold: 1 %, and so many standard deviations. */
const MARGIN = 0.01;
const DEVIATIONS = 2.5;
/** Excess from which one bin is enough, and with what a start ends. */
const BIG = 0.15;
const START_EXCESS = 0.1;
/** Loss that is never taken for the path's own beyond. */
const OWN_MOST = 0.35;
/** How much of the loss must remain, between that of a line that is too full and all, so that it is the path's own. */
const OWN_SHARE = 0.4;
/** What is lost of nearly everything was lost otherwise: nothing came through. */
const OUTAGE = 0.95;
const VARIANCE_MOST = 30;
const OWN_COUNT_MOST = 2048;
const OVERLOAD_LEAST = 0.005;
const NONE = Number.NEGATIVE_INFINITY;

/** Counts transmissions that arrived and that did not, in the order in which they left. */
export class LossStatistics {
  /** Share that is lost, smoothed. Never below 0. */
  loss: number;
  /** Loss of the last bin. */
  last = 0;
  /** Loss of the path by itself; -1: not known. */
  #own = -1;
  /** Transmissions that it was read from. */
  #ownCount = 2 * FEW;
  #variance = 1;
  #count = 0;
  #lost = 0;
  #binAt = 0;
  #bad = 0;
  /** Transmissions that were lost in a row, and the longest row of the bin. */
  #row = 0;
  #longest = 0;
  #big = false;
  #alarmAt: number = NONE;
  /** Transmissions before this one left at a rate that was too high. */
  #validFrom = 0;
  // The probe: transmissions from..to that left slowly.
  #probing = false;
  #lossy = false;
  #from = 0;
  #to = 0;
  #probeCount = 0;
  #probeLost = 0;
  #probeLoss = 0;
  #probeBw = 0;
  #probeShare = 1;
  #probes = 0;

  /** @param loss - share that is expected before anything is known */
  constructor(loss: number) {
    this.loss = loss;
  }

  /** Loss of the path by itself, 0..0.35. */
  get own(): number {
    return Math.max(0, this.#own);
  }

  /**
   * Transmission `txi` is decided.
   * @returns whether it counts
   */
  resolve(txi: number, lost: boolean): boolean {
    this.#row = lost ? this.#row + 1 : 0;
    if (txi < this.#validFrom) return false;
    if (this.#row > this.#longest) this.#longest = this.#row;
    this.#count += 1;
    if (lost) this.#lost += 1;
    if (!this.#probing || txi < this.#from || txi >= this.#to) return true;
    this.#probeCount += 1;
    if (lost) this.#probeLost += 1;
    return true;
  }

  /** Transmission `txi` was taken for lost and has arrived. */
  takeBack(txi: number): void {
    if (txi < this.#validFrom) return;
    this.#lost -= 1;
    if (this.#probing && txi >= this.#from && txi < this.#to) this.#probeLost -= 1;
  }

  /** Loss of the open bin beyond what is expected, 0..1. */
  get excess(): number {
    if (this.#count < FEW) return 0;
    return Math.max(0, this.#lost / this.#count - this.own - this.#margin(this.#count));
  }

  /** Share that is lost beyond the path's own loss, smoothed; small differences do not count. */
  get overload(): number {
    return this.#own < 0 ? 0 : Math.max(0, this.loss - this.#own - OVERLOAD_LEAST);
  }

  /** Whether the open bin of a start shows that a queue overflows. */
  get overflowing(): boolean {
    if (this.#count < 2 * FEW) return false;
    const loss = this.#judged(this.#lost / this.#count, this.#count);
    if (loss <= this.own + START_EXCESS + this.#margin(this.#count)) return false;
    this.last = loss;
    return true;
  }

  /** Share by which a rate that overflows should fall. */
  get cut(): number {
    return Math.min(0.5, this.beyond);
  }

  /** Loss of the last bin beyond the path's own. */
  get beyond(): number {
    return Math.max(0, this.last - this.own);
  }

  /** Whether anything is known of the path's own loss. */
  get known(): boolean {
    return this.#own >= 0;
  }

  /** That of the last bin, when it is so much that the queue must have overflowed; else 0. */
  get overflow(): number {
    return this.beyond > BIG && this.last < OUTAGE ? this.beyond : 0;
  }

  /** What left before transmission `next` left at a rate that was too high: its losses show nothing more. */
  forgetBefore(next: number): void {
    this.#validFrom = next;
    this.#count = 0;
    this.#lost = 0;
    this.#longest = 0;
    this.#bad = 0;
    this.#big = false;
  }

  /** Whether the last bins lost so much that something must be done. */
  get alarming(): boolean {
    return this.#bad >= 2 || this.#big;
  }

  /** An alarm at `now`: whether it is the second within `span` ms, or so much is lost that one is enough. */
  secondAlarm(now: number, span: number): boolean {
    const second = this.#big || now - this.#alarmAt < span;
    this.#alarmAt = now;
    this.#bad = 0;
    return second;
  }

  /** Ends the bin when it is large or old enough. Returns whether it was. */
  endBin(now: number): boolean {
    const count = this.#count;
    const age = now - this.#binAt;
    if (count < BIN && !(count >= 2 * FEW && age > BIN_MS) && !(count > 0 && age > BIN_LONGEST_MS)) return false;
    const loss = Math.max(0, this.#lost / count);
    this.last = this.#judged(loss, count);
    this.#count = 0;
    this.#lost = 0;
    this.#longest = 0;
    this.#binAt = now;
    if (this.#own < 0) {
      // More may be a queue that overflows: what remains when we send slowly tells (`learn`).
      if (count >= FEW) this.#own = Math.min(loss, START_EXCESS);
    } else {
      this.#compare(this.last, loss, count);
    }
    this.loss += (loss - this.loss) * Math.min(0.25, count / 1024);
    return true;
  }

  /** The longest row may be one lost datagram of acknowledgements, or one burst; a line that is too full has many. */
  #judged(loss: number, count: number): number {
    const row = Math.min(this.#longest, this.#lost);
    return row <= ROW_FEW || count - row < FEW ? loss : (this.#lost - row) / (count - row);
  }

  #compare(judged: number, loss: number, count: number): void {
    const margin = this.#margin(count);
    const bad = judged > this.#own + margin && count >= FEW;
    this.#big = judged > this.#own + Math.max(BIG, 2 * margin);
    this.#bad = bad ? this.#bad + 1 : 0;
    const p = Math.max(this.loss, 0.002);
    const spread = ((loss - this.loss) ** 2 * count) / (p * (1 - p));
    const most = bad ? 2 * this.#variance : VARIANCE_MOST;
    this.#variance = Math.max(1, this.#variance + (Math.min(most, spread) - this.#variance) / 16);
    if (loss < this.#own - margin) this.#own += (loss - this.#own) * Math.min(0.5, count / 1024);
  }

  /**
   * From transmission `next` on we send slowly.
   * @param lossy - because of losses
   * @param bw - the rate of before; 0: the loss that remains is not taken for the path's own
   * @param share - of what was sent before
   */
  startProbe(next: number, lossy: boolean, bw: number, share: number): void {
    this.#probing = true;
    this.#lossy = lossy;
    this.#from = next;
    this.#to = Number.POSITIVE_INFINITY;
    this.#probeCount = 0;
    this.#probeLost = 0;
    this.#probeLoss = this.last;
    this.#probeBw = bw;
    this.#probeShare = share;
  }

  /** From transmission `next` on we send at full rate again. */
  stopProbe(next: number): void {
    this.#to = next;
  }

  /** Whether everything of a probe is decided once `top` is acknowledged. */
  probeIsOver(top: number): boolean {
    return this.#probing && top > this.#to + 8;
  }

  /** Forgets the probe. */
  endProbe(): void {
    this.#probing = false;
  }

  /**
   * Learns from the probe what the path loses by itself.
   * @param crowded - a queue stands that may be others': what is lost need not be the path's own
   * @param restore - called with the rate of before when it loses as much although we sent slowly
   */
  learn(crowded: boolean, restore: (bw: number) => void): void {
    this.#probing = false;
    const count = this.#probeCount;
    if (count < 16) return;
    this.#ownCount = Math.min(OWN_COUNT_MOST, this.#ownCount + count);
    const lost = Math.max(0, this.#probeLost / count);
    const loss = Math.min(OWN_MOST, lost);
    const own = this.own;
    const known = this.#own >= 0;
    const weight = Math.min(0.25, count / 2048);
    if (crowded) {
      if (!known) this.#own = Math.min(loss, START_EXCESS);
      else if (loss < own) this.#own += (loss - own) * (own > 0.1 && loss < own / 2 ? 1 : weight);
    } else if (this.#lossy) {
      // What a line that is too full loses of less: it carries as much as before.
      const full = Math.max(own, 1 - (1 - this.#probeLoss) / this.#probeShare);
      if (this.#probeBw > 0 && lost > full + OWN_SHARE * (this.#probeLoss - full)) {
        this.#own = loss;
        this.#variance = Math.min(VARIANCE_MOST, 1.5 * this.#variance);
        restore(this.#probeBw);
      } else {
        this.#own = known ? own + (Math.min(loss, own) - own) * weight : Math.min(loss, START_EXCESS);
      }
    } else {
      this.#own = known && (this.#probes > 0 || loss > own + BIG) ? own + (loss - own) * weight : loss;
      this.#probes += 1;
    }
  }

  #margin(count: number): number {
    // What is known of the path's own loss is as uncertain as the transmissions that it was read from are few.
    const p = Math.max(this.own, 1.5 / this.#ownCount, 0.002);
    return MARGIN + DEVIATIONS * Math.sqrt(this.#variance * p * (1 - p) * (1 / count + 1 / this.#ownCount));
  }
}
