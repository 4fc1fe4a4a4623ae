// How much faster than the path was seen to be it may be tried, round by round while there is next to
// no queue: a little more each round, slowly where a queue overflowed a while ago, and not at all
// for some rounds after a cut.

/** Growth per round, and its end. */
const STEP = 0.02;
export const GROWTH_MOST = 0.25;
/** Rounds without growth after a cut. */
const QUIET_ROUNDS = 10;
/** How long the rate that overflowed a queue is approached slowly, in ms, and how near to it that begins. */
const CEILING_MS = 10_000;
const CEILING_NEAR = 0.1;
const CEILING_SLOWLY = 4;

/** A round that brings less than this does not count as growth; so many without growth end a start. */
const START_GROWTH = 1.25;
export const START_ROUNDS = 3;

/** Whether a start still brings more. */
export class StartGrowth {
  #most = 0;
  #rounds = 0;

  /** Whether it has brought nothing more for some rounds. */
  get isOver(): boolean {
    return this.#rounds >= START_ROUNDS;
  }

  /** Takes the rate after a round; `filled`: the line could have been filled. */
  note(bw: number, filled: boolean): void {
    if (bw > this.#most * START_GROWTH) {
      this.#most = bw;
      this.#rounds = 0;
    } else if (filled) {
      this.#rounds += 1;
    }
  }

  /** Another start begins. */
  forget(): void {
    this.#most = 0;
    this.#rounds = 0;
  }
}

/** What a sender adds to the rate of its path. */
export class Growth {
  /** Share that is added now. */
  share = 0;
  #quiet = 0;
  #ceiling: number = Number.POSITIVE_INFINITY;
  #ceilingAt: number = Number.NEGATIVE_INFINITY;
  /** Whether no queue was seen as it overflowed. */
  #blind = false;
  /** Whether the rate is close to that one. */
  #near = false;

  /** Whether a queue overflowed a while ago. */
  isNearCut(now: number): boolean {
    return now - this.#ceilingAt <= CEILING_MS;
  }

  /** A rate was too high: none is added for some rounds. */
  pause(): void {
    this.#quiet = QUIET_ROUNDS;
  }

  /** `bw` is what remains of a rate that overflowed a queue; `blind`: no queue was seen. */
  remember(bw: number, now: number, blind: boolean): void {
    this.#ceiling = bw;
    this.#ceilingAt = now;
    this.#blind = blind;
  }

  /** The same, seen in a round of cruise; a higher rate than the one that is remembered tells nothing. */
  overflowed(bw: number, now: number, blind: boolean): void {
    if (bw < this.#ceiling) this.remember(bw, now, blind);
  }

  /** A round has ended. */
  endRound(): void {
    if (this.#quiet > 0) this.#quiet -= 1;
  }

  /** A round of cruise has ended; `room`: there is next to no queue. */
  cruise(now: number, bw: number, room: boolean): void {
    // At the rate that has overflowed a queue the steps are small, whatever they were on the way there.
    const remembered = now - this.#ceilingAt < CEILING_MS && bw < (1 + CEILING_NEAR) * this.#ceiling;
    this.#near = remembered && bw * (1 + this.share) > (1 - CEILING_NEAR) * this.#ceiling;
    if (!room || this.#quiet > 0) this.share = 0;
    else this.share = this.#near ? STEP / CEILING_SLOWLY : Math.min(GROWTH_MOST, this.share + STEP);
  }

  /** The most of a gain. */
  limit(gain: number): number {
    if (this.#quiet > 0) return Math.min(1, gain);
    // Where it was too much before, an empty queue does not say that there is room: it may be a policer.
    return this.#near && this.#blind ? Math.min(1 + this.share, gain) : gain;
  }

  /** The cut was wrong. */
  resume(): void {
    this.#quiet = 0;
  }

  /** A slow phase begins. */
  stop(): void {
    this.share = 0;
  }
}
