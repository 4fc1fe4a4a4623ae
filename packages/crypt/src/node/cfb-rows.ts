// CFB over the packets of a batch in rows: block r of all packets at once (PROTOCOL crypt §4), the very bytes of packet by packet.
//
//   packet 0   | r0 | r1 | r2 ..      A row's keystream is E(ciphertext of the row before), E(IV) for row 0: one ECB call,
//   packet 1   | r0 | r1 | r2 ..      in which the processor works on many blocks at once. Along one packet every block waits
//   packet 2   | r0 | r1 | r2 ..      for the one before. It pays when a row is long enough to be worth the call.

import { BATCH_CAPACITY, type PacketBatch } from '@kcptun/common';
import { IV0, IV1, IV2, IV3 } from '../block/cfb-cipher.ts';
import { type CryptKernel, wordsOf } from '../kernel.ts';

const BLOCK_SIZE = 16;
const LANES_SIZE = BATCH_CAPACITY * 8;
const BLOCKS_SIZE = BATCH_CAPACITY * BLOCK_SIZE;
// Lanes, the ciphertext of a row, its keystream, the keystream of row 0.
const NEXT_AT = LANES_SIZE;
const KEYSTREAM_AT = NEXT_AT + BLOCKS_SIZE;
const FIRST_AT = KEYSTREAM_AT + BLOCKS_SIZE;
const PLACE_SIZE = FIRST_AT + BLOCKS_SIZE;

/** The IV of every packet; 8-byte ciphers use the first half. */
export const FIXED_IV: Uint8Array = Uint8Array.from(
  { length: BLOCK_SIZE },
  (_, at) => [IV0, IV1, IV2, IV3][at >> 2]! >>> (24 - 8 * (at & 3)),
);

/** Encrypts independent blocks of 16 bytes. */
export interface RowCipher {
  /** From one offset of the kernel's memory to another. */
  encrypt(source: number, target: number, length: number): void;
}

/** What the calls cost, as the bytes that sealing one packet after the other encrypts in that time; measured. */
export interface RowCost {
  /** The call for a row. */
  readonly row: number;
  /** The calls for a packet of its own. */
  readonly packet: number;
}

/** Seals large batches by rows, in the kernel's memory. */
export class CfbRows {
  readonly #kernel: CryptKernel;
  readonly #cipher: RowCipher;
  readonly #cost: RowCost;
  readonly #place: number;
  readonly #lanes: Int32Array;

  /**
   * @param kernel - works on the rows; memory is reserved in its memory
   * @param cipher - encrypts the rows; stays the caller's
   * @param cost - when rows pay
   */
  constructor(kernel: CryptKernel, cipher: RowCipher, cost: RowCost) {
    const { memory } = kernel;
    this.#kernel = kernel;
    this.#cipher = cipher;
    this.#cost = cost;
    this.#place = memory.reserve(PLACE_SIZE);
    this.#lanes = wordsOf(memory, this.#place, LANES_SIZE / 4);
    // The keystream of row 0 is the same for all packets.
    const first = this.#place + FIRST_AT;
    for (let lane = 0; lane < BATCH_CAPACITY; lane++) memory.bytes.set(FIXED_IV, first + lane * BLOCK_SIZE);
    cipher.encrypt(first, first, BLOCKS_SIZE);
  }

  /** Encrypts packets `[from, batch.count)` in place, or returns false where this is not the faster way. */
  encrypt(batch: PacketBatch, from: number): boolean {
    const { bytes, offset, length, count } = batch;
    const kernel = this.#kernel;
    if (bytes !== kernel.memory.bytes) return false;
    const lanes = this.#lanes;
    let used = 0;
    let longest = 0;
    let total = 0;
    for (let index = from; index < count; index++) {
      const size = length[index]!;
      if (size <= 0) continue;
      lanes[used * 2] = offset[index]!;
      lanes[used * 2 + 1] = offset[index]! + size;
      used += 1;
      total += size;
      if (size > longest) longest = size;
    }
    const rows = Math.ceil(longest / BLOCK_SIZE);
    if (total + used * this.#cost.packet < rows * this.#cost.row) return false;
    const cipher = this.#cipher;
    const at = this.#place;
    const next = at + NEXT_AT;
    const keystream = at + KEYSTREAM_AT;
    kernel.cfbRow(at, used, 0, at + FIRST_AT, next);
    for (let row = 1; row < rows; row++) {
      cipher.encrypt(next, keystream, used * BLOCK_SIZE);
      kernel.cfbRow(at, used, row, keystream, next);
    }
    return true;
  }

  /** Overwrites keystream and gives the memory back. */
  release(): void {
    const { memory } = this.#kernel;
    memory.bytes.fill(0, this.#place, this.#place + PLACE_SIZE);
    memory.release(this.#place, PLACE_SIZE);
  }
}
