// CAST-128 (RFC 2144) in CFB mode with a 128-bit key, so always 16 rounds: 64-bit blocks of two big-endian words. Rounds
// of types 1, 2, 3 take turns; each has a masking key and a rotation. Round keys: 16 masking words, then 16 rotations.

import { IV0, IV1, type TableCipher, xorTail } from './cfb-cipher.ts';
import { checkKey } from './check-key.ts';
import { CAST5_SBOXES } from './tables/cast5.ts';
import { parseWords, readWord, writeWord } from './words.ts';

const ROTATION = 16;
// Offsets of S5 to S8, which only the key schedule reads.
const S5 = 1024;
const S6 = 1280;
const S7 = 1536;
const S8 = 1792;

let sboxes: Int32Array | undefined;

/**
 * Makes a CAST-128 cipher.
 * @param key - 16 bytes
 * @throws {TypeError} when the key is no Uint8Array
 * @throws {RangeError} when its length differs
 */
export function cast5(key: Uint8Array): TableCipher {
  checkKey(key, 16);
  sboxes ??= parseWords(CAST5_SBOXES);
  return new Cast5(sboxes, expandKey(key, sboxes));
}

// RFC 2144 §2.4 as data. The state is x0..xF (0 to 15) and z0..zF (16 to 31). A step of mixing writes four bytes at
// `target`: the word at `source` ^ S5[a] ^ S6[b] ^ S7[c] ^ S8[d] ^ S[e], where S is S7, S8, S5, S6 in turn.
const MIX_Z = [
  [16, 0, 13, 15, 12, 14, 8],
  [20, 8, 16, 18, 17, 19, 10],
  [24, 12, 23, 22, 21, 20, 9],
  [28, 4, 26, 25, 27, 24, 11],
] as const;
const MIX_X = [
  [0, 24, 21, 23, 20, 22, 16],
  [4, 16, 0, 2, 1, 3, 18],
  [8, 20, 7, 6, 5, 4, 17],
  [12, 28, 10, 9, 11, 8, 19],
] as const;
// A round key is S5[a] ^ S6[b] ^ S7[c] ^ S8[d] ^ S[e], where S is S5, S6, S7, S8 in turn. Keys 17 to 32 repeat the table.
const ROUND_KEYS = [
  [24, 25, 23, 22, 18],
  [26, 27, 21, 20, 22],
  [28, 29, 19, 18, 25],
  [30, 31, 17, 16, 28],
  [3, 2, 12, 13, 8],
  [1, 0, 14, 15, 13],
  [7, 6, 8, 9, 3],
  [5, 4, 10, 11, 7],
  [19, 18, 28, 29, 25],
  [17, 16, 30, 31, 28],
  [23, 22, 24, 25, 18],
  [21, 20, 26, 27, 22],
  [8, 9, 7, 6, 3],
  [10, 11, 5, 4, 7],
  [12, 13, 3, 2, 8],
  [14, 15, 1, 0, 13],
] as const;

function expandKey(key: Uint8Array, s: Int32Array): Int32Array {
  const keys = new Int32Array(32);
  const state = new Uint8Array(32);
  state.set(key);
  for (let i = 0; i < 32; i++) {
    if (i % 4 === 0) mix(state, s, i % 8 === 0 ? MIX_Z : MIX_X);
    const [a, b, c, d, e] = ROUND_KEYS[i % 16]!;
    keys[i] = s[S5 + state[a]!]! ^ s[S6 + state[b]!]! ^ s[S7 + state[c]!]! ^ s[S8 + state[d]!]! ^ s[S5 + 256 * (i % 4) + state[e]!]!;
    if (i >= ROTATION) keys[i]! &= 31;
  }
  state.fill(0);
  return keys;
}

function mix(state: Uint8Array, s: Int32Array, steps: typeof MIX_Z | typeof MIX_X): void {
  for (const [i, [target, source, a, b, c, d, e]] of steps.entries()) {
    const extra = S5 + 256 * ((i + 2) % 4);
    const word = s[S5 + state[a]!]! ^ s[S6 + state[b]!]! ^ s[S7 + state[c]!]! ^ s[S8 + state[d]!]! ^ s[extra + state[e]!]!;
    writeWord(state, target, readWord(state, source) ^ word);
  }
}

class Cast5 implements TableCipher {
  readonly blockSize = 8;
  readonly words: readonly Int32Array[];
  readonly #sboxes: Int32Array;
  readonly #keys: Int32Array;

  constructor(s: Int32Array, keys: Int32Array) {
    this.words = [s.subarray(0, S5), keys];
    this.#sboxes = s;
    this.#keys = keys;
  }

  encrypt(bytes: Uint8Array, offset: number, length: number): void {
    const s = this.#sboxes;
    const keys = this.#keys;
    const end = offset + length;
    let l = IV0 | 0;
    let r = IV1 | 0;
    for (let at = offset; at < end; at += 8) {
      for (let i = 0; ; i += 6) {
        let t = keys[i]! + r;
        t = (t << keys[i + 16]!) | (t >>> (32 - keys[i + 16]!));
        l ^= (s[t >>> 24]! ^ s[256 | ((t >>> 16) & 255)]!) - s[512 | ((t >>> 8) & 255)]! + s[768 | (t & 255)]!;
        t = keys[i + 1]! ^ l;
        t = (t << keys[i + 17]!) | (t >>> (32 - keys[i + 17]!));
        r ^= (s[t >>> 24]! - s[256 | ((t >>> 16) & 255)]! + s[512 | ((t >>> 8) & 255)]!) ^ s[768 | (t & 255)]!;
        t = keys[i + 2]! - r;
        t = (t << keys[i + 18]!) | (t >>> (32 - keys[i + 18]!));
        l ^= ((s[t >>> 24]! + s[256 | ((t >>> 16) & 255)]!) ^ s[512 | ((t >>> 8) & 255)]!) - s[768 | (t & 255)]!;
        t = keys[i + 3]! + l;
        t = (t << keys[i + 19]!) | (t >>> (32 - keys[i + 19]!));
        r ^= (s[t >>> 24]! ^ s[256 | ((t >>> 16) & 255)]!) - s[512 | ((t >>> 8) & 255)]! + s[768 | (t & 255)]!;
        if (i === 12) break;
        t = keys[i + 4]! ^ r;
        t = (t << keys[i + 20]!) | (t >>> (32 - keys[i + 20]!));
        l ^= (s[t >>> 24]! - s[256 | ((t >>> 16) & 255)]! + s[512 | ((t >>> 8) & 255)]!) ^ s[768 | (t & 255)]!;
        t = keys[i + 5]! - l;
        t = (t << keys[i + 21]!) | (t >>> (32 - keys[i + 21]!));
        r ^= ((s[t >>> 24]! + s[256 | ((t >>> 16) & 255)]!) ^ s[512 | ((t >>> 8) & 255)]!) - s[768 | (t & 255)]!;
      }
      if (end - at < 8) {
        xorTail(bytes, at, end - at, r, l, 0, 0);
        return;
      }
      const swapped = l;
      l = r ^ readWord(bytes, at);
      r = swapped ^ readWord(bytes, at + 4);
      writeWord(bytes, at, l);
      writeWord(bytes, at + 4, r);
    }
  }

  decrypt(bytes: Uint8Array, offset: number, length: number): void {
    const s = this.#sboxes;
    const keys = this.#keys;
    const end = offset + length;
    let l = IV0 | 0;
    let r = IV1 | 0;
    for (let at = offset; at < end; at += 16) {
      const full = end - at >= 8;
      const c0 = full ? readWord(bytes, at) : 0;
      const c1 = full ? readWord(bytes, at + 4) : 0;
      let l2 = c0;
      let r2 = c1;
      for (let i = 0; ; i += 6) {
        let mask = keys[i]!;
        let turn = keys[i + 16]!;
        let t = mask + r;
        let u = mask + r2;
        t = (t << turn) | (t >>> (32 - turn));
        u = (u << turn) | (u >>> (32 - turn));
        l ^= (s[t >>> 24]! ^ s[256 | ((t >>> 16) & 255)]!) - s[512 | ((t >>> 8) & 255)]! + s[768 | (t & 255)]!;
        l2 ^= (s[u >>> 24]! ^ s[256 | ((u >>> 16) & 255)]!) - s[512 | ((u >>> 8) & 255)]! + s[768 | (u & 255)]!;
        mask = keys[i + 1]!;
        turn = keys[i + 17]!;
        t = mask ^ l;
        u = mask ^ l2;
        t = (t << turn) | (t >>> (32 - turn));
        u = (u << turn) | (u >>> (32 - turn));
        r ^= (s[t >>> 24]! - s[256 | ((t >>> 16) & 255)]! + s[512 | ((t >>> 8) & 255)]!) ^ s[768 | (t & 255)]!;
        r2 ^= (s[u >>> 24]! - s[256 | ((u >>> 16) & 255)]! + s[512 | ((u >>> 8) & 255)]!) ^ s[768 | (u & 255)]!;
        mask = keys[i + 2]!;
        turn = keys[i + 18]!;
        t = mask - r;
        u = mask - r2;
        t = (t << turn) | (t >>> (32 - turn));
        u = (u << turn) | (u >>> (32 - turn));
        l ^= ((s[t >>> 24]! + s[256 | ((t >>> 16) & 255)]!) ^ s[512 | ((t >>> 8) & 255)]!) - s[768 | (t & 255)]!;
        l2 ^= ((s[u >>> 24]! + s[256 | ((u >>> 16) & 255)]!) ^ s[512 | ((u >>> 8) & 255)]!) - s[768 | (u & 255)]!;
        mask = keys[i + 3]!;
        turn = keys[i + 19]!;
        t = mask + l;
        u = mask + l2;
        t = (t << turn) | (t >>> (32 - turn));
        u = (u << turn) | (u >>> (32 - turn));
        r ^= (s[t >>> 24]! ^ s[256 | ((t >>> 16) & 255)]!) - s[512 | ((t >>> 8) & 255)]! + s[768 | (t & 255)]!;
        r2 ^= (s[u >>> 24]! ^ s[256 | ((u >>> 16) & 255)]!) - s[512 | ((u >>> 8) & 255)]! + s[768 | (u & 255)]!;
        if (i === 12) break;
        mask = keys[i + 4]!;
        turn = keys[i + 20]!;
        t = mask ^ r;
        u = mask ^ r2;
        t = (t << turn) | (t >>> (32 - turn));
        u = (u << turn) | (u >>> (32 - turn));
        l ^= (s[t >>> 24]! - s[256 | ((t >>> 16) & 255)]! + s[512 | ((t >>> 8) & 255)]!) ^ s[768 | (t & 255)]!;
        l2 ^= (s[u >>> 24]! - s[256 | ((u >>> 16) & 255)]! + s[512 | ((u >>> 8) & 255)]!) ^ s[768 | (u & 255)]!;
        mask = keys[i + 5]!;
        turn = keys[i + 21]!;
        t = mask - l;
        u = mask - l2;
        t = (t << turn) | (t >>> (32 - turn));
        u = (u << turn) | (u >>> (32 - turn));
        r ^= ((s[t >>> 24]! + s[256 | ((t >>> 16) & 255)]!) ^ s[512 | ((t >>> 8) & 255)]!) - s[768 | (t & 255)]!;
        r2 ^= ((s[u >>> 24]! + s[256 | ((u >>> 16) & 255)]!) ^ s[512 | ((u >>> 8) & 255)]!) - s[768 | (u & 255)]!;
      }
      if (end - at < 16) {
        xorTail(bytes, at, end - at, r, l, r2, l2);
        return;
      }
      const c2 = readWord(bytes, at + 8);
      const c3 = readWord(bytes, at + 12);
      writeWord(bytes, at, c0 ^ r);
      writeWord(bytes, at + 4, c1 ^ l);
      writeWord(bytes, at + 8, c2 ^ r2);
      writeWord(bytes, at + 12, c3 ^ l2);
      l = c2;
      r = c3;
    }
  }

  wipe(): void {
    this.#keys.fill(0);
  }
}
