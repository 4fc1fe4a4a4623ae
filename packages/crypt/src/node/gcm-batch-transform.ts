// Method `aes-128-gcm` a batch at a time (PROTOCOL crypt §3 B): the counter blocks of all packets are encrypted by one ECB call of
// OpenSSL, XOR and GHASH are the kernel's. Where cipher objects of node:crypto are slow to make this is about four times as fast.
//
//   scratch, per packet   | E(nonce, 1) | E(nonce, 2) | E(nonce, 3) ..        the first masks the tag, the rest is the keystream

import { createCipheriv } from 'node:crypto';
import { BATCH_CAPACITY, DROPPED, MAX_DATAGRAM, type PacketBatch } from '@kcptun/common';
import { TAG_NONCE_SIZE, TAG_SIZE } from '../framing.ts';
import type { CryptKernel } from '../kernel.ts';
import type { PacketTransform } from '../packet-crypt.ts';

const BLOCK_SIZE = 16;
const OVERHEAD = TAG_NONCE_SIZE + TAG_SIZE;
const SCRATCH_SIZE = BATCH_CAPACITY * (((MAX_DATAGRAM - OVERHEAD + 15) & ~15) + BLOCK_SIZE);
/** Six numbers in four parts of 8 bytes each, and work space. */
const KEY_SIZE = 6 * 4 * 8 + BLOCK_SIZE;

/** AES-128-GCM by one ECB call a batch and the GHASH kernel. */
export class GcmBatchTransform implements PacketTransform {
  readonly backend: string = 'node';
  readonly #kernel: CryptKernel;
  readonly #ecb: ReturnType<typeof createCipheriv>;
  readonly #place: number;
  readonly #scratch: Uint8Array;
  readonly #key: number;

  /**
   * @param kernel - scratch memory is reserved in its memory
   * @param key - 16 bytes; not kept
   */
  constructor(kernel: CryptKernel, key: Uint8Array) {
    const { memory } = kernel;
    this.#kernel = kernel;
    this.#ecb = createCipheriv('aes-128-ecb', key, null);
    this.#ecb.setAutoPadding(false);
    this.#place = memory.reserve(SCRATCH_SIZE + KEY_SIZE);
    this.#key = this.#place + SCRATCH_SIZE;
    this.#scratch = memory.bytes.subarray(this.#place, this.#key);
    const hash = this.#ecb.update(new Uint8Array(BLOCK_SIZE));
    memory.bytes.set(hashParts(hash), this.#key);
    hash.fill(0);
  }

  encrypt(batch: PacketBatch, from: number): void {
    const { bytes, offset, length, count } = batch;
    const kernel = this.#kernel;
    let keystream = this.#keystreams(batch, from);
    for (let index = from; index < count; index++) {
      const size = length[index]!;
      if (size === DROPPED) continue;
      const start = offset[index]!;
      const at = kernel.enter(bytes, start, size);
      kernel.gcmSeal(at + TAG_NONCE_SIZE, size - OVERHEAD, this.#key, keystream);
      kernel.leave(bytes, start, size, at);
      keystream += blocksOf(size) * BLOCK_SIZE;
    }
  }

  decrypt(batch: PacketBatch): number {
    const { bytes, offset, length, count } = batch;
    const kernel = this.#kernel;
    let keystream = this.#keystreams(batch, 0);
    let refused = 0;
    for (let index = 0; index < count; index++) {
      const size = length[index]!;
      if (size === DROPPED) continue;
      const start = offset[index]!;
      const at = kernel.enter(bytes, start, size);
      if (kernel.gcmOpen(at + TAG_NONCE_SIZE, size - OVERHEAD, this.#key, keystream) === 1) {
        kernel.leave(bytes, start, size, at);
      } else {
        length[index] = DROPPED;
        refused += 1;
      }
      keystream += blocksOf(size) * BLOCK_SIZE;
    }
    return refused;
  }

  wipe(): void {
    // `final` frees OpenSSL's context, which overwrites the key schedule.
    this.#ecb.final();
    this.#kernel.memory.bytes.fill(0, this.#place, this.#key + KEY_SIZE);
    this.#kernel.memory.release(this.#place, SCRATCH_SIZE + KEY_SIZE);
  }

  /** Puts the encrypted counter blocks of packets `[from, batch.count)` into scratch memory; returns where they begin. */
  #keystreams(batch: PacketBatch, from: number): number {
    const { bytes, offset, length, count } = batch;
    const kernel = this.#kernel;
    let end = this.#place;
    for (let index = from; index < count; index++) {
      const size = length[index]!;
      if (size === DROPPED) continue;
      const blocks = blocksOf(size);
      kernel.gcmCounters(kernel.enter(bytes, offset[index]!, TAG_NONCE_SIZE), blocks, end);
      end += blocks * BLOCK_SIZE;
    }
    if (end > this.#place) this.#scratch.set(this.#ecb.update(this.#scratch.subarray(0, end - this.#place)));
    return this.#place;
  }
}

/** Counter blocks of a datagram of `size` bytes: one for the tag and the keystream's. */
function blocksOf(size: number): number {
  return 1 + ((size - OVERHEAD + BLOCK_SIZE - 1) >> 4);
}

/** What the kernel multiplies with: the halves of H and their sum, then these reversed, each in four parts of every fourth bit. */
function hashParts(hash: Uint8Array): Uint8Array {
  const number = hash.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
  const low = number & 0xffff_ffff_ffff_ffffn;
  const high = number >> 64n;
  const plain = [low, high, low ^ high];
  const parts = [...plain, ...plain.map(reverse)].flatMap((half) =>
    [0n, 1n, 2n, 3n].map((part) => half & (0x1111_1111_1111_1111n << part)),
  );
  const view = new DataView(new ArrayBuffer(parts.length * 8));
  parts.forEach((part, index) => {
    view.setBigUint64(index * 8, part, true);
  });
  return new Uint8Array(view.buffer);
}

function reverse(half: bigint): bigint {
  let reversed = 0n;
  for (let bit = 0n; bit < 64n; bit++) reversed |= ((half >> bit) & 1n) << (63n - bit);
  return reversed;
}
