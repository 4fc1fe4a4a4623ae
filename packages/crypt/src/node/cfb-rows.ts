// CFB over the packets of a batch in rows: block r of all packets at once (PROTOCOL crypt §4), the very bytes of packet by packet.
//
//   packet 0   | r0 | r1 | r2 ..      A row's keystream is E(ciphertext of the row before), the IV before row 0: one ECB call,
//   packet 1   | r0 | r1 | r2 ..      in which the processor works on many blocks at once. Along one packet every block waits
//   packet 2   | r0 | r1 | r2 ..      for the one before. It pays when a row is long enough to be worth the call.

import type { createCipheriv } from 'node:crypto';
import { BATCH_CAPACITY, type PacketBatch } from '@kcptun/common';
import { IV0, IV1, IV2, IV3 } from '../block/cfb-cipher.ts';
import { type CryptKernel, wordsOf } from '../kernel.ts';

const BLOCK_SIZE = 16;
/** Bytes in an average row from which on rows are faster than one cipher through all packets: 25 packets (measured: equal at 20 to 24). */
const LEAST_ROW = 400;
const LANES_SIZE = BATCH_CAPACITY * 8;
const BLOCKS_SIZE = BATCH_CAPACITY * BLOCK_SIZE;

const IV: Uint8Array = Uint8Array.from({ length: BLOCK_SIZE }, (_, at) => [IV0, IV1, IV2, IV3][at >> 2]! >>> (24 - 8 * (at & 3)));

/** Seals large batches by rows, in the kernel's memory. */
export class CfbRows {
  readonly #kernel: CryptKernel;
  readonly #ecb: ReturnType<typeof createCipheriv>;
  readonly #place: number;
  readonly #lanes: Int32Array;
  readonly #next: Uint8Array;

  /**
   * @param kernel - works on the rows; memory is reserved in its memory
   * @param ecb - the cipher in ECB mode without padding, of 16-byte blocks; stays the caller's
   */
  constructor(kernel: CryptKernel, ecb: ReturnType<typeof createCipheriv>) {
    const { memory } = kernel;
    this.#kernel = kernel;
    this.#ecb = ecb;
    this.#place = memory.reserve(LANES_SIZE + 2 * BLOCKS_SIZE);
    this.#lanes = wordsOf(memory, this.#place, LANES_SIZE / 4);
    this.#next = memory.bytes.subarray(this.#place + LANES_SIZE, this.#place + LANES_SIZE + BLOCKS_SIZE);
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
    if (total < rows * LEAST_ROW) return false;
    const at = this.#place;
    const keystream = at + LANES_SIZE + BLOCKS_SIZE;
    const next = this.#next.subarray(0, used * BLOCK_SIZE);
    for (let lane = 0; lane < used; lane++) next.set(IV, lane * BLOCK_SIZE);
    for (let row = 0; row < rows; row++) {
      bytes.set(this.#ecb.update(next), keystream);
      kernel.cfbRow(at, used, row, keystream, at + LANES_SIZE);
    }
    return true;
  }

  /** Overwrites keystream and gives the memory back. */
  release(): void {
    const { memory } = this.#kernel;
    const size = LANES_SIZE + 2 * BLOCKS_SIZE;
    memory.bytes.fill(0, this.#place, this.#place + size);
    memory.release(this.#place, size);
  }
}
