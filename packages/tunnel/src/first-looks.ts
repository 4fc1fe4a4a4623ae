// When a client looks whether its server has said something. A server that has acknowledged and said
// nothing yet is sent a NOP at each look: one that could not read our first frames has dropped the
// session by then, and its answer to the NOP shows it. It may drop it only after a look, or acknowledge
// nothing before it; so there are several. A server that can read the frames sends a NOP of its own
// after ten seconds at the latest, as all do by default, and the heartbeats do the rest.

/** Time from the beginning of a session to the first look, in ms. Each further one comes at twice the time. */
const FIRST_LOOK = 1000;
/** No look comes later. */
const LAST_LOOK = 10_000;

/** The looks of one session. */
export class FirstLooks {
  /** When the next one is due, in ms; infinite when none is. */
  at: number;
  readonly #madeAt: number;

  constructor(madeAt: number) {
    this.#madeAt = madeAt;
    this.at = madeAt + FIRST_LOOK;
  }

  /** A look has been taken. */
  taken(now: number, understood: boolean): void {
    const next = 2 * (now - this.#madeAt);
    this.at = understood || next > LAST_LOOK ? Number.POSITIVE_INFINITY : this.#madeAt + next;
  }
}
