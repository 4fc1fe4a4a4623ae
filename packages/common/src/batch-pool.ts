// Batches for those who need one for the length of a turn: a thousand sockets and endpoints share a few of them.

import type { KernelMemory } from './arena.ts';
import { PacketBatch } from './packet-batch.ts';

/** Batches kept for the next borrower; further ones go back to the memory. */
const SPARE_BATCHES = 4;

const pools: WeakMap<KernelMemory, BatchPool> = new WeakMap();

/** Lends batches in one memory. Whoever borrows one owns it until it is given back. */
export class BatchPool {
  readonly #memory: KernelMemory | undefined;
  readonly #spare: PacketBatch[] = [];
  #lent = 0;

  /** @param memory - where the batches live; without one, each has memory of its own */
  constructor(memory?: KernelMemory) {
    this.#memory = memory;
  }

  /** The pool of a memory: one for all who ask. Without a memory, a new pool. */
  static of(memory: KernelMemory | undefined): BatchPool {
    if (memory === undefined) return new BatchPool();
    let pool = pools.get(memory);
    if (pool === undefined) {
      pool = new BatchPool(memory);
      pools.set(memory, pool);
    }
    return pool;
  }

  /** Number of batches that are lent. */
  get lent(): number {
    return this.#lent;
  }

  /** Lends an empty batch. */
  borrow(): PacketBatch {
    const batch = this.#spare.pop() ?? new PacketBatch(this.#memory);
    this.#lent += 1;
    return batch;
  }

  /** Takes a batch back. The caller must not touch it afterwards. */
  giveBack(batch: PacketBatch): void {
    this.#lent -= 1;
    batch.clear();
    if (this.#spare.length < SPARE_BATCHES) this.#spare.push(batch);
    else batch.release();
  }
}
