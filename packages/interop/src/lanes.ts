// Runs a bounded number of jobs at a time. A case has programs of its own; too many at once would measure the machine.

/** A queue in front of a fixed number of lanes. */
export class Lanes {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** @param lanes - how many jobs may run at the same time */
  constructor(lanes: number) {
    this.#free = lanes;
  }

  /** Runs a job as soon as a lane is free; gives what it gives. */
  async run<T>(job: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await job();
    } finally {
      // The lane goes to the next in the queue without becoming free in between.
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
