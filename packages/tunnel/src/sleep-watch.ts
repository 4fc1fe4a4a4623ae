// Notices that the machine or the process has slept. Where the monotonic clock stands still meanwhile,
// as on Linux, the wall clock is ahead of it afterwards; where it goes on, and for a process that was
// stopped, a look that had to come at a certain time comes late. Sessions may have been given up by
// their peers meanwhile, and what is read from sockets now was sent before.

/**
 * A difference between the clocks, or a delay, of so many ms is a sleep. Taking less for one would
 * cost a round trip now and then for nothing; taking a wall clock that was set for one costs the same.
 */
const LEAST_SLEEP = 2000;

/** Compares the clocks, and the time with when it was due, at each look. */
export class SleepWatch {
  readonly #period: number;
  #ahead: number;
  #lookedAt: number;

  /**
   * @param period - how often it is looked at least, in ms; infinite where nothing is due
   * @param now - the monotonic time in ms
   * @param wall - the time of day in ms
   */
  constructor(period: number, now: number, wall: number) {
    this.#period = period;
    this.#ahead = wall - now;
    this.#lookedAt = now;
  }

  /** Whether there was a sleep since the last look. */
  look(now: number, wall: number): boolean {
    const gained = wall - now - this.#ahead;
    const late = now - this.#lookedAt - this.#period;
    this.#ahead = wall - now;
    this.#lookedAt = now;
    return gained >= LEAST_SLEEP || late >= LEAST_SLEEP;
  }
}
