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
import { CfbRows, type RowCipher } from './cfb-rows.ts';
import { Keystream } from './keystream.ts';

type Cipher = ReturnType<typeof createCipheriv>;

/** Scratch memory: as many of the largest datagrams, in whole blocks, as a batch holds. */
const SCRATCH_SIZE = BATCH_CAPACITY * ((MAX_DATAGRAM + 15) & ~15);
/** Rows pay from 25 packets on (measured: equal at 20 to 24). */
const ROW_COST = { row: 400, packet: 0 };

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
  readonly #rows: CfbRows | undefined;
  readonly #keystream: Keystream;
  readonly #scratch: Uint8Array;
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
    this.#rows = kernel !== undefined && cipher.parallel ? new CfbRows(kernel, rowsOf(this.#ecb, kernel), ROW_COST) : undefined;
    this.#keystream = new Keystream(kernel, SCRATCH_SIZE);
    this.#scratch = this.#keystream.bytes.subarray(this.#keystream.place, this.#keystream.place + SCRATCH_SIZE);
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
    const keystream = this.#keystream;
    scratch.set(this.#ecb.update(scratch.subarray(0, total)));
    let at = 0;
    for (let index = 0; index < count; index++) {
      const size = length[index]! - blockSize;
      if (size <= 0) continue;
      keystream.xor(bytes, offset[index]! + blockSize, at, size);
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
    this.#rows?.release();
    this.#keystream.release();
  }
}

function rowsOf(ecb: Cipher, kernel: CryptKernel): RowCipher {
  const { bytes } = kernel.memory;
  // The same source in every row of a batch: a view of it is kept, and where it begins.
  let view = bytes.subarray(0, 0);
  let from = 0;
  return {
    encrypt: (source, target, length) => {
      if (view.length !== length || from !== source) {
        view = bytes.subarray(source, source + length);
        from = source;
      }
      bytes.set(ecb.update(view), target);
    },
  };
}
