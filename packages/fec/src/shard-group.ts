// The packets of one group that have come so far, by their place in the group. It holds slots of the pool and may lose
// them to it; then it starts again from nothing.

import type { ShardPool, SlotHolder } from './shard-pool.ts';

/** The packets of a group that a decoder keeps. Used again and again for other groups of the same size. */
export class ShardGroup implements SlotHolder {
  older: SlotHolder | undefined = undefined;
  newer: SlotHolder | undefined = undefined;
  /** The first sequence id of the group. */
  base = 0;
  /** Number of packets kept. */
  count = 0;
  /** Number of data packets kept. */
  dataCount = 0;
  /** Length of the longest shard. */
  longest = 0;
  /** Length of the parity shards; 0 before the first. */
  #parityLength = 0;
  /** Whether the group was complete once. */
  done = false;
  /** Whether it could be rebuilt, but waits until the shard counts are certain. */
  waits = false;
  /** 1 for each packet that is here. */
  readonly present: Uint8Array;
  /** Where each shard is kept; 0 when it is not. */
  readonly offsets: Int32Array;

  readonly #pool: ShardPool;
  readonly #stats: { evicted: number };
  readonly #lengths: Uint16Array;

  /** @param shards - packets of a group, data and parity */
  constructor(pool: ShardPool, shards: number, stats: { evicted: number }) {
    this.#pool = pool;
    this.#stats = stats;
    this.present = new Uint8Array(shards);
    this.offsets = new Int32Array(shards);
    this.#lengths = new Uint16Array(shards);
  }

  /**
   * Whether a shard can belong to the others. Parity is as long as the longest data shard of its
   * group, so all of it has one length and nothing is longer. One long shard among many short ones
   * would make all of them as long to work on.
   */
  fits(isData: boolean, length: number): boolean {
    const parity = this.#parityLength;
    if (isData) return parity === 0 || length <= parity;
    return parity === 0 ? length >= this.longest : length === parity;
  }

  /** Keeps a copy of a shard; false when the pool has no slot. */
  keep(id: number, isData: boolean, bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.count === 0) this.#pool.touch(this);
    const slot = this.#pool.take(this);
    if (slot < 0) {
      if (this.count === 0) this.#pool.leave(this);
      return false;
    }
    this.#pool.copyIn(bytes, offset, length, slot);
    this.offsets[id] = slot;
    this.#lengths[id] = length;
    this.present[id] = 1;
    this.count += 1;
    if (isData) this.dataCount += 1;
    else this.#parityLength = length;
    if (length > this.longest) this.longest = length;
    return true;
  }

  /** Notes that a packet came, without keeping it. */
  note(id: number): void {
    this.present[id] = 1;
  }

  /** Pads all shards with zeros to the length of the longest, up to the multiple of 16 that kernels work on. */
  pad(): void {
    const padded = (this.longest + 15) & -16;
    for (let id = 0; id < this.present.length; id++) {
      if (this.present[id] === 0) continue;
      const offset = this.offsets[id]!;
      this.#pool.bytes.fill(0, offset + this.#lengths[id]!, offset + padded);
    }
  }

  /** Gives all slots back. */
  clear(): void {
    for (let id = 0; id < this.present.length; id++) {
      if (this.#lengths[id] !== 0) this.#pool.release(this.offsets[id]!);
      this.present[id] = 0;
      this.offsets[id] = 0;
      this.#lengths[id] = 0;
    }
    this.count = 0;
    this.dataCount = 0;
    this.longest = 0;
    this.#parityLength = 0;
    this.waits = false;
    this.#pool.leave(this);
  }

  evict(): void {
    this.#stats.evicted += 1;
    this.clear();
  }
}
