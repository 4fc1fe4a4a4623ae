// What DES (FIPS 46-3) needs before the data path: the key schedule, and the S-boxes merged with the permutation P.
// Bits are numbered 1 to n from the most significant one, as in the standard. The data path keeps both halves rotated
// left by one, so that the six bits of each S-box lie in one byte: those of S2 S4 S6 S8 in R, those of S1 S3 S5 S7 in
// R rotated right by four. A round key is two words of that shape.

import { rotateLeft } from './words.ts';

/** Words in the schedule of one DES key: 16 rounds of two words, first S1 S3 S5 S7, then S2 S4 S6 S8. */
export const DES_KEY_WORDS = 32;

const ROUNDS = 16;
const PC1 = bits(
  '57 49 41 33 25 17 9 1 58 50 42 34 26 18 10 2 59 51 43 35 27 19 11 3 60 52 44 36 ' +
    '63 55 47 39 31 23 15 7 62 54 46 38 30 22 14 6 61 53 45 37 29 21 13 5 28 20 12 4',
);
const PC2 = bits(
  '14 17 11 24 1 5 3 28 15 6 21 10 23 19 12 4 26 8 16 7 27 20 13 2 ' +
    '41 52 31 37 47 55 30 40 51 45 33 48 44 49 39 56 34 53 46 42 50 36 29 32',
);
const P = bits('16 7 20 21 29 12 28 17 1 15 23 26 5 18 31 10 2 8 24 14 32 27 3 9 19 13 30 6 22 11 4 25');
const SHIFTS = [1, 1, 2, 2, 2, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 1] as const;
// S1 to S8: four rows of sixteen entries, one hexadecimal digit an entry.
const SBOXES = [
  'e4d12fb83a6c5907 0f74e2d1a6cb9538 41e8d62bfc973a50 fc8249175b3ea06d',
  'f18e6b34972dc05a 3d47f28ec01a69b5 0e7ba4d158c6932f d8a13f42b67c05e9',
  'a09e63f51dc7b428 d709346a285ecbf1 d6498f30b12c5ae7 1ad069874fe3b52c',
  '7de3069a1285bc4f d8b56f03472c1ae9 a690cb7df13e5284 3f06a1d8945bc72e',
  '2c417ab6853fd0e9 eb2c47d150fa3986 421bad78f9c5630e b8c71e2d6f09a453',
  'c1af92680d34e75b af427c9561de0b38 9ef528c3704a1db6 432c95fabe17608d',
  '4b2ef08d3c975a61 d0b7491ae35c2f86 14bdc37eaf680592 6bd814a7950fe23c',
  'd2846fb1a93e50c7 1fd8a374c56b0e92 7b419ce206adf358 21e74a8dfc90356b',
] as const;

/** The S-boxes (0 = S1) of each pair, the higher half first. */
const PAIRS = [
  [0, 2],
  [4, 6],
  [1, 3],
  [5, 7],
] as const;

/**
 * Expands the DES key at `key[offset..offset + 8)` (its parity bits are ignored) into {@link DES_KEY_WORDS} words at
 * `schedule[at]`, in the order of encryption or reversed for decryption.
 */
export function expandDesKey(key: Uint8Array, offset: number, schedule: Int32Array, at: number, reversed: boolean): void {
  const source = Uint8Array.from({ length: 64 }, (_, i) => (key[offset + (i >>> 3)]! >>> (7 - (i & 7))) & 1);
  let selected = PC1.map((bit) => source[bit - 1]!);
  for (let round = 0; round < ROUNDS; round++) {
    const shift = SHIFTS[round]!;
    const c = selected.subarray(0, 28);
    const d = selected.subarray(28);
    selected = Uint8Array.of(...c.subarray(shift), ...c.subarray(0, shift), ...d.subarray(shift), ...d.subarray(0, shift));
    const roundKey = PC2.map((bit) => selected[bit - 1]!);
    const to = at + 2 * (reversed ? ROUNDS - 1 - round : round);
    for (let j = 0; j < 8; j++) {
      let six = 0;
      for (let i = 0; i < 6; i++) six = (six << 1) | roundKey[6 * j + i]!;
      schedule[to + (j & 1)]! |= six << (24 - 8 * (j >>> 1));
    }
    roundKey.fill(0);
    c.fill(0);
    d.fill(0);
  }
  source.fill(0);
  selected.fill(0);
}

/** What the six input bits of S-box `j` (0 to 7) contribute to f, rotated left by one like the halves: 64 words at 64 j. */
export function makeDesTable(): Int32Array {
  return Int32Array.from({ length: 8 * 64 }, (_, index) => {
    const j = index >>> 6;
    const x = index & 63;
    const row = ((x >>> 4) & 2) | (x & 1);
    const entry = SBOXES[j]!.replaceAll(' ', '')[16 * row + ((x >>> 1) & 15)]!;
    const output = Number.parseInt(entry, 16) << (28 - 4 * j);
    const word = P.reduce((sum, bit, i) => sum | (((output >>> (32 - bit)) & 1) << (31 - i)), 0);
    return rotateLeft(word, 1);
  });
}

/**
 * Makes the table of S-boxes in pairs from {@link makeDesTable}. The index of a pair is its two groups of six bits as they
 * lie in half a word (mask 0x3f3f); the free bits 6 and 7 tell the pair: 0 = S1 S3, 64 = S5 S7, 128 = S2 S4, 192 = S6 S8.
 */
export function makeDesPairTable(single: Int32Array): Int32Array {
  return Int32Array.from({ length: 64 * 256 }, (_, index) => {
    const [high, low] = PAIRS[(index >>> 6) & 3]!;
    return single[64 * high + (index >>> 8)]! ^ single[64 * low + (index & 63)]!;
  });
}

function bits(text: string): Uint8Array {
  return Uint8Array.from(text.split(' '), Number);
}
