// GF(2^8) with the polynomial x^8 + x^4 + x^3 + x^2 + 1 (0x11D) and the generator 2 (PROTOCOL fec §4). Addition is xor.

const POLYNOMIAL = 0x11d;

/** Order of the multiplicative group: exponents count modulo this. */
export const GROUP_ORDER = 255;

/** `EXP[e]` = 2^e for 0 <= e < 4 * 255, so that a sum or difference of a few logarithms needs no modulo. */
export const EXP: Uint8Array = new Uint8Array(4 * GROUP_ORDER);

/** `LOG[2^e]` = e. `LOG[0]` is 0: it lets a product over all `a ^ b` pass over the one where `a` equals `b`. */
export const LOG: Uint8Array = new Uint8Array(256);

let power = 1;
for (let exponent = 0; exponent < GROUP_ORDER; exponent++) {
  for (let turn = 0; turn < 4; turn++) EXP[exponent + turn * GROUP_ORDER] = power;
  LOG[power] = exponent;
  power = (power << 1) ^ (power >= 0x80 ? POLYNOMIAL : 0);
}

/** The product of two field elements. */
export function multiply(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : EXP[LOG[a]! + LOG[b]!]!;
}
