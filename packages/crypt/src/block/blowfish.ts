// Blowfish (B. Schneier, 1993) in CFB mode: 64-bit blocks of two big-endian words, 16 Feistel rounds, key-dependent
// S-boxes. P-array and S-boxes start as the fraction of pi and lie in one table: S1 to S4 of 256 words, then P of 18.

import { IV0, IV1, type TableCipher, xorTail } from './cfb-cipher.ts';
import { checkKey } from './check-key.ts';
import { PI_WORDS } from './tables/pi.ts';
import { parseWords, readWord, writeWord } from './words.ts';

const P = 1024;
const P_WORDS = 18;
const MAX_KEY_BYTES = 56;

let piTable: Int32Array | undefined;

/**
 * Makes a Blowfish cipher.
 * @param key - 1 to 56 bytes; kcptun uses 32
 * @throws {TypeError} when the key is no Uint8Array
 * @throws {RangeError} when its length is out of range
 */
export function blowfish(key: Uint8Array): TableCipher {
  checkKey(key, 1, MAX_KEY_BYTES);
  return new Blowfish(key);
}

class Blowfish implements TableCipher {
  readonly blockSize = 8;
  readonly words: readonly Int32Array[];
  readonly #table: Int32Array;

  constructor(key: Uint8Array) {
    this.#table = expandKey(key);
    this.words = [this.#table];
  }

  encrypt(bytes: Uint8Array, offset: number, length: number): void {
    const t = this.#table;
    const last = t[P + 17]!;
    const beforeLast = t[P + 16]!;
    const end = offset + length;
    let l = IV0 | 0;
    let r = IV1 | 0;
    for (let at = offset; at < end; at += 8) {
      for (let i = P; i < P + 16; i += 2) {
        l ^= t[i]!;
        r ^= (((t[l >>> 24]! + t[256 | ((l >>> 16) & 255)]!) ^ t[512 | ((l >>> 8) & 255)]!) + t[768 | (l & 255)]!) ^ t[i + 1]!;
        l ^= ((t[r >>> 24]! + t[256 | ((r >>> 16) & 255)]!) ^ t[512 | ((r >>> 8) & 255)]!) + t[768 | (r & 255)]!;
      }
      const k0 = r ^ last;
      const k1 = l ^ beforeLast;
      if (end - at < 8) {
        xorTail(bytes, at, end - at, k0, k1, 0, 0);
        return;
      }
      l = k0 ^ readWord(bytes, at);
      r = k1 ^ readWord(bytes, at + 4);
      writeWord(bytes, at, l);
      writeWord(bytes, at + 4, r);
    }
  }

  decrypt(bytes: Uint8Array, offset: number, length: number): void {
    const t = this.#table;
    const last = t[P + 17]!;
    const beforeLast = t[P + 16]!;
    const end = offset + length;
    let l = IV0 | 0;
    let r = IV1 | 0;
    for (let at = offset; at < end; at += 16) {
      const full = end - at >= 8;
      const c0 = full ? readWord(bytes, at) : 0;
      const c1 = full ? readWord(bytes, at + 4) : 0;
      let l2 = c0;
      let r2 = c1;
      for (let i = P; i < P + 16; i += 2) {
        const p0 = t[i]!;
        const p1 = t[i + 1]!;
        l ^= p0;
        l2 ^= p0;
        r ^= (((t[l >>> 24]! + t[256 | ((l >>> 16) & 255)]!) ^ t[512 | ((l >>> 8) & 255)]!) + t[768 | (l & 255)]!) ^ p1;
        r2 ^= (((t[l2 >>> 24]! + t[256 | ((l2 >>> 16) & 255)]!) ^ t[512 | ((l2 >>> 8) & 255)]!) + t[768 | (l2 & 255)]!) ^ p1;
        l ^= ((t[r >>> 24]! + t[256 | ((r >>> 16) & 255)]!) ^ t[512 | ((r >>> 8) & 255)]!) + t[768 | (r & 255)]!;
        l2 ^= ((t[r2 >>> 24]! + t[256 | ((r2 >>> 16) & 255)]!) ^ t[512 | ((r2 >>> 8) & 255)]!) + t[768 | (r2 & 255)]!;
      }
      if (end - at < 16) {
        xorTail(bytes, at, end - at, r ^ last, l ^ beforeLast, r2 ^ last, l2 ^ beforeLast);
        return;
      }
      const c2 = readWord(bytes, at + 8);
      const c3 = readWord(bytes, at + 12);
      writeWord(bytes, at, c0 ^ r ^ last);
      writeWord(bytes, at + 4, c1 ^ l ^ beforeLast);
      writeWord(bytes, at + 8, c2 ^ r2 ^ last);
      writeWord(bytes, at + 12, c3 ^ l2 ^ beforeLast);
      l = c2;
      r = c3;
    }
  }

  wipe(): void {
    this.#table.fill(0);
  }
}

/** Mixes the key into P cyclically, then replaces P and the S-boxes by 521 chained encryptions of zero. */
function expandKey(key: Uint8Array): Int32Array {
  piTable ??= parseWords(PI_WORDS);
  const table = new Int32Array(P + P_WORDS);
  table.set(piTable.subarray(P_WORDS));
  table.set(piTable.subarray(0, P_WORDS), P);
  let at = 0;
  for (let i = 0; i < P_WORDS; i++) {
    let word = 0;
    for (let j = 0; j < 4; j++) {
      word = (word << 8) | key[at]!;
      at = (at + 1) % key.length;
    }
    table[P + i]! ^= word;
  }
  const block = new Int32Array(2);
  for (let i = 0; i < P + P_WORDS; i += 2) {
    encryptBlock(table, block);
    // P comes first in the order of the algorithm, but last in the table.
    table.set(block, i < P_WORDS ? P + i : i - P_WORDS);
  }
  block.fill(0);
  return table;
}

function encryptBlock(t: Int32Array, block: Int32Array): void {
  let l = block[0]!;
  let r = block[1]!;
  for (let i = P; i < P + 16; i++) {
    l ^= t[i]!;
    const next = r ^ (((t[l >>> 24]! + t[256 | ((l >>> 16) & 255)]!) ^ t[512 | ((l >>> 8) & 255)]!) + t[768 | (l & 255)]!);
    r = l;
    l = next;
  }
  block[0] = r ^ t[P + 17]!;
  block[1] = l ^ t[P + 16]!;
}
