// Addresses from which somebody has answered what was sent there: they are not made up, and
// sessions from there may be answered at length at once.

/** How long an address counts as proven, in ms. */
export const PROVEN_AGE: number = 60 * 60 * 1000;
/** Most addresses that are remembered; the oldest gives way. */
export const MAX_PROVEN = 16_384;

/** Remembers addresses, each without its port. */
export class ProvenAddresses {
  /** In the order of their times. */
  readonly #times: Map<string, number> = new Map();

  /** Number of addresses. */
  get size(): number {
    return this.#times.size;
  }

  /** Remembers an address, which is empty where none is known; `now` in ms. */
  add(address: string, now: number): void {
    if (address === '') return;
    this.#times.delete(address);
    this.#times.set(address, now);
    for (const [oldest, time] of this.#times) {
      if (this.#times.size <= MAX_PROVEN && now - time < PROVEN_AGE) return;
      this.#times.delete(oldest);
    }
  }

  /** Whether an address was proven within the last {@link PROVEN_AGE}. */
  has(address: string, now: number): boolean {
    const time = this.#times.get(address);
    return time !== undefined && now - time < PROVEN_AGE;
  }
}
