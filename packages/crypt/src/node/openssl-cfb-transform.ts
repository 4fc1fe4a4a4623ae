// Block ciphers of the running Node's OpenSSL, many packets in one call (PROTOCOL crypt §4).
//
// Opening: p i = c i xor E(c i-1) needs the forward direction of known blocks only, so one ECB call encrypts the ciphertexts
//   of the whole batch (the processor works on many blocks at once) and an XOR, shifted by a block, does the rest.
//   Block 0 is left as it is: it holds nothing but nonce, of 8-byte blocks half of it.
// Sealing, any batch: one CFB cipher lives as long as the tunnel and runs through the packets of a batch, each padded to whole
//   blocks. What differs from the fixed IV is ciphertext block 0 only, and the receiver throws away what it decrypts from it:
//   c i = p i xor E(c i-1) holds from block 1 on, and block 0 is as random as the nonce that goes into it.
// Sealing, large batches of long packets: CFB by rows, see cfb-rows.ts.

import { createCipheriv } from 'node:crypto';
import { BATCH_CAPACITY, MAX_DATAGRAM, type PacketBatch, type RandomSource } from '@kcptun/common';
import type { CryptKernel } from '../kernel.ts';
import type { PacketTransform } from '../packet-crypt.ts';
import { WordView } from '../portable/word-view.ts';
import { CfbRows } from './cfb-rows.ts';

type Cipher = ReturnType<typeof createCipheriv>;

/** Scratch memory: as many of the largest datagrams, in whole blocks, as a batch holds. */
const SCRATCH_SIZE = BATCH_CAPACITY * ((MAX_DATAGRAM + 15) & ~15);

/** A cipher of OpenSSL by its names there. */
export interface OpensslCipher {
  /** Name of the CFB form, for example `aes-256-cfb`. */
  readonly cfb: string;
  /** Name of the ECB form. */
  readonly ecb: string;
  /** Bytes of a block: 8 or 16. */
  readonly blockSize: 8 | 16;
  /** Whether OpenSSL encrypts independent blocks much faster than dependent ones (AES with processor support). */
  readonly parallel: boolean;
}

/** Runs batches through two long-lived ciphers of `node:crypto`. */
export class OpensslCfbTransform implements PacketTransform {
  readonly backend: string = 'node';
  readonly #cfb: Cipher;
  readonly #ecb: Cipher;
  readonly #blockSize: number;
  readonly #kernel: CryptKernel | undefined;
  readonly #rows: CfbRows | undefined;
  /** Offset of the scratch memory in the kernel's. */
  readonly #place: number;
  readonly #scratch: Uint8Array;
  readonly #view: WordView = new WordView();
  #closed = false;

  /**
   * @param cipher - names and block size
   * @param key - of the cipher's length; not kept
   * @param kernel - does the XOR where it can; the scratch memory is reserved in its memory
   * @param random - source of the long-lived cipher's IV
   * @throws whatever `createCipheriv` throws when this OpenSSL lacks the cipher
   */
  constructor(cipher: OpensslCipher, key: Uint8Array, kernel: CryptKernel | undefined, random: RandomSource) {
    this.#blockSize = cipher.blockSize;
    const iv = new Uint8Array(cipher.blockSize);
    random(iv);
    this.#cfb = createCipheriv(cipher.cfb, key, iv);
    this.#ecb = createCipheriv(cipher.ecb, key, null);
    this.#ecb.setAutoPadding(false);
    this.#kernel = kernel;
    this.#rows = kernel !== undefined && cipher.parallel ? new CfbRows(kernel, this.#ecb) : undefined;
    this.#place = kernel === undefined ? 0 : kernel.memory.reserve(SCRATCH_SIZE);
    this.#scratch =
      kernel === undefined ? new Uint8Array(SCRATCH_SIZE) : kernel.memory.bytes.subarray(this.#place, this.#place + SCRATCH_SIZE);
  }

  encrypt(batch: PacketBatch, from: number): void {
    if (this.#rows?.encrypt(batch, from) === true) return;
    const { bytes, offset, length, count } = batch;
    const blockSize = this.#blockSize;
    const scratch = this.#scratch;
    let total = 0;
    for (let index = from; index < count; index++) {
      const size = length[index]!;
      if (size <= 0) continue;
      scratch.set(bytes.subarray(offset[index]!, offset[index]! + size), total);
      total += (size + blockSize - 1) & -blockSize;
    }
    if (total === 0) return;
    const sealed = this.#cfb.update(scratch.subarray(0, total));
    let at = 0;
    for (let index = from; index < count; index++) {
      const size = length[index]!;
      if (size <= 0) continue;
      bytes.set(sealed.subarray(at, at + size), offset[index]!);
      at += (size + blockSize - 1) & -blockSize;
    }
  }

  decrypt(batch: PacketBatch): number {
    const { bytes, offset, length, count } = batch;
    const blockSize = this.#blockSize;
    const scratch = this.#scratch;
    let total = 0;
    for (let index = 0; index < count; index++) {
      // All blocks but the last one, which nothing follows.
      const size = (length[index]! - 1) & -blockSize;
      if (size <= 0) continue;
      scratch.set(bytes.subarray(offset[index]!, offset[index]! + size), total);
      total += size;
    }
    if (total === 0) return 0;
    const keystream = this.#ecb.update(scratch.subarray(0, total));
    if (this.#kernel !== undefined && bytes === this.#kernel.memory.bytes) this.#xorByKernel(this.#kernel, batch, keystream);
    else this.#xor(batch, keystream);
    return 0;
  }

  wipe(): void {
    if (this.#closed) return;
    this.#closed = true;
    // `final` frees OpenSSL's context, which overwrites the key schedule.
    this.#cfb.final();
    this.#ecb.final();
    this.#scratch.fill(0);
    this.#rows?.release();
    this.#kernel?.memory.release(this.#place, SCRATCH_SIZE);
  }

  #xorByKernel(kernel: CryptKernel, batch: PacketBatch, keystream: Uint8Array): void {
    const { offset, length, count } = batch;
    const blockSize = this.#blockSize;
    this.#scratch.set(keystream);
    let at = this.#place;
    for (let index = 0; index < count; index++) {
      const size = length[index]! - blockSize;
      if (size <= 0) continue;
      kernel.xor(offset[index]! + blockSize, at, size);
      at += (size + blockSize - 1) & -blockSize;
    }
  }

  #xor(batch: PacketBatch, keystream: Uint8Array): void {
    const { bytes, offset, length, count } = batch;
    const blockSize = this.#blockSize;
    const words = this.#view.of(bytes);
    const keyWords = new Int32Array(keystream.buffer, keystream.byteOffset, keystream.length >> 2);
    let at = 0;
    for (let index = 0; index < count; index++) {
      const size = length[index]! - blockSize;
      if (size <= 0) continue;
      const target = offset[index]! + blockSize;
      const first = (bytes.byteOffset + target) >> 2;
      const whole = ((bytes.byteOffset + target) & 3) === 0 ? size >> 2 : 0;
      for (let word = 0; word < whole; word++) words[first + word]! ^= keyWords[(at >> 2) + word]!;
      for (let done = whole << 2; done < size; done++) bytes[target + done]! ^= keystream[at + done]!;
      at += (size + blockSize - 1) & -blockSize;
    }
  }
}
