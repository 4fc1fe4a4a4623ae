// Block ciphers of the running Node's OpenSSL, a whole batch in one call (PROTOCOL crypt §4).
//
// Sealing: one CFB cipher lives as long as the tunnel and runs through the packets of a batch, each padded to whole blocks.
//   What differs from the fixed IV is only ciphertext block 0, and the receiver throws away what it decrypts from it (the
//   nonce): c i = p i xor E(c i-1) holds from block 1 on, and block 0 is as random as the nonce that goes into it.
// Opening: p i = c i xor E(c i-1) needs the forward direction of known blocks only, so one ECB call encrypts the ciphertexts
//   of the whole batch (the processor works on many blocks at once) and an XOR, shifted by a block, does the rest.
//   Block 0 is left as it is: it holds nothing but nonce, of 8-byte blocks half of it.

import { createCipheriv, randomBytes } from 'node:crypto';
import { BATCH_CAPACITY, MAX_DATAGRAM, type PacketBatch } from '@kcptun/common';
import type { PacketTransform } from '../packet-crypt.ts';
import { WordView } from '../portable/word-view.ts';

type Cipher = ReturnType<typeof createCipheriv>;

/** Bytes of a packet in scratch memory at most: the largest datagram in whole blocks. */
const PACKET_ROOM = (MAX_DATAGRAM + 15) & ~15;

/** A cipher of OpenSSL by its names there. */
export interface OpensslCipher {
  /** Name of the CFB form, for example `aes-256-cfb`. */
  readonly cfb: string;
  /** Name of the ECB form. */
  readonly ecb: string;
  /** Bytes of a block: 8 or 16. */
  readonly blockSize: 8 | 16;
}

/** Runs batches through two long-lived ciphers of `node:crypto`. */
export class OpensslCfbTransform implements PacketTransform {
  readonly backend: string = 'node';
  readonly #cfb: Cipher;
  readonly #ecb: Cipher;
  readonly #blockSize: number;
  readonly #scratch: Uint8Array = new Uint8Array(BATCH_CAPACITY * PACKET_ROOM);
  readonly #view: WordView = new WordView();
  #closed = false;

  /**
   * @param cipher - names and block size
   * @param key - of the cipher's length; not kept
   * @throws whatever `createCipheriv` throws when this OpenSSL lacks the cipher
   */
  constructor(cipher: OpensslCipher, key: Uint8Array) {
    this.#blockSize = cipher.blockSize;
    this.#cfb = createCipheriv(cipher.cfb, key, randomBytes(cipher.blockSize));
    this.#ecb = createCipheriv(cipher.ecb, key, null);
    this.#ecb.setAutoPadding(false);
  }

  encrypt(batch: PacketBatch, from: number): void {
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
    const words = this.#view.of(bytes);
    const keyWords = new Int32Array(keystream.buffer, keystream.byteOffset, total >> 2);
    let at = 0;
    for (let index = 0; index < count; index++) {
      const size = length[index]! - blockSize;
      if (size <= 0) continue;
      const start = bytes.byteOffset + offset[index]! + blockSize;
      let done = 0;
      if ((start & 3) === 0) {
        const whole = size >> 2;
        const first = start >> 2;
        const keyFirst = at >> 2;
        for (let word = 0; word < whole; word++) words[first + word]! ^= keyWords[keyFirst + word]!;
        done = whole << 2;
      }
      for (; done < size; done++) bytes[offset[index]! + blockSize + done]! ^= keystream[at + done]!;
      at += (size + blockSize - 1) & -blockSize;
    }
    return 0;
  }

  wipe(): void {
    if (this.#closed) return;
    this.#closed = true;
    // `final` frees OpenSSL's context, which overwrites the key schedule.
    this.#cfb.final();
    this.#ecb.final();
    this.#scratch.fill(0);
  }
}
