// Whether a session carries bulk: more bytes than messages have. A small connection beside such a
// session's bytes would wait for each packet of theirs that is lost, so it gets another session.
//
//   level   bytes moved in both directions (those that came count although they cannot be read yet,
//           because one before them is missing), less what leaks away; bulk from BULK on, until it is low
//           again, or until nothing has moved for PAUSE

/** Bytes that make a session carry bulk. */
const BULK = 65_536;
/** From here down it carries none any more. */
const QUIET = 16_384;
/** Bytes a second that never become bulk: a voice, a terminal. On slow lines several downloads share little. */
const LEAK = 8192;
/** Bytes that are remembered at most, so that a transfer which becomes a trickle is bulk for some seconds only. */
const MOST: number = 1.5 * BULK;
/** A pause that ends bulk, in ms; one that losses make is shorter. */
const PAUSE = 2000;

/** Watches the bytes of one session. */
export class BulkWatch {
  #busy = false;
  #level = 0;
  #moved = 0;
  #movedAt: number;
  #at: number;

  constructor(now: number) {
    this.#at = now;
    this.#movedAt = now;
  }

  /**
   * Takes what the session has moved so far.
   * @param moved - bytes in both directions
   * @returns whether bulk begins with them
   */
  note(now: number, moved: number): boolean {
    if (moved === this.#moved) return false;
    this.#leak(now);
    const began = !this.#busy;
    this.#level = Math.min(MOST, this.#level + moved - this.#moved);
    this.#moved = moved;
    this.#movedAt = now;
    if (this.#level >= BULK) this.#busy = true;
    return began && this.#busy;
  }

  /** Whether the session carries bulk at `now`, in ms. */
  busy(now: number): boolean {
    this.#leak(now);
    return this.#busy;
  }

  #leak(now: number): void {
    this.#level = now - this.#movedAt > PAUSE ? 0 : Math.max(0, this.#level - ((now - this.#at) * LEAK) / 1000);
    this.#at = now;
    if (this.#level < QUIET) this.#busy = false;
  }
}
