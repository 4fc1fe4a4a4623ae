// How long acknowledged transmissions were on their way, apart for those that are acknowledged in order of their transmission and for late ones.
// With FEC the two mean different things: a segment that the peer rebuilds comes as late as the parity of its group, which in a quiet conversation is
// hundreds of ms, and says nothing about the path. Where the path reorders, late ones are many, and as good as the others.

import { serialDiff } from '@kcptun/common';

/** Times of acknowledgements since the owner last called {@link reset}. */
export class AckTimes {
  /** Longest time in ms of a transmission that was acknowledged before all later ones. */
  slowest = 0;
  /** Longest time in ms of a transmission that was acknowledged after a later one. */
  slowestLate = 0;
  /** Acknowledgements of both kinds. */
  count = 0;
  /** Late ones among them. */
  late = 0;
  /** Whether late acknowledgements give samples of the round-trip time, as in the reference; an owner may decide otherwise. */
  samplesLate = true;
  #newest = -1;

  /**
   * Takes an acknowledgement.
   * @param cur - whole ms
   * @param ts - of the acknowledgement, u32
   * @returns whether it is a sample of the round-trip time
   */
  note(cur: number, ts: number): boolean {
    const took = serialDiff(cur, ts);
    if (took < 0) return this.samplesLate;
    this.count += 1;
    if (this.#newest < 0 || serialDiff(ts, this.#newest) >= 0) {
      this.#newest = ts;
      if (took > this.slowest) this.slowest = took;
      return true;
    }
    this.late += 1;
    if (took > this.slowestLate) this.slowestLate = took;
    return this.samplesLate;
  }

  /** Takes over what another has. */
  add(other: AckTimes): void {
    if (other.slowest > this.slowest) this.slowest = other.slowest;
    if (other.slowestLate > this.slowestLate) this.slowestLate = other.slowestLate;
    this.count += other.count;
    this.late += other.late;
  }

  /** Begins anew, but for which transmission was the newest. */
  reset(): void {
    this.slowest = 0;
    this.slowestLate = 0;
    this.count = 0;
    this.late = 0;
  }
}
