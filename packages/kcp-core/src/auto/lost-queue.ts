// Segments that wait to be sent again, in the order in which their losses were noticed.

import { moved } from '../ring-column.ts';

/** A ring of sn that grows. Its length is bounded by the transmissions that are remembered. */
export class LostQueue {
  #sn: Uint32Array = new Uint32Array(16);
  #from = 0;
  #to = 0;

  /** Segments in the queue; some may have arrived meanwhile. */
  get length(): number {
    return this.#to - this.#from;
  }

  /** Appends a segment. */
  push(sn: number): void {
    const size = this.#sn.length;
    if (this.length === size) {
      this.#sn = moved(this.#sn, new Uint32Array(size * 2), this.#from & (size - 1), this.#from & (size * 2 - 1), size);
    }
    this.#sn[this.#to & (this.#sn.length - 1)] = sn;
    this.#to += 1;
  }

  /** The first one; there must be one. */
  get first(): number {
    return this.#sn[this.#from & (this.#sn.length - 1)]!;
  }

  /** Takes the first one; there must be one. */
  shift(): number {
    const sn = this.#sn[this.#from & (this.#sn.length - 1)]!;
    this.#from += 1;
    return sn;
  }

  /** Empties the queue. */
  clear(): void {
    this.#from = this.#to;
  }
}
