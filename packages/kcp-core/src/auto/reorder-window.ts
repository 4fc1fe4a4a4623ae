// How late transmissions come that later ones have overtaken: within this time an overtaken one is not
// lost. It is what was seen in this and the last period, and never more than half a round trip.

/** Round trips of a period. */
const PERIOD = 10;
const ROOM = 1.25;

/** The lateness that a path's reordering explains. */
export class ReorderWindow {
  /** Ms within which an overtaken transmission may still arrive. */
  ms = 1;
  #now = 0;
  #before = 0;
  #since = 0;

  /** A transmission arrived `late` ms after a later one. */
  note(late: number, srtt: number): void {
    if (late <= 0) return;
    this.#now = Math.max(this.#now, Math.min(ROOM * late, (srtt > 0 ? srtt : 100) / 2));
    this.ms = 1 + Math.max(this.#now, this.#before);
  }

  /** Begins another period when it is time. */
  turn(now: number, srtt: number): void {
    if (now - this.#since <= PERIOD * srtt) return;
    this.#before = this.#now;
    this.#now = 0;
    this.#since = now;
    this.ms = 1 + this.#before;
  }
}
