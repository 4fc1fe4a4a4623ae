// Twofish (Schneier et al., 1998) in CFB mode with a 256-bit key: 128-bit blocks of four little-endian words, 16 rounds.
// One table: the key-dependent S-boxes merged with the MDS matrix (4 x 256 words), then the 40 subkeys K.

import { readU32, writeU32 } from '@kcptun/common';
import { IV0, IV1, IV2, IV3, type TableCipher, xorTail } from './cfb-cipher.ts';
import { checkKey } from './check-key.ts';
import { makeTwofishTable, TWOFISH_SUBKEYS } from './twofish-key.ts';
import { swapBytes } from './words.ts';

const K = TWOFISH_SUBKEYS;

/**
 * Makes a Twofish cipher.
 * @param key - 32 bytes
 * @throws {TypeError} when the key is no Uint8Array
 * @throws {RangeError} when its length differs
 */
export function twofish(key: Uint8Array): TableCipher {
  checkKey(key, 32);
  return new Twofish(makeTwofishTable(key));
}

class Twofish implements TableCipher {
  readonly blockSize = 16;
  readonly words: readonly Int32Array[];
  readonly #table: Int32Array;

  constructor(table: Int32Array) {
    this.words = [table];
    this.#table = table;
  }

  encrypt(bytes: Uint8Array, offset: number, length: number): void {
    this.#transform(bytes, offset, length, true);
  }

  decrypt(bytes: Uint8Array, offset: number, length: number): void {
    this.#transform(bytes, offset, length, false);
  }

  wipe(): void {
    this.#table.fill(0);
  }

  // One loop for both directions: eight words of two blocks do not fit into the registers, so that deciphering two blocks
  // at a time is slower here. The processor overlaps them anyway.
  #transform(bytes: Uint8Array, offset: number, length: number, encrypting: boolean): void {
    const t = this.#table;
    const end = offset + length;
    let a = swapBytes(IV0);
    let b = swapBytes(IV1);
    let c = swapBytes(IV2);
    let d = swapBytes(IV3);
    for (let at = offset; at < end; at += 16) {
      a ^= t[K]!;
      b ^= t[K + 1]!;
      c ^= t[K + 2]!;
      d ^= t[K + 3]!;
      for (let i = K + 8; i < K + 40; i += 4) {
        let u = t[b >>> 24]! ^ t[256 | (b & 255)]! ^ (t[512 | ((b >>> 8) & 255)]! ^ t[768 | ((b >>> 16) & 255)]!);
        let v = (t[a & 255]! ^ t[256 | ((a >>> 8) & 255)]! ^ (t[512 | ((a >>> 16) & 255)]! ^ t[768 | (a >>> 24)]!)) + u;
        c ^= v + t[i]!;
        c = (c >>> 1) | (c << 31);
        d = ((d << 1) | (d >>> 31)) ^ (v + u + t[i + 1]!);
        u = t[d >>> 24]! ^ t[256 | (d & 255)]! ^ (t[512 | ((d >>> 8) & 255)]! ^ t[768 | ((d >>> 16) & 255)]!);
        v = (t[c & 255]! ^ t[256 | ((c >>> 8) & 255)]! ^ (t[512 | ((c >>> 16) & 255)]! ^ t[768 | (c >>> 24)]!)) + u;
        a ^= v + t[i + 2]!;
        a = (a >>> 1) | (a << 31);
        b = ((b << 1) | (b >>> 31)) ^ (v + u + t[i + 3]!);
      }
      let k0 = c ^ t[K + 4]!;
      let k1 = d ^ t[K + 5]!;
      let k2 = a ^ t[K + 6]!;
      let k3 = b ^ t[K + 7]!;
      if (end - at < 16) {
        xorTail(bytes, at, end - at, swapBytes(k0), swapBytes(k1), swapBytes(k2), swapBytes(k3));
        return;
      }
      a = readU32(bytes, at) | 0;
      b = readU32(bytes, at + 4) | 0;
      c = readU32(bytes, at + 8) | 0;
      d = readU32(bytes, at + 12) | 0;
      k0 ^= a;
      k1 ^= b;
      k2 ^= c;
      k3 ^= d;
      writeU32(bytes, at, k0);
      writeU32(bytes, at + 4, k1);
      writeU32(bytes, at + 8, k2);
      writeU32(bytes, at + 12, k3);
      if (encrypting) {
        a = k0;
        b = k1;
        c = k2;
        d = k3;
      }
    }
  }
}
