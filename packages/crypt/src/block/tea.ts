// TEA (D. Wheeler, R. Needham, 1994) in CFB mode with 16 rounds = 8 cycles (PROTOCOL crypt §4): 64-bit blocks of two
// big-endian words, key of four big-endian words. The published algorithm has 32 cycles; the wire has 8.

import { IV0, IV1, type TableCipher, xorTail } from './cfb-cipher.ts';
import { checkKey } from './check-key.ts';
import { readWord, writeWord } from './words.ts';

const DELTA = 0x9e3779b9 | 0;
const LAST_SUM = Math.imul(DELTA, 8);

/**
 * Makes a TEA cipher of 8 cycles.
 * @param key - 16 bytes
 * @throws {TypeError} when the key is no Uint8Array
 * @throws {RangeError} when its length differs
 */
export function tea(key: Uint8Array): TableCipher {
  checkKey(key, 16);
  return new Tea(key);
}

class Tea implements TableCipher {
  readonly blockSize = 8;
  readonly words: readonly Int32Array[];
  readonly #key: Int32Array = new Int32Array(4);

  constructor(key: Uint8Array) {
    for (let i = 0; i < 4; i++) this.#key[i] = readWord(key, 4 * i);
    this.words = [this.#key];
  }

  encrypt(bytes: Uint8Array, offset: number, length: number): void {
    const k0 = this.#key[0]!;
    const k1 = this.#key[1]!;
    const k2 = this.#key[2]!;
    const k3 = this.#key[3]!;
    const end = offset + length;
    let v0 = IV0 | 0;
    let v1 = IV1 | 0;
    for (let at = offset; at < end; at += 8) {
      for (let sum = DELTA; ; sum = (sum + DELTA) | 0) {
        v0 = (v0 + (((v1 << 4) + k0) ^ (v1 + sum) ^ ((v1 >>> 5) + k1))) | 0;
        v1 = (v1 + (((v0 << 4) + k2) ^ (v0 + sum) ^ ((v0 >>> 5) + k3))) | 0;
        if (sum === LAST_SUM) break;
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
    const k0 = this.#key[0]!;
    const k1 = this.#key[1]!;
    const k2 = this.#key[2]!;
    const k3 = this.#key[3]!;
    const end = offset + length;
    let v0 = IV0 | 0;
    let v1 = IV1 | 0;
    for (let at = offset; at < end; at += 16) {
      const full = end - at >= 8;
      const c0 = full ? readWord(bytes, at) : 0;
      const c1 = full ? readWord(bytes, at + 4) : 0;
      let w0 = c0;
      let w1 = c1;
      for (let sum = DELTA; ; sum = (sum + DELTA) | 0) {
        v0 = (v0 + (((v1 << 4) + k0) ^ (v1 + sum) ^ ((v1 >>> 5) + k1))) | 0;
        w0 = (w0 + (((w1 << 4) + k0) ^ (w1 + sum) ^ ((w1 >>> 5) + k1))) | 0;
        v1 = (v1 + (((v0 << 4) + k2) ^ (v0 + sum) ^ ((v0 >>> 5) + k3))) | 0;
        w1 = (w1 + (((w0 << 4) + k2) ^ (w0 + sum) ^ ((w0 >>> 5) + k3))) | 0;
        if (sum === LAST_SUM) break;
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
    this.#key.fill(0);
  }
}
