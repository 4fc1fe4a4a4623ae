// When a socket is better read a little later. A sender without segmentation offload (every Go program) wakes the receiver for every few
// datagrams, and waking, a turn and its acknowledgements then cost more than the datagrams themselves (measured: half of a server's processor time
// in the kernel). While such a stream comes fast, the socket is read once per millisecond, which finds tens of datagrams; a network card's
// interrupts are moderated the same way. Trains, slow streams and single datagrams are read at once.

/** How long rate and size of reads are observed before something is concluded, in ms. */
const PERIOD_MS = 4;
/** Datagrams per ms from which on reads wait. */
const FAST = 24;
/** Datagrams per ms below which they do not any more. */
const SLOW = 12;
/** A read that brings so many on average is worth its turn. */
const FULL = 24;
/** Datagrams per ms from which on the buffer of the socket needs room more than the processor. */
const TOO_FAST = 400;

/** Decides from the reads of one socket whether the next one waits. */
export class ReadPace {
  #waiting = false;
  #since = 0;
  #datagrams = 0;
  #reads = 0;

  /** Whether the next read waits a millisecond. */
  get waiting(): boolean {
    return this.#waiting;
  }

  /**
   * Takes what a read has brought.
   * @param datagrams - their number
   * @param now - time in ms
   * @returns whether the next read waits
   */
  handleRead(datagrams: number, now: number): boolean {
    this.#datagrams += datagrams;
    this.#reads += 1;
    const elapsed = now - this.#since;
    if (datagrams > 0 && elapsed < PERIOD_MS) return this.#waiting;
    // Nothing came for a millisecond: whoever comes next is served at once.
    const rate = datagrams === 0 ? 0 : this.#datagrams / elapsed;
    // Reads that waited are full of course: the rate alone tells when to stop.
    this.#waiting = this.#waiting
      ? rate >= SLOW && rate < TOO_FAST
      : rate >= FAST && rate < TOO_FAST && this.#datagrams < this.#reads * FULL;
    this.#since = now;
    this.#datagrams = 0;
    this.#reads = 0;
    return this.#waiting;
  }
}
