// Which paths do not take trains, or only trains of short datagrams. It is the path that refuses:
// its MTU is smaller than a datagram of the train, or the device on its route cannot segment. So
// one path never costs another its trains, and each is tried again after a while: an MTU that a
// router has reported (or that somebody has forged) expires, and routes change.

/** How long a path goes without the trains that it has refused, in ms. */
export const LIMIT_TIME = 60_000;

interface Limit {
  readonly longest: number;
  readonly until: number;
}

/** The paths of a socket that have refused a train. */
export class TrainLimits {
  readonly #limits: Map<number, Limit> = new Map();

  /** Whether there is a limit at all: the usual case costs no look-up. */
  get any(): boolean {
    return this.#limits.size > 0;
  }

  /** The longest datagram, in bytes, that may be part of a train on `path`; 0 for no trains. */
  longest(path: number, now: number): number {
    const limit = this.#limits.get(path);
    if (limit === undefined) return Number.POSITIVE_INFINITY;
    if (now < limit.until) return limit.longest;
    this.#limits.delete(path);
    return Number.POSITIVE_INFINITY;
  }

  /** Notes that `path` has refused; trains of datagrams up to `longest` bytes may go on. */
  limit(path: number, longest: number, now: number): void {
    this.#limits.set(path, { longest, until: now + LIMIT_TIME });
  }

  /** The number of the path leads nowhere, or to somebody else, from now on. */
  forget(path: number): void {
    this.#limits.delete(path);
  }
}
