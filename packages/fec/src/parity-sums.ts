// The parity shards of the group that is being sent, added up packet by packet in slots of the pool. The pool may take the
// slots away; then the group goes without parity.
//
//   slot k:  | sums ........................ | rubbish |
//            0                               #summed (multiple of 16, the padded length of the longest shard so far)

import type { ReedSolomon } from 'reedsolomon-wasm';
import type { ShardPool, SlotHolder } from './shard-pool.ts';

/** Parity of one group at a time. */
export class ParitySums implements SlotHolder {
  older: SlotHolder | undefined = undefined;
  newer: SlotHolder | undefined = undefined;
  /** Length of the longest shard added, and so of the parity shards. */
  longest = 0;
  /** Whether all packets of the group so far are in the sums. */
  whole = false;
  /** Number of groups that went without, because the pool had no slots. */
  starved = 0;

  readonly #pool: ShardPool;
  readonly #codec: ReedSolomon;
  readonly #slots: Int32Array;
  #held = false;
  #summed = 0;

  /** @param codec - a codec on the pool's memory */
  constructor(pool: ShardPool, codec: ReedSolomon) {
    this.#pool = pool;
    this.#codec = codec;
    this.#slots = new Int32Array(codec.parityShards);
  }

  /** Begins with a new group. */
  start(): void {
    this.longest = 0;
    this.#summed = 0;
    this.#pool.touch(this);
    if (!this.#held) this.#held = this.#takeSlots();
    this.whole = this.#held;
    if (!this.whole) this.starved += 1;
  }

  /** Keeps the sums from being the next to be taken away: they are about to be sent. */
  finish(): void {
    this.#pool.touch(this);
  }

  /**
   * Adds data shard `id`.
   * @param bytes - holds the shard; when it is the pool's memory, up to 15 bytes behind the shard are overwritten with zeros
   * @param end - how far they may be
   */
  add(id: number, bytes: Uint8Array, offset: number, length: number, end: number): void {
    const padded = (length + 15) & -16;
    let src = offset;
    if (bytes === this.#pool.bytes && offset + padded <= end) {
      for (let at = offset + length; at < offset + padded; at++) bytes[at] = 0;
    } else {
      src = this.#pool.stage(bytes, offset, length);
    }
    const summed = this.#summed;
    if (summed > 0) this.#codec.mulAddAll(id, src, this.#slots, Math.min(summed, padded), false);
    if (padded > summed) this.#extend(id, src, padded);
    if (length > this.longest) this.longest = length;
  }

  /** Where parity shard `k` is; -1 when the pool has taken it. */
  offset(k: number): number {
    return this.#held ? this.#slots[k]! : -1;
  }

  /** Gives the slots back. */
  close(): void {
    this.#pool.leave(this);
    this.whole = false;
    if (!this.#held) return;
    this.#held = false;
    for (let k = 0; k < this.#slots.length; k++) this.#pool.release(this.#slots[k]!);
  }

  evict(): void {
    if (this.whole) this.starved += 1;
    this.close();
  }

  // Writes the part of the sums that no shard has reached so far: there is nothing to add to.
  #extend(id: number, src: number, padded: number): void {
    const slots = this.#slots;
    const from = this.#summed;
    if (from > 0) for (let k = 0; k < slots.length; k++) slots[k]! += from;
    this.#codec.mulAddAll(id, src + from, slots, padded - from, true);
    if (from > 0) for (let k = 0; k < slots.length; k++) slots[k]! -= from;
    this.#summed = padded;
  }

  #takeSlots(): boolean {
    for (let k = 0; k < this.#slots.length; k++) {
      const slot = this.#pool.take(this);
      if (slot >= 0) {
        this.#slots[k] = slot;
        continue;
      }
      while (k > 0) this.#pool.release(this.#slots[--k]!);
      this.#pool.leave(this);
      return false;
    }
    return true;
  }
}
