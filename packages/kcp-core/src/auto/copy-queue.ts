// Copies of transmissions that are to leave a few ms later, so that one short burst of losses does not
// take them all.

/** Most copies that wait; what comes on top is left out. */
const CAPACITY = 1024;

/** A ring of (time, sn). */
export class CopyQueue {
  readonly #at: Float64Array = new Float64Array(CAPACITY);
  readonly #sn: Uint32Array = new Uint32Array(CAPACITY);
  #from = 0;
  #to = 0;

  /** When the first copy is due, ms; `Infinity` when there is none. */
  get at(): number {
    return this.#from === this.#to ? Number.POSITIVE_INFINITY : this.#at[this.#from % CAPACITY]!;
  }

  /** Plans `count` copies of a segment, `gap` ms apart. */
  add(now: number, gap: number, sn: number, count: number): void {
    for (let copy = 1; copy <= count && this.#to - this.#from < CAPACITY; copy++) {
      this.#at[this.#to % CAPACITY] = now + copy * gap;
      this.#sn[this.#to % CAPACITY] = sn;
      this.#to += 1;
    }
  }

  /** Takes the first one; there must be one. */
  shift(): number {
    const sn = this.#sn[this.#from % CAPACITY]!;
    this.#from += 1;
    return sn;
  }

  /** Drops all copies. */
  clear(): void {
    this.#from = this.#to;
  }
}
