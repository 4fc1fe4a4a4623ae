// SM4 (GB/T 32907-2016) in CFB mode: 128-bit blocks of four big-endian words, 32 rounds. S-box and linear map L are
// merged into four tables of 256 words, which are computed on first use.

import { IV0, IV1, IV2, IV3, type TableCipher, xorBlock, xorTail } from './cfb-cipher.ts';
import { checkKey } from './check-key.ts';
import { multiply } from './gf256.ts';
import { readWord, rotateLeft, writeWord } from './words.ts';

const ROUNDS = 32;
const FK = [0xa3b1bac6, 0x56aa3350, 0x677d9197, 0xb27022dc] as const;
/** The field polynomial x^8 + x^7 + x^6 + x^5 + x^4 + x^2 + 1. */
const FIELD = 0x1f5;
/** The S-box is affine(inverse(affine(x))); row 0 of the circulant matrix, and the constant. */
const AFFINE_ROW = 0xa7;
const AFFINE_CONSTANT = 0xd3;

let sbox: Uint8Array | undefined;
let tables: Int32Array | undefined;

/**
 * Makes an SM4 cipher.
 * @param key - 16 bytes
 * @throws {TypeError} when the key is no Uint8Array
 * @throws {RangeError} when its length differs
 */
export function sm4(key: Uint8Array): TableCipher {
  checkKey(key, 16);
  sbox ??= makeSbox();
  tables ??= makeTables(sbox);
  return new Sm4(tables, expandKey(key, sbox));
}

class Sm4 implements TableCipher {
  readonly blockSize = 16;
  readonly words: readonly Int32Array[];
  readonly #tables: Int32Array;
  readonly #roundKeys: Int32Array;

  constructor(t: Int32Array, roundKeys: Int32Array) {
    this.words = [t, roundKeys];
    this.#tables = t;
    this.#roundKeys = roundKeys;
  }

  encrypt(bytes: Uint8Array, offset: number, length: number): void {
    const t = this.#tables;
    const keys = this.#roundKeys;
    const end = offset + length;
    let a = IV0 | 0;
    let b = IV1 | 0;
    let c = IV2 | 0;
    let d = IV3 | 0;
    for (let at = offset; at < end; at += 16) {
      for (let i = 0; i < ROUNDS; i += 4) {
        let x = b ^ c ^ keys[i]! ^ d;
        a ^= t[x >>> 24]! ^ t[256 | ((x >>> 16) & 255)]! ^ (t[512 | ((x >>> 8) & 255)]! ^ t[768 | (x & 255)]!);
        x = c ^ d ^ keys[i + 1]! ^ a;
        b ^= t[x >>> 24]! ^ t[256 | ((x >>> 16) & 255)]! ^ (t[512 | ((x >>> 8) & 255)]! ^ t[768 | (x & 255)]!);
        x = d ^ a ^ keys[i + 2]! ^ b;
        c ^= t[x >>> 24]! ^ t[256 | ((x >>> 16) & 255)]! ^ (t[512 | ((x >>> 8) & 255)]! ^ t[768 | (x & 255)]!);
        x = a ^ b ^ keys[i + 3]! ^ c;
        d ^= t[x >>> 24]! ^ t[256 | ((x >>> 16) & 255)]! ^ (t[512 | ((x >>> 8) & 255)]! ^ t[768 | (x & 255)]!);
      }
      if (end - at < 16) {
        xorTail(bytes, at, end - at, d, c, b, a);
        return;
      }
      const k2 = b;
      const k3 = a;
      a = d ^ readWord(bytes, at);
      b = c ^ readWord(bytes, at + 4);
      c = k2 ^ readWord(bytes, at + 8);
      d = k3 ^ readWord(bytes, at + 12);
      writeWord(bytes, at, a);
      writeWord(bytes, at + 4, b);
      writeWord(bytes, at + 8, c);
      writeWord(bytes, at + 12, d);
    }
  }

  decrypt(bytes: Uint8Array, offset: number, length: number): void {
    const t = this.#tables;
    const keys = this.#roundKeys;
    const end = offset + length;
    let a = IV0 | 0;
    let b = IV1 | 0;
    let c = IV2 | 0;
    let d = IV3 | 0;
    for (let at = offset; at < end; at += 32) {
      const full = end - at >= 16;
      let e = full ? readWord(bytes, at) : 0;
      let f = full ? readWord(bytes, at + 4) : 0;
      let g = full ? readWord(bytes, at + 8) : 0;
      let h = full ? readWord(bytes, at + 12) : 0;
      for (let i = 0; i < ROUNDS; i += 4) {
        let key = keys[i]!;
        let x = b ^ c ^ key ^ d;
        let y = f ^ g ^ key ^ h;
        a ^= t[x >>> 24]! ^ t[256 | ((x >>> 16) & 255)]! ^ (t[512 | ((x >>> 8) & 255)]! ^ t[768 | (x & 255)]!);
        e ^= t[y >>> 24]! ^ t[256 | ((y >>> 16) & 255)]! ^ (t[512 | ((y >>> 8) & 255)]! ^ t[768 | (y & 255)]!);
        key = keys[i + 1]!;
        x = c ^ d ^ key ^ a;
        y = g ^ h ^ key ^ e;
        b ^= t[x >>> 24]! ^ t[256 | ((x >>> 16) & 255)]! ^ (t[512 | ((x >>> 8) & 255)]! ^ t[768 | (x & 255)]!);
        f ^= t[y >>> 24]! ^ t[256 | ((y >>> 16) & 255)]! ^ (t[512 | ((y >>> 8) & 255)]! ^ t[768 | (y & 255)]!);
        key = keys[i + 2]!;
        x = d ^ a ^ key ^ b;
        y = h ^ e ^ key ^ f;
        c ^= t[x >>> 24]! ^ t[256 | ((x >>> 16) & 255)]! ^ (t[512 | ((x >>> 8) & 255)]! ^ t[768 | (x & 255)]!);
        g ^= t[y >>> 24]! ^ t[256 | ((y >>> 16) & 255)]! ^ (t[512 | ((y >>> 8) & 255)]! ^ t[768 | (y & 255)]!);
        key = keys[i + 3]!;
        x = a ^ b ^ key ^ c;
        y = e ^ f ^ key ^ g;
        d ^= t[x >>> 24]! ^ t[256 | ((x >>> 16) & 255)]! ^ (t[512 | ((x >>> 8) & 255)]! ^ t[768 | (x & 255)]!);
        h ^= t[y >>> 24]! ^ t[256 | ((y >>> 16) & 255)]! ^ (t[512 | ((y >>> 8) & 255)]! ^ t[768 | (y & 255)]!);
      }
      if (end - at < 16) {
        xorTail(bytes, at, end - at, d, c, b, a);
        return;
      }
      xorBlock(bytes, at, d, c, b, a);
      if (end - at < 32) {
        xorTail(bytes, at + 16, end - at - 16, h, g, f, e);
        return;
      }
      a = readWord(bytes, at + 16);
      b = readWord(bytes, at + 20);
      c = readWord(bytes, at + 24);
      d = readWord(bytes, at + 28);
      writeWord(bytes, at + 16, a ^ h);
      writeWord(bytes, at + 20, b ^ g);
      writeWord(bytes, at + 24, c ^ f);
      writeWord(bytes, at + 28, d ^ e);
    }
  }

  wipe(): void {
    this.#roundKeys.fill(0);
  }
}

function expandKey(key: Uint8Array, s: Uint8Array): Int32Array {
  const k = Int32Array.from(FK, (word, i) => word ^ readWord(key, 4 * i));
  const roundKeys = new Int32Array(ROUNDS);
  for (let i = 0; i < ROUNDS; i++) {
    let ck = 0;
    for (let j = 0; j < 4; j++) ck = (ck << 8) | (((4 * i + j) * 7) & 255);
    const word = substitute(s, k[(i + 1) & 3]! ^ k[(i + 2) & 3]! ^ k[(i + 3) & 3]! ^ ck);
    k[i & 3]! ^= word ^ rotateLeft(word, 13) ^ rotateLeft(word, 23);
    roundKeys[i] = k[i & 3]!;
  }
  k.fill(0);
  return roundKeys;
}

function substitute(s: Uint8Array, word: number): number {
  return (s[word >>> 24]! << 24) | (s[(word >>> 16) & 255]! << 16) | (s[(word >>> 8) & 255]! << 8) | s[word & 255]!;
}

/** Table j holds L(S(x)) for x in byte j of a word, the most significant byte first. */
function makeTables(substitution: Uint8Array): Int32Array {
  const result = new Int32Array(4 * 256);
  for (let x = 0; x < 256; x++) {
    const s = substitution[x]!;
    const word = s ^ rotateLeft(s, 2) ^ rotateLeft(s, 10) ^ rotateLeft(s, 18) ^ rotateLeft(s, 24);
    for (let j = 0; j < 4; j++) result[256 * j + x] = rotateLeft(word, 24 - 8 * j);
  }
  return result;
}

function makeSbox(): Uint8Array {
  const result = new Uint8Array(256);
  for (let x = 0; x < 256; x++) result[x] = affine(inverse(affine(x)));
  return result;
}

function affine(x: number): number {
  let result = AFFINE_CONSTANT;
  for (let i = 0; i < 8; i++) {
    const row = ((AFFINE_ROW << i) | (AFFINE_ROW >>> (8 - i))) & 255;
    let parity = row & x;
    parity ^= parity >>> 4;
    parity ^= parity >>> 2;
    parity ^= parity >>> 1;
    result ^= (parity & 1) << i;
  }
  return result;
}

/** x^254, the inverse of x in GF(2^8), and 0 for 0. */
function inverse(x: number): number {
  let result = 1;
  for (let i = 0; i < 254; i++) result = multiply(result, x, FIELD);
  return result;
}
