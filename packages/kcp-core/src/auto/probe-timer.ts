// When to look after what is unanswered although nothing was overtaken: one round trip, its variation
// and the gap between acknowledgements after the last sign of life; then ever later, so that a burst of
// losses is left soon and a dead path costs little.

/** Before the first sample, ms. */
const FIRST = 300;
const GROWTH = 1.5;
const LONGEST = 1500;
/** For so long after the last sign of life waits grow no further than `EARLY_GROWTH` times. */
const EARLY_MS = 3000;
const EARLY_GROWTH = 4;
const LATE_GROWTH = 8;
/** So many ms and round trips without an answer, although one is asked for, are an outage when one comes after all. */
const OUTAGE_MS = 250;
const OUTAGE_RTTS = 2;
/** So many are a silence. */
const SILENCE_PROBES = 4;
const SILENCE_MS = 1000;

/** The timer of one sender. */
export class ProbeTimer {
  /** When to probe, ms; `Infinity`: nothing is unanswered. */
  at: number = Number.POSITIVE_INFINITY;
  #count = 0;
  #heardAt = 0;
  /** Since when an answer is waited for. */
  #since = 0;

  /** Something was acknowledged. Returns whether that ends an outage: the path was not there for a while. */
  heard(now: number, srtt: number): boolean {
    const outage = this.#count > 0 && now - this.#since > OUTAGE_MS + OUTAGE_RTTS * srtt;
    this.#heardAt = now;
    this.#count = 0;
    return outage;
  }

  /** Sets the timer. */
  arm(now: number, srtt: number, rttvar: number, ackGap: number): void {
    if (this.#count === 0) this.#since = now;
    const wait = srtt > 0 ? srtt + Math.max(4 * rttvar, 10) + Math.min(ackGap, 40) + 10 : FIRST;
    const growth = Math.min(this.#count, now - this.#heardAt < EARLY_MS ? EARLY_GROWTH : LATE_GROWTH);
    this.at = now + Math.min(LONGEST, wait * GROWTH ** growth);
  }

  /** The timer has run out. Returns whether nothing was heard for so long that all is taken for lost. */
  expire(now: number): boolean {
    this.#count += 1;
    return this.#count >= SILENCE_PROBES && now - this.#heardAt > SILENCE_MS;
  }

  /** Segments to send again now. */
  get segments(): number {
    return this.#count > 1 ? 4 : 2;
  }
}
