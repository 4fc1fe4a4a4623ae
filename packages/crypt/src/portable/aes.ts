// AES-128, -192 and -256 in CFB mode with the fixed IV (PROTOCOL crypt §4), fused into one loop over a packet.
// Rounds by four tables of 32-bit words (SubBytes, ShiftRows and MixColumns at once); words have their lowest byte first.
// Tables and key schedule are computed from the definition of the cipher (FIPS 197).

import { checkBytes, readU32, writeU32 } from '@kcptun/common';
import { type CfbCipher, IV0, IV1, IV2, IV3 } from '../block/cfb-cipher.ts';

const SBOX: Uint8Array = /* @__PURE__ */ makeSbox();
const TABLES: Int32Array = /* @__PURE__ */ makeRoundTables(SBOX);

function makeSbox(): Uint8Array {
  const sbox = new Uint8Array(256);
  // p runs through all powers of 3, q through their inverses.
  let p = 1;
  let q = 1;
  do {
    p = (p ^ (p << 1) ^ ((p & 0x80) !== 0 ? 0x11b : 0)) & 0xff;
    q ^= q << 1;
    q ^= q << 2;
    q = (q ^ (q << 4)) & 0xff;
    if ((q & 0x80) !== 0) q ^= 0x09;
    const doubled = q * 0x101;
    sbox[p] = q ^ (doubled >> 7) ^ (doubled >> 6) ^ (doubled >> 5) ^ (doubled >> 4) ^ 0x63;
  } while (p !== 1);
  sbox[0] = 0x63;
  return sbox;
}

/** Table k at 256 * k: what byte k of a column contributes to the round's result. */
function makeRoundTables(sbox: Uint8Array): Int32Array {
  const tables = new Int32Array(4 * 256);
  for (let value = 0; value < 256; value++) {
    const s = sbox[value]!;
    const s2 = ((s << 1) ^ ((s & 0x80) !== 0 ? 0x11b : 0)) & 0xff;
    let word = s2 | (s << 8) | (s << 16) | ((s2 ^ s) << 24);
    for (let table = 0; table < 4; table++) {
      tables[256 * table + value] = word;
      word = (word << 8) | (word >>> 24);
    }
  }
  return tables;
}

/** The expanded key: four words for each round and four more. */
function expandKey(key: Uint8Array): Int32Array {
  const keyWords = key.length / 4;
  const schedule = new Int32Array(4 * (keyWords + 7));
  for (let word = 0; word < keyWords; word++) schedule[word] = readU32(key, 4 * word);
  let constant = 1;
  for (let word = keyWords; word < schedule.length; word++) {
    let next = schedule[word - 1]!;
    if (word % keyWords === 0) {
      next = substitute((next >>> 8) | (next << 24)) ^ constant;
      constant = (constant << 1) ^ ((constant & 0x80) !== 0 ? 0x11b : 0);
    } else if (keyWords === 8 && word % 8 === 4) {
      next = substitute(next);
    }
    schedule[word] = schedule[word - keyWords]! ^ next;
  }
  return schedule;
}

function substitute(word: number): number {
  return SBOX[word & 0xff]! | (SBOX[(word >>> 8) & 0xff]! << 8) | (SBOX[(word >>> 16) & 0xff]! << 16) | (SBOX[word >>> 24]! << 24);
}

function swap(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

/**
 * Makes an AES cipher in CFB mode.
 * @param key - 16, 24 or 32 bytes
 * @throws {TypeError} when the key is no Uint8Array
 * @throws {RangeError} when its length is another one
 */
export function aes(key: Uint8Array): CfbCipher {
  checkBytes(key, 'key');
  if (key.length !== 16 && key.length !== 24 && key.length !== 32) {
    throw new RangeError(`key must have 16, 24 or 32 bytes, got ${key.length}`);
  }
  return new AesCfb(key);
}

class AesCfb implements CfbCipher {
  readonly blockSize = 16;
  readonly #schedule: Int32Array;
  readonly #keystream: Int32Array = new Int32Array(4);

  constructor(key: Uint8Array) {
    this.#schedule = expandKey(key);
  }

  encrypt(bytes: Uint8Array, offset: number, length: number): void {
    this.#run(bytes, offset, length, true);
  }

  decrypt(bytes: Uint8Array, offset: number, length: number): void {
    this.#run(bytes, offset, length, false);
  }

  wipe(): void {
    this.#schedule.fill(0);
    this.#keystream.fill(0);
  }

  #run(bytes: Uint8Array, offset: number, length: number, sealing: boolean): void {
    const keystream = this.#keystream;
    const end = offset + length;
    let f0 = swap(IV0);
    let f1 = swap(IV1);
    let f2 = swap(IV2);
    let f3 = swap(IV3);
    let at = offset;
    for (; at + 16 <= end; at += 16) {
      this.#block(f0, f1, f2, f3);
      // The next keystream block comes from the ciphertext: what is written when sealing, what is read when opening.
      const c0 = readU32(bytes, at);
      const c1 = readU32(bytes, at + 4);
      const c2 = readU32(bytes, at + 8);
      const c3 = readU32(bytes, at + 12);
      const x0 = c0 ^ keystream[0]!;
      const x1 = c1 ^ keystream[1]!;
      const x2 = c2 ^ keystream[2]!;
      const x3 = c3 ^ keystream[3]!;
      writeU32(bytes, at, x0);
      writeU32(bytes, at + 4, x1);
      writeU32(bytes, at + 8, x2);
      writeU32(bytes, at + 12, x3);
      f0 = sealing ? x0 : c0 | 0;
      f1 = sealing ? x1 : c1 | 0;
      f2 = sealing ? x2 : c2 | 0;
      f3 = sealing ? x3 : c3 | 0;
    }
    if (at === end) return;
    this.#block(f0, f1, f2, f3);
    for (let index = 0; at < end; index++, at++) bytes[at]! ^= keystream[index >> 2]! >>> ((index & 3) * 8);
  }

  /** Encrypts one block of four words into the keystream. */
  #block(f0: number, f1: number, f2: number, f3: number): void {
    const key = this.#schedule;
    const tables = TABLES;
    const last = key.length - 4;
    let a0 = f0 ^ key[0]!;
    let a1 = f1 ^ key[1]!;
    let a2 = f2 ^ key[2]!;
    let a3 = f3 ^ key[3]!;
    for (let k = 4; k < last; k += 4) {
      const b0 =
        tables[a0 & 0xff]! ^
        tables[256 + ((a1 >>> 8) & 0xff)]! ^
        tables[512 + ((a2 >>> 16) & 0xff)]! ^
        tables[768 + (a3 >>> 24)]! ^
        key[k]!;
      const b1 =
        tables[a1 & 0xff]! ^
        tables[256 + ((a2 >>> 8) & 0xff)]! ^
        tables[512 + ((a3 >>> 16) & 0xff)]! ^
        tables[768 + (a0 >>> 24)]! ^
        key[k + 1]!;
      const b2 =
        tables[a2 & 0xff]! ^
        tables[256 + ((a3 >>> 8) & 0xff)]! ^
        tables[512 + ((a0 >>> 16) & 0xff)]! ^
        tables[768 + (a1 >>> 24)]! ^
        key[k + 2]!;
      const b3 =
        tables[a3 & 0xff]! ^
        tables[256 + ((a0 >>> 8) & 0xff)]! ^
        tables[512 + ((a1 >>> 16) & 0xff)]! ^
        tables[768 + (a2 >>> 24)]! ^
        key[k + 3]!;
      a0 = b0;
      a1 = b1;
      a2 = b2;
      a3 = b3;
    }
    const sbox = SBOX;
    const out = this.#keystream;
    out[0] =
      (sbox[a0 & 0xff]! | (sbox[(a1 >>> 8) & 0xff]! << 8) | (sbox[(a2 >>> 16) & 0xff]! << 16) | (sbox[a3 >>> 24]! << 24)) ^ key[last]!;
    out[1] =
      (sbox[a1 & 0xff]! | (sbox[(a2 >>> 8) & 0xff]! << 8) | (sbox[(a3 >>> 16) & 0xff]! << 16) | (sbox[a0 >>> 24]! << 24)) ^ key[last + 1]!;
    out[2] =
      (sbox[a2 & 0xff]! | (sbox[(a3 >>> 8) & 0xff]! << 8) | (sbox[(a0 >>> 16) & 0xff]! << 16) | (sbox[a1 >>> 24]! << 24)) ^ key[last + 2]!;
    out[3] =
      (sbox[a3 & 0xff]! | (sbox[(a0 >>> 8) & 0xff]! << 8) | (sbox[(a1 >>> 16) & 0xff]! << 16) | (sbox[a2 >>> 24]! << 24)) ^ key[last + 3]!;
  }
}
