// CFB by OpenSSL through FFI, on packets where they are (PROTOCOL crypt §4); the very bytes of packet by packet.
//
// Opening: p i = c i xor E(c i-1). One ECB call encrypts the ciphertexts of neighbouring packets and the gaps between them, and an
//   XOR, shifted by a block, does the rest. Block 0 is left as it is: it holds nothing but nonce, of 8-byte blocks half of it.
// Sealing, one by one: with x i = E(c i), c i = p i xor x i-1 makes x i = E(p i xor x i-1), which is CBC of the plaintext from the IV
//   E(IV) on. OpenSSL's CBC takes two thirds of the time of its CFB, for AES, Blowfish and CAST5.
// Sealing, many: by rows across the packets, see cfb-rows.ts.

import type { PacketBatch } from '@kcptun/common';
import type { CryptKernel } from '../../kernel.ts';
import type { PacketTransform } from '../../packet-crypt.ts';
import { CfbRows, FIXED_IV, type RowCipher } from '../cfb-rows.ts';
import { Keystream } from '../keystream.ts';
import { NativeBlockCipher, NativeMemory, type Provider } from './ffi.ts';

/** Keystream at a time: some ten packets, which stay in the processor's first cache until the XOR. */
const RUN_SIZE = 16 * 1024;
/** Bytes between two packets that a parallel cipher encrypts in less time than another call takes. */
const PARALLEL_GAP = 512;
/** A call takes as long as the encryption of 85 bytes of CBC, a packet on its own two calls (measured with AES-256; Node 20 and 24). */
const ROW_COST = { row: 85, packet: 170 };

/** A cipher of OpenSSL by its names there. */
export interface NativeCipher {
  /** Name of the ECB form, for example `AES-256-ECB`. */
  readonly ecb: string;
  /** Name of the CBC form. */
  readonly cbc: string;
  /** Where OpenSSL has it. */
  readonly provider: Provider;
  /** Bytes of a block: 8 or 16. */
  readonly blockSize: 8 | 16;
  /** Whether OpenSSL encrypts independent blocks much faster than dependent ones (AES with processor support). */
  readonly parallel: boolean;
}

/** Runs batches through two long-lived ciphers of OpenSSL. */
export class NativeCfbTransform implements PacketTransform {
  readonly backend: string = 'openssl-ffi';
  readonly #ecb: NativeBlockCipher;
  readonly #cbc: NativeBlockCipher;
  readonly #blockSize: number;
  readonly #gap: number;
  readonly #rows: CfbRows | undefined;
  readonly #keystream: Keystream;
  readonly #scratch: NativeMemory;
  /** Where the last batch was. */
  #packets: NativeMemory;
  #closed = false;

  /**
   * @param cipher - names and block size
   * @param key - of the cipher's length; not kept
   * @param kernel - does the XOR where it can; scratch memory is reserved in its memory
   * @throws {CryptError} `KCPTUN_ERR_CRYPT_NATIVE` when this OpenSSL lacks the cipher
   */
  constructor(cipher: NativeCipher, key: Uint8Array, kernel: CryptKernel | undefined) {
    const { blockSize } = cipher;
    this.#blockSize = blockSize;
    this.#gap = cipher.parallel ? PARALLEL_GAP : 0;
    this.#keystream = new Keystream(kernel, RUN_SIZE);
    let ecb: NativeBlockCipher | undefined;
    let cbc: NativeBlockCipher | undefined;
    try {
      this.#scratch = new NativeMemory(this.#keystream.bytes);
      this.#packets = this.#scratch;
      ecb = new NativeBlockCipher(cipher.ecb, cipher.provider, key);
      this.#ecb = ecb;
      const first = new NativeMemory(FIXED_IV.slice(0, blockSize));
      ecb.update(first, 0, first, 0, blockSize);
      this.#keystream.lead(first.bytes);
      cbc = new NativeBlockCipher(cipher.cbc, cipher.provider, key, first.bytes);
      this.#cbc = cbc;
      this.#rows = kernel !== undefined && cipher.parallel ? new CfbRows(kernel, rowsOf(ecb, this.#scratch), ROW_COST) : undefined;
    } catch (error) {
      ecb?.free();
      cbc?.free();
      this.#keystream.release();
      throw error;
    }
  }

  encrypt(batch: PacketBatch, from: number): void {
    if (this.#rows?.encrypt(batch, from) === true) return;
    const { bytes, offset, length, count } = batch;
    const packets = this.#memoryOf(bytes);
    const blockSize = this.#blockSize;
    const keystream = this.#keystream;
    const cbc = this.#cbc;
    for (let index = from; index < count; index++) {
      const size = length[index]!;
      if (size <= 0) continue;
      cbc.restart();
      // The last block's own encryption would be used by nothing.
      cbc.update(packets, offset[index]!, this.#scratch, keystream.place, (size - 1) & -blockSize);
      keystream.xor(bytes, offset[index]!, -blockSize, size);
    }
  }

  decrypt(batch: PacketBatch): number {
    const { bytes, offset, length, count } = batch;
    const packets = this.#memoryOf(bytes);
    const blockSize = this.#blockSize;
    const keystream = this.#keystream;
    let index = 0;
    while (index < count) {
      // All blocks but the last one, which nothing follows.
      const size = (length[index]! - 1) & -blockSize;
      if (size <= 0) {
        index += 1;
        continue;
      }
      const start = offset[index]!;
      let end = start + size;
      let next = index + 1;
      for (; next < count; next++) {
        const more = (length[next]! - 1) & -blockSize;
        if (more <= 0) continue;
        const at = offset[next]!;
        const gap = at - end;
        if (gap < 0 || gap > this.#gap || ((at - start) & (blockSize - 1)) !== 0 || at + more - start > RUN_SIZE) break;
        end = at + more;
      }
      this.#ecb.update(packets, start, this.#scratch, keystream.place, end - start);
      for (; index < next; index++) {
        const rest = length[index]! - blockSize;
        if (rest > 0) keystream.xor(bytes, offset[index]! + blockSize, offset[index]! - start, rest);
      }
    }
    return 0;
  }

  wipe(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#ecb.free();
    this.#cbc.free();
    this.#rows?.release();
    this.#keystream.release();
  }

  #memoryOf(bytes: Uint8Array): NativeMemory {
    if (bytes !== this.#packets.bytes) this.#packets = bytes === this.#scratch.bytes ? this.#scratch : new NativeMemory(bytes);
    return this.#packets;
  }
}

function rowsOf(ecb: NativeBlockCipher, memory: NativeMemory): RowCipher {
  return { encrypt: (source, target, length) => ecb.update(memory, source, memory, target, length) };
}
