// The key schedule of Twofish for 256-bit keys ("Twofish: A 128-Bit Block Cipher", sections 4.3.1 to 4.3.5). The byte
// permutations q0 and q1 are computed from their 4-bit tables; S-boxes and MDS matrix are merged into full tables.

import { multiply } from './gf256.ts';
import { rotateLeft } from './words.ts';

/** Where the 40 subkeys start in the table; the S-boxes of 4 x 256 words lie before them. */
export const TWOFISH_SUBKEYS = 1024;

const SUBKEYS = 40;
const MDS_FIELD = 0x169;
const RS_FIELD = 0x14d;
// The 4-bit permutations t0 to t3 behind q0 and q1, one hexadecimal digit an entry.
const Q0 = ['817d6f320b59eca4', 'ecb81235f4a6709d', 'ba5e6d90c8f32471', 'd7f4126e9b3085ca'] as const;
const Q1 = ['28bdf76e31940ac5', '1e2b4c376da5f908', '4c75169a0ed82b3f', 'b951c3de647f208a'] as const;
const MDS = [
  [0x01, 0xef, 0x5b, 0x5b],
  [0x5b, 0xef, 0xef, 0x01],
  [0xef, 0x5b, 0x01, 0xef],
  [0xef, 0x01, 0xef, 0x5b],
] as const;
const RS = [
  [0x01, 0xa4, 0x55, 0x87, 0x5a, 0x58, 0xdb, 0x9e],
  [0xa4, 0x56, 0x82, 0xf3, 0x1e, 0xc6, 0x68, 0xe5],
  [0x02, 0xa1, 0xfc, 0xc1, 0x47, 0xae, 0x3d, 0x19],
  [0xa4, 0x55, 0x87, 0x5a, 0x58, 0xdb, 0x9e, 0x03],
] as const;
// Which of q0 and q1 the function h applies to byte j of its argument, from the first stage (with L3) to the last.
const STAGES = [
  [1, 0, 0, 1],
  [1, 1, 0, 0],
  [0, 1, 0, 1],
  [0, 0, 1, 1],
  [1, 0, 1, 0],
] as const;

/** What does not depend on the key: q0 and q1, and the columns of the MDS matrix multiplied by every byte. */
interface Constants {
  readonly q: readonly [Uint8Array, Uint8Array];
  readonly mds: Int32Array;
}

let constants: Constants | undefined;

/** Makes the table of a 32-byte key: 4 x 256 words of S-boxes with the MDS matrix applied, then K0 to K39. */
export function makeTwofishTable(key: Uint8Array): Int32Array {
  constants ??= { q: [permutation(Q0), permutation(Q1)], mds: mdsColumns() };
  const even = new Uint8Array(16);
  const odd = new Uint8Array(16);
  const s = new Uint8Array(16);
  for (let i = 0; i < 4; i++) {
    for (let j = 0; j < 4; j++) {
      even[4 * i + j] = key[8 * i + j]!;
      odd[4 * i + j] = key[8 * i + 4 + j]!;
      // The S words are listed in reverse: the last eight key bytes give the first one.
      let sum = 0;
      for (let m = 0; m < 8; m++) sum ^= multiply(RS[j]![m]!, key[8 * i + m]!, RS_FIELD);
      s[4 * (3 - i) + j] = sum;
    }
  }
  const table = new Int32Array(TWOFISH_SUBKEYS + SUBKEYS);
  for (let j = 0; j < 4; j++) {
    for (let x = 0; x < 256; x++) table[256 * j + x] = hByte(constants, s, x, j);
  }
  for (let i = 0; i < SUBKEYS; i += 2) {
    const a = h(constants, even, i);
    const b = rotateLeft(h(constants, odd, i + 1), 8);
    table[TWOFISH_SUBKEYS + i] = a + b;
    table[TWOFISH_SUBKEYS + i + 1] = rotateLeft((a + 2 * b) | 0, 9);
  }
  even.fill(0);
  odd.fill(0);
  s.fill(0);
  return table;
}

/** h(X, L) for a word X whose four bytes are all `x`; `list` holds the words of L, little endian. */
function h(c: Constants, list: Uint8Array, x: number): number {
  return hByte(c, list, x, 0) ^ hByte(c, list, x, 1) ^ hByte(c, list, x, 2) ^ hByte(c, list, x, 3);
}

/** What byte `j` of the argument contributes to h. */
function hByte(c: Constants, list: Uint8Array, x: number, j: number): number {
  let y = x;
  for (let stage = 0; stage < 4; stage++) y = c.q[STAGES[stage]![j]!]![y]! ^ list[4 * (3 - stage) + j]!;
  return c.mds[256 * j + c.q[STAGES[4]![j]!]![y]!]!;
}

function mdsColumns(): Int32Array {
  const columns = new Int32Array(4 * 256);
  for (let j = 0; j < 4; j++) {
    for (let x = 0; x < 256; x++) {
      for (let row = 0; row < 4; row++) columns[256 * j + x]! |= multiply(MDS[row]![j]!, x, MDS_FIELD) << (8 * row);
    }
  }
  return columns;
}

function permutation(digits: readonly string[]): Uint8Array {
  const t = digits.map((text) => Uint8Array.from(text, (digit) => Number.parseInt(digit, 16)));
  return Uint8Array.from({ length: 256 }, (_, x) => {
    let a = x >>> 4;
    let b = x & 15;
    for (let i = 0; i < 4; i += 2) {
      const next = a ^ b;
      b = a ^ ((b >>> 1) | ((b & 1) << 3)) ^ ((a << 3) & 15);
      a = t[i]![next]!;
      b = t[i + 1]![b]!;
    }
    return (b << 4) | a;
  });
}
