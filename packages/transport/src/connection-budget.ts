// How many byte connections a process may have open. Each takes a descriptor, and a process without one left cannot
// accept, connect, resolve a name, open its log or even look at itself: so some are kept back for everything else.

/** Descriptors that connections never take: for Node itself, logs, name lookups, profiles and datagram sockets. */
export const RESERVED_FILES = 128;

/** Counts the byte connections of a process. */
export class ConnectionBudget {
  readonly #files: number;
  #sockets = 0;
  #open = 0;

  /** @param files - how many descriptors the process may have; by default as many as it likes */
  constructor(files: number = Number.POSITIVE_INFINITY) {
    this.#files = files;
  }

  /** How many connections may be open at a time: all descriptors but the reserve, and half of them at least. */
  get limit(): number {
    const { POSITIVE_INFINITY } = Number;
    if (this.#files === POSITIVE_INFINITY) return POSITIVE_INFINITY;
    return Math.max(Math.floor(this.#files / 2), this.#files - RESERVED_FILES - this.#sockets);
  }

  /** How many are open. */
  get open(): number {
    return this.#open;
  }

  /** How many more may be opened. */
  get free(): number {
    return Math.max(0, this.limit - this.#open);
  }

  /** Keeps descriptors back for so many more datagram sockets; fewer when negative. */
  reserve(sockets: number): void {
    this.#sockets += sockets;
  }

  /**
   * Takes one.
   * @returns gives it back, once however often it is called; `undefined` when none is left
   */
  take(): (() => void) | undefined {
    if (this.#open >= this.limit) return undefined;
    this.#open += 1;
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#open -= 1;
    };
  }
}
