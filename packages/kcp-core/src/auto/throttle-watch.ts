// Whether a path was throttled: some networks let a UDP flow run for a while and then hold it at a small
// part of its rate. What was held for some seconds is compared with what the path takes now. A queue that
// stands, or losses beyond the path's own, explain a lower rate: others share the line. So does an
// application that sends little. What is left was throttled, or is a line that has become much slower;
// another port shows which.
//
//   rate   ▔▔▔▔▔▔▔▔▔▔▔\                    spans of SPAN ms
//                      \▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁    FALL_SPANS below a third, without an explanation: an event
//          held         queue,  clean

/** Spans, in ms, over which rates are compared, and fewest rounds of one. */
const SPAN = 3000;
const ROUNDS_LEAST = 8;
/** Below this share of what was held, for so many spans running. */
const FALL = 1 / 3;
const FALL_SPANS = 3;
/** Share of the rounds of a span that may have an explanation. */
const EXPLAINED_MOST = 1 / 4;
/** A rate that was held is compared with for so long, in ms. */
const HELD_MOST = 600_000;

/** Watches the rate of one path. */
export class ThrottleWatch {
  /** How often the path was throttled so far. */
  events = 0;
  /** The rates before and after the last time, in full datagrams per ms. */
  before = 0;
  after = 0;
  #held = 0;
  #heldAt = 0;
  #low = 0;
  // The open span.
  #from: number = Number.NEGATIVE_INFINITY;
  #rounds = 0;
  #explained = 0;
  #least = 0;
  #most = 0;

  /**
   * Takes a round.
   * @param explained - a queue, losses or an application that sends little explain a lower rate
   */
  note(now: number, bw: number, explained: boolean): void {
    if (now - this.#from > 2 * SPAN) this.#open(now);
    this.#rounds += 1;
    if (explained) this.#explained += 1;
    this.#least = Math.min(this.#least, bw);
    this.#most = Math.max(this.#most, bw);
    if (now - this.#from < SPAN) return;
    if (this.#rounds >= ROUNDS_LEAST) this.#close(now);
    this.#open(now);
  }

  /** The rate is looked for anew: what is seen says nothing. */
  interrupt(): void {
    this.#from = Number.NEGATIVE_INFINITY;
  }

  #open(now: number): void {
    this.#from = now;
    this.#rounds = 0;
    this.#explained = 0;
    this.#least = Number.POSITIVE_INFINITY;
    this.#most = 0;
  }

  #close(now: number): void {
    if (this.#least >= this.#held || now - this.#heldAt > HELD_MOST) {
      this.#held = this.#least;
      this.#heldAt = now;
    }
    if (this.#most >= FALL * this.#held) this.#low = 0;
    else if (this.#explained <= EXPLAINED_MOST * this.#rounds) this.#low += 1;
    if (this.#low < FALL_SPANS) return;
    this.events += 1;
    this.before = this.#held;
    this.after = this.#most;
    this.#low = 0;
    // From here on this is what the path takes.
    this.#held = this.#most;
    this.#heldAt = now;
  }
}
