// Tables that let SIMD compute a CRC-32C without carry-less multiplication. 128 bytes stand for a polynomial; folding multiplies it
// by x^1024 modulo the CRC polynomial and adds the next 128 bytes, which does not change the CRC of the whole.
//
//   vectors of a block   v0 v1 v2 v3 v4 v5 v6 v7      (16 bytes each)
//   plane                 0  -  1  -  2  -  3  -      and the same for the odd vectors
//
// Lane k of the four planes holds 32 bits with the weights x^(256 (3 - plane) + 7 - bit), times the same factor for all. Those 32 weights are
// linearly independent modulo the polynomial (those of adjacent vectors, 128 bits apart, are not), so multiplying by x^1024 is one
// linear map from 32 bits to 32 bits: per output plane the sum of eight nibble tables, which is what a byte shuffle looks up.

const POLYNOMIAL = 0x1edc6f41; // CRC-32C, x^32 left out, highest power first
const BITS = 32;

/** Length of {@link foldTables} in bytes. */
export const FOLD_TABLES_LENGTH = 512;

/**
 * The nibble tables of the fold: 16 bytes each, ordered by output plane (4), input plane (4), low then high nibble.
 * @returns 512 bytes
 */
export function foldTables(): Uint8Array {
  const weights: number[] = [];
  for (let bit = 0; bit < BITS; bit++) weights.push(power(256 * (3 - (bit >> 3)) + 7 - (bit & 7)));
  const rows = eliminate(weights);
  const map = weights.map((weight) => reduce({ value: times(weight, power(1024)), members: 0 }, rows).members);

  const tables = new Uint8Array(FOLD_TABLES_LENGTH);
  for (let output = 0; output < 4; output++) {
    for (let nibble = 0; nibble < 8; nibble++) {
      for (let value = 0; value < 16; value++) {
        let sum = 0;
        for (let bit = 0; bit < 4; bit++) if ((value >> bit) & 1) sum ^= map[nibble * 4 + bit]!;
        tables[output * 128 + nibble * 16 + value] = sum >>> (output * 8);
      }
    }
  }
  return tables;
}

/** x^exponent modulo the polynomial. */
function power(exponent: number): number {
  let value = 1;
  for (let step = 0; step < exponent; step++) value = double(value);
  return value;
}

/** a · x modulo the polynomial. */
function double(value: number): number {
  return ((value << 1) ^ (value & 0x80000000 ? POLYNOMIAL : 0)) >>> 0;
}

/** a · b modulo the polynomial. */
function times(a: number, b: number): number {
  let product = 0;
  for (let bit = BITS - 1; bit >= 0; bit--) product = double(product) ^ ((b >>> bit) & 1 ? a : 0);
  return product >>> 0;
}

interface Row {
  /** A sum of weights with a leading bit of its own. */
  readonly value: number;
  /** Which weights it is the sum of: one bit each. */
  readonly members: number;
}

/** Gaussian elimination over GF(2): rows by falling leading bit. */
function eliminate(weights: readonly number[]): Row[] {
  const rows: Row[] = [];
  for (const [index, weight] of weights.entries()) {
    rows.push(reduce({ value: weight, members: (1 << index) >>> 0 }, rows));
    rows.sort((a, b) => b.value - a.value);
  }
  return rows;
}

/** Subtracts every row whose leading bit is set. */
function reduce(start: Row, rows: readonly Row[]): Row {
  let { value, members } = start;
  for (const row of rows) {
    if ((value ^ row.value) >>> 0 > value) continue;
    value = (value ^ row.value) >>> 0;
    members = (members ^ row.members) >>> 0;
  }
  return { value, members };
}
