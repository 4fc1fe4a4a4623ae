// Bounds the log lines that strangers can cause: whoever can send datagrams must not be able to fill a disk.

/** Lines of one kind in a period, unless its budget has another number. */
const LINES = 20;
/** The period in ms. */
const PERIOD = 60_000;

/** Lets some lines through, and tells with the next one how many were left out. */
export class LineBudget {
  readonly #most: number;
  #since: number = Number.NEGATIVE_INFINITY;
  #lines = 0;
  #omitted = 0;

  /** @param most - lines in a minute */
  constructor(most: number = LINES) {
    this.#most = most;
  }

  /**
   * Asks for a line.
   * @returns text to put behind it: empty, or how many were left out before; `undefined` when this one is to be left out
   */
  take(now: number): string | undefined {
    if (now - this.#since >= PERIOD) {
      this.#since = now;
      this.#lines = 0;
    }
    if (this.#lines === this.#most) {
      this.#omitted += 1;
      return undefined;
    }
    this.#lines += 1;
    const omitted = this.#omitted;
    this.#omitted = 0;
    return omitted === 0 ? '' : ` (${omitted} more lines like this were left out)`;
  }
}
