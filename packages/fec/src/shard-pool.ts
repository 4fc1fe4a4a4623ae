// Slots of memory for shards, shared by the encoders and decoders of a process: parity that is being added up, and
// packets kept until their group is complete. Slots are set aside in blocks when first needed, up to a limit. When all are
// taken, the group that was started longest ago loses its slots: what is lost with it is only the chance of a recovery.

import { Arena, checkInteger, type KernelMemory } from '@kcptun/common';
import { MAX_SHARDS, ReedSolomon } from 'reedsolomon-wasm';
import { MAX_SHARD_SIZE } from './constants.ts';

/** How many slots a pool has at most, by default: 1.5 MiB. */
export const DEFAULT_POOL_SLOTS = 1024;
/** Bytes of a slot: the largest shard, and the padding up to 16 that kernels want. */
export const POOL_SLOT_SIZE: number = (MAX_SHARD_SIZE + 15) & -16;

/** How many codecs (pairs of shard counts) a pool keeps. Peers choose them, so it is limited; a dropped one is made again. */
const MAX_CODECS = 16;
const BLOCK_SLOTS = 16;
// The most slots of all the memory that kernels can address.
const MAX_POOL_SLOTS = 65_536;
const TABLES = 16 * 1024;

/** Options of {@link ShardPool}. */
export interface ShardPoolOptions {
  /** Where slots are reserved (default: an `Arena` of its own that fits). */
  readonly memory?: KernelMemory;
  /** The most slots it may take of the memory, 1 to 65536 (default {@link DEFAULT_POOL_SLOTS}). */
  readonly slots?: number;
}

/** @internal Whoever has slots and can lose them: a group of a decoder, or an encoder. The links belong to the pool. */
export interface SlotHolder {
  older: SlotHolder | undefined;
  newer: SlotHolder | undefined;
  /** Gives all slots back and calls `leave`. */
  evict(): void;
}

/** Where encoders and decoders keep shards. One for each memory; give the same one to all sessions of a process. */
export class ShardPool {
  /** The memory that offsets point into. */
  readonly memory: KernelMemory;
  /** All bytes of the memory. */
  readonly bytes: Uint8Array;

  readonly #free: Int32Array;
  #freeCount = 0;
  #slots = 0;
  #limit: number;
  readonly #rebuilt: number[] = [];
  readonly #codecs: Map<number, ReedSolomon> = new Map();
  #oldest: SlotHolder | undefined;
  #newest: SlotHolder | undefined;
  readonly #staging: number;

  /**
   * @throws {TypeError} when `slots` is no integer
   * @throws {RangeError} when `slots` is out of range
   * @throws {KcptunError} `KCPTUN_ERR_ARENA_FULL` when the memory has no room at all
   */
  constructor(options: ShardPoolOptions = {}) {
    this.#limit = checkInteger(options.slots ?? DEFAULT_POOL_SLOTS, 'slots', 1, MAX_POOL_SLOTS);
    this.memory = options.memory ?? new Arena({ byteLength: TABLES + (this.#limit + BLOCK_SLOTS) * POOL_SLOT_SIZE });
    this.bytes = this.memory.bytes;
    this.#staging = this.memory.reserve(POOL_SLOT_SIZE);
    this.#free = new Int32Array(this.#limit);
  }

  /** Number of slots in use. */
  get used(): number {
    return this.#slots - this.#freeCount;
  }

  /** @internal The codec for these shard counts. */
  codec(dataShards: number, parityShards: number): ReedSolomon {
    const key = dataShards * MAX_SHARDS + parityShards;
    let codec = this.#codecs.get(key);
    if (codec === undefined) {
      codec = new ReedSolomon(dataShards, parityShards, { memory: this.memory });
      if (this.#codecs.size === MAX_CODECS) this.#codecs.delete(this.#codecs.keys().next().value as number);
      this.#codecs.set(key, codec);
    }
    return codec;
  }

  /** @internal Lends a slot to `holder`, at the cost of the oldest other holder when none is free; -1 when there is none at all. */
  take(holder: SlotHolder | undefined): number {
    if (this.#freeCount === 0) this.#grow();
    while (this.#freeCount === 0) {
      const victim = this.#oldest === holder ? holder?.newer : this.#oldest;
      if (victim === undefined) return -1;
      victim.evict();
    }
    this.#freeCount -= 1;
    return this.#free[this.#freeCount]!;
  }

  /** @internal Takes a slot back. */
  release(slot: number): void {
    this.#free[this.#freeCount] = slot;
    this.#freeCount += 1;
  }

  /** @internal Makes `holder` the newest one. */
  touch(holder: SlotHolder): void {
    if (this.#newest === holder) return;
    this.leave(holder);
    holder.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = holder;
    else this.#newest.newer = holder;
    this.#newest = holder;
  }

  /** @internal Forgets `holder`, which has no slots any more. */
  leave(holder: SlotHolder): void {
    const { older, newer } = holder;
    if (older !== undefined) older.newer = newer;
    else if (this.#oldest === holder) this.#oldest = newer;
    if (newer !== undefined) newer.older = older;
    else if (this.#newest === holder) this.#newest = older;
    holder.older = undefined;
    holder.newer = undefined;
  }

  /**
   * @internal Slot `index` for rebuilt shards. All decoders of the pool write to the same ones: their content is good until
   * the next packet is decoded. -1 when there is no slot left.
   */
  rebuiltSlot(index: number, holder: SlotHolder | undefined): number {
    while (this.#rebuilt.length <= index) {
      const slot = this.take(holder);
      if (slot < 0) return -1;
      this.#rebuilt.push(slot);
    }
    return this.#rebuilt[index]!;
  }

  /** @internal Copies bytes to an offset of the memory. */
  copyIn(bytes: Uint8Array, offset: number, length: number, target: number): void {
    // Within one memory nothing has to be allocated for a copy.
    if (bytes === this.bytes) bytes.copyWithin(target, offset, offset + length);
    else this.bytes.set(bytes.subarray(offset, offset + length), target);
  }

  /** @internal Copies bytes out of the memory. */
  copyOut(offset: number, length: number, target: Uint8Array, at: number): void {
    if (target === this.bytes) target.copyWithin(at, offset, offset + length);
    else target.set(this.bytes.subarray(offset, offset + length), at);
  }

  /** @internal Copies a shard of some other memory to where kernels see it, padded with zeros; valid until the next call. */
  stage(bytes: Uint8Array, offset: number, length: number): number {
    this.copyIn(bytes, offset, length, this.#staging);
    this.bytes.fill(0, this.#staging + length, this.#staging + POOL_SLOT_SIZE);
    return this.#staging;
  }

  #grow(): void {
    const count = Math.min(BLOCK_SLOTS, this.#limit - this.#slots);
    if (count <= 0) return;
    let block: number;
    try {
      block = this.memory.reserve(count * POOL_SLOT_SIZE);
    } catch {
      // The memory is full: the pool goes on with what it has.
      this.#limit = this.#slots;
      return;
    }
    this.#slots += count;
    for (let index = 0; index < count; index++) this.release(block + index * POOL_SLOT_SIZE);
  }
}

const pools = new WeakMap<KernelMemory, ShardPool>();
let ownPool: ShardPool | undefined;

/** The pool to use: the given one, or the one of a memory, or the one shared by all who name neither. */
export function poolFor(options: { readonly pool?: ShardPool; readonly memory?: KernelMemory }): ShardPool {
  if (options.pool !== undefined) return options.pool;
  const { memory } = options;
  if (memory === undefined) {
    ownPool ??= new ShardPool();
    return ownPool;
  }
  let pool = pools.get(memory);
  if (pool === undefined) {
    pool = new ShardPool({ memory });
    pools.set(memory, pool);
  }
  return pool;
}

/** What codes shards in a memory (default: the one shared by all who name none): `wasm`, or `typescript` where there are no kernels. */
export function fecBackend(memory?: KernelMemory): 'wasm' | 'typescript' {
  return poolFor(memory === undefined ? {} : { memory }).codec(1, 1).backend;
}
