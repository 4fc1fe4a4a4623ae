// The identity on which the reduction of long pieces rests, from the definition of the polynomial.

import { expect, test } from 'vitest';
import { HOPS } from '../src/crc32c-sparse.ts';

const POLYNOMIAL = 0x1_1edc_6f41n;

test('x^209 = x^144 + x^54 + x^39 + x^14 + 1 modulo the polynomial, and so for the 32nd power', () => {
  const [last] = HOPS.slice(-1) as [number];
  for (const power of [1, 2, 4, 8, 16, 32]) {
    let sum = 1n << BigInt(last * power);
    for (const hop of HOPS) sum ^= 1n << BigInt((last - hop) * power);
    expect(remainder(sum)).toBe(0n);
  }
});

function remainder(value: bigint): bigint {
  let rest = value;
  while (rest >= 1n << 32n) rest ^= POLYNOMIAL << BigInt(rest.toString(2).length - 33);
  return rest;
}
