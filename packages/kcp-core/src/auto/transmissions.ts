// Every transmission of a segment has a running number, its txi. The rate and the losses of a path
// are read from transmissions, because sn repeats and a lost retransmission looks like any other.
//
//      head (undecided)                   next
//        v                                 v
//   ...  [ OUT, ACKED, LOST, OUT, OUT ...  )      index = txi & mask, in parallel typed arrays
//
// The ring keeps what is behind `head` until it is overwritten: a late acknowledgement takes a loss
// back while its transmission is still known.

import { moved } from '../ring-column.ts';

/** On its way, as far as is known. */
export const OUT = 0;
/** It has arrived. */
export const ACKED = 1;
/** It is taken for lost. */
export const LOST = 2;
/** Nothing can be learned of it any more. */
export const GONE = 3;
/** It is taken for lost, and was not counted as such. */
export const MISSED = 4;

const CAPACITY_MIN = 64;
/** Transmissions that are remembered at most, and so the most that may be undecided. */
const TRANSMISSIONS_MAX: number = 1 << 18;

/** The numbered transmissions of one sender. The arrays are replaced when the ring grows. */
export class Transmissions {
  /** Number of the next transmission. */
  next = 0;
  /** First transmission that is not decided. */
  head = 0;
  /** Index mask of all arrays. */
  mask: number = CAPACITY_MIN - 1;
  /** Segment, u32. */
  sn: Uint32Array = new Uint32Array(CAPACITY_MIN);
  /** When it left, ms. */
  sentAt: Float64Array = new Float64Array(CAPACITY_MIN);
  /** Its number among those of all who share the path. */
  order: Float64Array = new Float64Array(CAPACITY_MIN);
  /** Load that had left up to and with it, in full datagrams. */
  load: Float64Array = new Float64Array(CAPACITY_MIN);
  /** Number of the transmission of the same segment before it; -1 for none. */
  before: Float64Array = new Float64Array(CAPACITY_MIN);
  /** OUT, ACKED, LOST, GONE or MISSED. */
  state: Uint8Array = new Uint8Array(CAPACITY_MIN);

  /** Whether `txi` is remembered. */
  knows(txi: number): boolean {
    return txi >= 0 && txi < this.next && this.next - txi <= this.mask + 1;
  }

  /** Notes a transmission and returns its number. */
  add(sn: number, now: number, order: number, load: number, before: number): number {
    if (this.next - this.head > this.mask) this.#grow();
    const txi = this.next;
    const index = txi & this.mask;
    this.sn[index] = sn;
    this.sentAt[index] = now;
    this.order[index] = order;
    this.load[index] = load;
    this.before[index] = before;
    this.state[index] = OUT;
    this.next = txi + 1;
    return txi;
  }

  /** Forgets all. */
  clear(): void {
    this.head = this.next;
  }

  #grow(): void {
    const size = this.mask + 1;
    if (size === TRANSMISSIONS_MAX) {
      // Windows are smaller than that, so these are retransmissions of what is long decided otherwise.
      this.state[this.head & this.mask] = GONE;
      this.head += 1;
      return;
    }
    const from = (this.next - size) & this.mask;
    const to = (this.next - size) & (2 * size - 1);
    this.sn = moved(this.sn, new Uint32Array(2 * size), from, to, size);
    this.sentAt = moved(this.sentAt, new Float64Array(2 * size), from, to, size);
    this.order = moved(this.order, new Float64Array(2 * size), from, to, size);
    this.load = moved(this.load, new Float64Array(2 * size), from, to, size);
    this.before = moved(this.before, new Float64Array(2 * size), from, to, size);
    this.state = moved(this.state, new Uint8Array(2 * size), from, to, size);
    this.mask = 2 * size - 1;
  }
}
