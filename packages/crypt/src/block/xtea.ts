// XTEA (D. Wheeler, R. Needham, 1997) in CFB mode: 64-bit blocks of two big-endian words, 64 rounds = 32 cycles. The sum
// of each round and its key word are added once, when the cipher is made (PROTOCOL crypt §4).

import { IV0, IV1, type TableCipher, xorTail } from './cfb-cipher.ts';
import { checkKey } from './check-key.ts';
import { readWord, writeWord } from './words.ts';

const DELTA = 0x9e3779b9 | 0;
const ROUNDS = 64;

/**
 * Makes an XTEA cipher.
 * @param key - 16 bytes
 * @throws {TypeError} when the key is no Uint8Array
 * @throws {RangeError} when its length differs
 */
export function xtea(key: Uint8Array): TableCipher {
  checkKey(key, 16);
  return new Xtea(key);
}

class Xtea implements TableCipher {
  readonly blockSize = 8;
  readonly words: readonly Int32Array[];
  readonly #roundKeys: Int32Array = new Int32Array(ROUNDS);

  constructor(key: Uint8Array) {
    this.words = [this.#roundKeys];
    let sum = 0;
    for (let i = 0; i < ROUNDS; i += 2) {
      this.#roundKeys[i] = sum + readWord(key, 4 * (sum & 3));
      sum = (sum + DELTA) | 0;
      this.#roundKeys[i + 1] = sum + readWord(key, 4 * ((sum >>> 11) & 3));
    }
  }

  encrypt(bytes: Uint8Array, offset: number, length: number): void {
    const keys = this.#roundKeys;
    const end = offset + length;
    let v0 = IV0 | 0;
    let v1 = IV1 | 0;
    for (let at = offset; at < end; at += 8) {
      for (let i = 0; i < ROUNDS; i += 2) {
        v0 = (v0 + ((((v1 << 4) ^ (v1 >>> 5)) + v1) ^ keys[i]!)) | 0;
        v1 = (v1 + ((((v0 << 4) ^ (v0 >>> 5)) + v0) ^ keys[i + 1]!)) | 0;
      }
      if (end - at < 8) {
        xorTail(bytes, at, end - at, v0, v1, 0, 0);
        return;
      }
      v0 ^= readWord(bytes, at);
      v1 ^= readWord(bytes, at + 4);
      writeWord(bytes, at, v0);
      writeWord(bytes, at + 4, v1);
    }
  }

  decrypt(bytes: Uint8Array, offset: number, length: number): void {
    const keys = this.#roundKeys;
    const end = offset + length;
    let v0 = IV0 | 0;
    let v1 = IV1 | 0;
    for (let at = offset; at < end; at += 16) {
      const full = end - at >= 8;
      const c0 = full ? readWord(bytes, at) : 0;
      const c1 = full ? readWord(bytes, at + 4) : 0;
      let w0 = c0;
      let w1 = c1;
      for (let i = 0; i < ROUNDS; i += 2) {
        const even = keys[i]!;
        const odd = keys[i + 1]!;
        v0 = (v0 + ((((v1 << 4) ^ (v1 >>> 5)) + v1) ^ even)) | 0;
        w0 = (w0 + ((((w1 << 4) ^ (w1 >>> 5)) + w1) ^ even)) | 0;
        v1 = (v1 + ((((v0 << 4) ^ (v0 >>> 5)) + v0) ^ odd)) | 0;
        w1 = (w1 + ((((w0 << 4) ^ (w0 >>> 5)) + w0) ^ odd)) | 0;
      }
      if (end - at < 16) {
        xorTail(bytes, at, end - at, v0, v1, w0, w1);
        return;
      }
      const c2 = readWord(bytes, at + 8);
      const c3 = readWord(bytes, at + 12);
      writeWord(bytes, at, c0 ^ v0);
      writeWord(bytes, at + 4, c1 ^ v1);
      writeWord(bytes, at + 8, c2 ^ w0);
      writeWord(bytes, at + 12, c3 ^ w1);
      v0 = c2;
      v1 = c3;
    }
  }

  wipe(): void {
    this.#roundKeys.fill(0);
  }
}
