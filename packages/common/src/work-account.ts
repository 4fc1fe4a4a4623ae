// What a peer may make us do in a while. Work is counted in units of whoever counts it, not in time:
// the account fills up with time, work is taken off, and who has used it up waits or goes without.

/** An account of work that fills up at an even rate. */
export class WorkAccount {
  readonly #rate: number;
  readonly #most: number;
  #left: number;
  #at = Number.NEGATIVE_INFINITY;

  /**
   * @param rate - units that come in a millisecond
   * @param most - units that it holds at most (default: those of a millisecond)
   */
  constructor(rate: number, most: number = rate) {
    this.#rate = rate;
    this.#most = most;
    this.#left = most;
  }

  /**
   * Units that may be worked off now; 0 or less: none.
   * @param now - ms, never going back
   */
  allowance(now: number): number {
    if (now > this.#at) {
      this.#left = Math.min(this.#most, this.#left + (now - this.#at) * this.#rate);
      this.#at = now;
    }
    return this.#left;
  }

  /** Takes units off; what exceeds the allowance is made up for later. */
  spend(units: number): void {
    this.#left -= units;
  }

  /** How long to wait until there are the units of a millisecond again, in whole ms; 0: no time. */
  get wait(): number {
    return Math.max(0, Math.ceil(1 - this.#left / this.#rate));
  }
}
