// How much of a peer's input is worked off at a time. A peer that knows the key decides how much work its bytes make: 64 KiB of empty
// frames are 3 KiB after compression, and nine bytes are a chunk of their own. So work is counted, not bytes, and a session that has
// used up its share waits: its input stays in KCP's window, which closes, and the other sessions go on.
//
//   a frame 1      a chunk of the compressed stream 4      a stream that is opened 16
//
// A share is far more than what bytes that somebody wants can make: a bulk transfer comes to some hundred units in a millisecond.

/** Units of work that a session may make in a millisecond; they take about a tenth of it. */
export const MAX_READ_WORK = 8192;
/** What a chunk of the compressed stream counts. */
export const CHUNK_WORK = 4;
/** What a stream counts that the peer opens. */
export const STREAM_WORK = 16;

/** The account of one session. */
export class ReadWork {
  #left = MAX_READ_WORK;
  #at = Number.NEGATIVE_INFINITY;

  /**
   * Units that may be worked off now.
   * @param now - ms, never going back
   */
  allowance(now: number): number {
    this.#left = Math.min(MAX_READ_WORK, this.#left + (now - this.#at) * MAX_READ_WORK);
    this.#at = now;
    return this.#left;
  }

  /** Takes units off; what exceeds the allowance is made up for later. */
  spend(units: number): void {
    this.#left -= units;
  }

  /** How long to wait until there is a whole share again, in whole ms. */
  get wait(): number {
    return Math.ceil(1 - this.#left / MAX_READ_WORK);
  }
}
