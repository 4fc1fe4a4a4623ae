// The sending side (PROTOCOL fec §3): numbers data packets and adds each one to the parity as it leaves, so that nothing is
// kept and nothing waits. After the last data packet of a group its parity packets are due at once.
//
//   group: | data 0 | data 1 | ... | data ds-1 | parity 0 | ... | parity ps-1 |     seqid = multiple of (ds + ps), then +1 each
//
// Parity that is not sent still uses up its ids. Parity is added up in slots of the pool; if the pool takes them away, the group
// goes without.

import { checkInteger, HEADROOM, type KernelMemory, type PacketBatch, SLOT_SIZE, writeU16, writeU32 } from '@kcptun/common';
import { FEC_HEADER_SIZE, FEC_TYPE_DATA, FEC_TYPE_PARITY, MAX_SHARD_SIZE, SHARD_OFFSET, SKIP_PARITY_MS } from './constants.ts';
import { ParitySums } from './parity-sums.ts';
import { checkShards, seqidLimit } from './shard-counts.ts';
import { poolFor, type ShardPool } from './shard-pool.ts';

/** Decides how much parity is sent. The default sends all of it. */
export interface FecPolicy {
  /**
   * Called when the last data packet of a group was added, unless the group is skipped (PROTOCOL fec §3).
   * @param parityShards - parity packets of a group
   * @param now - time in ms
   * @returns how many of them to send, 0 to `parityShards` (others are clamped)
   */
  parity(parityShards: number, now: number): number;
}

/** Options of {@link FecEncoder}. */
export interface FecEncoderOptions {
  /** Data packets of a group, 1 to 255. */
  readonly dataShards: number;
  /** Parity packets of a group, 1 to 255; both together at most 256. */
  readonly parityShards: number;
  /** The memory that kernels work on, best the one of the batches (default: one shared by all who name none). */
  readonly memory?: KernelMemory;
  /** Where parity is kept (default: the pool of `memory`). */
  readonly pool?: ShardPool;
  /** How much parity is sent (default: all). */
  readonly policy?: FecPolicy;
  /** The first sequence id, a multiple of `dataShards + parityShards` (default 0, as peers expect; others are for tests). */
  readonly firstSeqid?: number;
}

/** Adds FEC headers and parity packets to what one session sends. */
export class FecEncoder {
  /** Whether groups that begin go without parity, for as long as it is not known what the peer can read. Their ids are used up all the same. */
  holdsParity = false;

  readonly #pool: ShardPool;
  readonly #policy: FecPolicy | undefined;
  #sums: ParitySums;
  #dataShards: number;
  #parityShards: number;
  #nextDataShards: number;
  #nextParityShards: number;
  #limit: number;
  #seqid: number;
  #paritySeqid = 0;
  #count = 0;
  #due = 0;
  #starvedBefore = 0;
  #lastData: number = Number.NEGATIVE_INFINITY;

  /**
   * @throws {TypeError} when a number is no integer
   * @throws {RangeError} when a number, or the sum of the shard counts, is out of range
   */
  constructor(options: FecEncoderOptions) {
    const { dataShards, parityShards } = options;
    checkShards(dataShards, parityShards);
    this.#pool = poolFor(options);
    this.#policy = options.policy;
    this.#sums = new ParitySums(this.#pool, this.#pool.codec(dataShards, parityShards));
    this.#dataShards = dataShards;
    this.#parityShards = parityShards;
    this.#nextDataShards = dataShards;
    this.#nextParityShards = parityShards;
    this.#limit = seqidLimit(dataShards + parityShards);
    this.#seqid = checkInteger(options.firstSeqid ?? 0, 'firstSeqid', 0, this.#limit - 1);
    if (this.#seqid % (dataShards + parityShards) !== 0) {
      throw new RangeError(`firstSeqid must be a multiple of ${dataShards + parityShards}, got ${this.#seqid}`);
    }
  }

  /** Data packets of the present group. */
  get dataShards(): number {
    return this.#dataShards;
  }

  /** Parity packets of the present group. */
  get parityShards(): number {
    return this.#parityShards;
  }

  /** The sequence id of the next data packet. */
  get seqid(): number {
    return this.#seqid;
  }

  /** Number of groups that went without parity because the pool was full. */
  get starved(): number {
    return this.#starvedBefore + this.#sums.starved;
  }

  /**
   * Changes the shard counts from the next group on. Receivers find out by themselves, but need a while without losses for it
   * (PROTOCOL fec §6) and recover nothing until then.
   * @throws {TypeError} when a count is no integer
   * @throws {RangeError} when a count, or their sum, is out of range
   */
  changeShards(dataShards: number, parityShards: number): void {
    checkShards(dataShards, parityShards);
    this.#nextDataShards = dataShards;
    this.#nextParityShards = parityShards;
  }

  /**
   * Writes the FEC header in front of packet `index` of `batch`, which holds a KCP packet, and adds it to the parity.
   * Up to 15 bytes behind the packet, inside of its slot, are overwritten with zeros.
   * @param now - time in ms; it decides whether the group's parity is worth sending
   * @returns how many parity packets are due: emit them with {@link emitParity} before the next call
   * @throws {RangeError} when the packet is too long for a shard or lacks the room for a header in front
   */
  encode(batch: PacketBatch, index: number, now: number): number {
    const offset = batch.offset[index]! - FEC_HEADER_SIZE;
    const size = batch.length[index]! + 2;
    const slot = batch.slot(index);
    if (!(size >= 2 && size <= MAX_SHARD_SIZE)) throw new RangeError(`packet must have 0 to ${MAX_SHARD_SIZE - 2} bytes, got ${size - 2}`);
    if (offset < slot) throw new RangeError(`packet must have ${FEC_HEADER_SIZE} bytes of room in front`);
    if (this.#count === 0) this.#startGroup();
    const { bytes } = batch;
    const sums = this.#sums;
    writeU32(bytes, offset, this.#seqid);
    writeU16(bytes, offset + 4, FEC_TYPE_DATA);
    writeU16(bytes, offset + SHARD_OFFSET, size);
    batch.offset[index] = offset;
    batch.length[index] = size + SHARD_OFFSET;
    if (sums.whole) sums.add(this.#count, bytes, offset + SHARD_OFFSET, size, slot + SLOT_SIZE);
    this.#seqid += 1;
    this.#count += 1;
    this.#due = 0;
    if (this.#count === this.#dataShards) this.#finishGroup(now);
    this.#lastData = now;
    return this.#due;
  }

  /**
   * Appends a parity packet to `batch`, where data packets have their FEC header too: at slot + HEADROOM - 8.
   * @param k - 0 up to what the last {@link encode} returned, less one
   * @param path - the packet's remote path
   * @returns its index in the batch; -1 in the rare case that the pool was so small that the parity is already gone
   * @throws {RangeError} when the batch is full or no such packet is due
   */
  emitParity(batch: PacketBatch, k: number, path: number): number {
    if (!(k >= 0 && k < this.#due)) throw new RangeError(`k must be between 0 and ${this.#due - 1}, got ${k}`);
    if (batch.full) throw new RangeError('batch must have room for a packet');
    const from = this.#sums.offset(k);
    if (from < 0) return -1;
    const length = this.#sums.longest;
    const index = batch.add(HEADROOM - FEC_HEADER_SIZE, length + SHARD_OFFSET, path);
    const offset = batch.offset[index]!;
    writeU32(batch.bytes, offset, this.#paritySeqid + k);
    writeU16(batch.bytes, offset + 4, FEC_TYPE_PARITY);
    this.#pool.copyOut(from, length, batch.bytes, offset + SHARD_OFFSET);
    return index;
  }

  /** Gives the pool's slots back. The encoder may go on, but the group that is open gets no parity. */
  close(): void {
    this.#sums.close();
  }

  #startGroup(): void {
    if (this.#nextDataShards !== this.#dataShards || this.#nextParityShards !== this.#parityShards) this.#adoptShards();
    if (this.holdsParity) this.#sums.close();
    else this.#sums.start();
  }

  #finishGroup(now: number): void {
    this.#count = 0;
    this.#paritySeqid = this.#seqid;
    this.#seqid += this.#parityShards;
    if (this.#seqid >= this.#limit) this.#seqid = 0;
    // Parity that comes so late has nothing to recover any more: the packets were sent again meanwhile.
    if (!this.#sums.whole || !(now - this.#lastData < SKIP_PARITY_MS)) return;
    const wanted = this.#policy === undefined ? this.#parityShards : this.#policy.parity(this.#parityShards, now);
    this.#due = Math.max(0, Math.min(this.#parityShards, wanted | 0));
    this.#sums.finish();
  }

  #adoptShards(): void {
    this.#starvedBefore += this.#sums.starved;
    this.#sums.close();
    this.#dataShards = this.#nextDataShards;
    this.#parityShards = this.#nextParityShards;
    this.#sums = new ParitySums(this.#pool, this.#pool.codec(this.#dataShards, this.#parityShards));
    const shards = this.#dataShards + this.#parityShards;
    this.#limit = seqidLimit(shards);
    // Groups start at multiples of their size; the ids between are skipped.
    this.#seqid = Math.ceil(this.#seqid / shards) * shards;
    if (this.#seqid >= this.#limit) this.#seqid = 0;
  }
}
