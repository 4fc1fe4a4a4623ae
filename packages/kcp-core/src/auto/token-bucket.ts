// The pace: one token is one full datagram. What leaves at once is bounded by what two turns of the
// program bring, as it is seen to come back; a program that was away for longer has lost the rest.

/** Fewest tokens that may be saved up. */
const LEAST = 4;
const FIRST = 8;
/** A pause of so many ms beyond what may be saved up costs rate. */
const CLIPPED_MS = 8;
/** Turns are taken for at least and at most so many ms apart. */
const TURN_LEAST = 1;
const TURN_MOST = 10;
const ROUNDING = 1e-6;

/** Tokens of one sender. */
export class TokenBucket {
  /** Tokens now; below 0 after the last of a flush. */
  count: number = FIRST;
  #at = 0;
  #turn = TURN_LEAST;

  /**
   * Earns what `pace` (tokens per ms) has brought since.
   * @param waited - something waited for tokens, so the time that has passed is a turn of the program
   * @returns whether much was lost, because the program did not come back in time
   */
  refill(now: number, pace: number, waited: boolean): boolean {
    // Conversations of other sockets may have begun their turn earlier.
    const passed = Math.max(0, now - this.#at);
    this.#at += passed;
    if (waited && passed > 0) this.#turn += (Math.min(TURN_MOST, Math.max(TURN_LEAST, passed)) - this.#turn) / 16;
    const most = Math.max(LEAST, pace * 2 * this.#turn);
    const earned = this.count + passed * pace;
    this.count = Math.min(most, earned);
    return waited && earned > most + CLIPPED_MS * pace;
  }

  /** Whether a datagram may leave. The rounding of what was earned must not make a timer fire for nothing. */
  get ready(): boolean {
    return this.count > 1 - ROUNDING;
  }

  /** When enough has come together to send: a datagram, at high rates what a millisecond brings. */
  releaseAt(pace: number): number {
    const wanted = Math.max(1, Math.min(pace, LEAST / 2));
    return this.#at + Math.max(0, wanted - this.count) / pace;
  }
}
