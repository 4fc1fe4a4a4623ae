// What the reference program tells its user about the key and the number of pads (PROTOCOL tunnel §9). Nothing here is
// an error: kcptun prints the warnings and goes on.

import { checkInteger } from '@kcptun/common';
import type { QppGeneration } from './qpp-pads.ts';

const MINIMUM_PADS = 7;

/** The shortest key in bytes that a generation does not warn about: 210 for `a`, 211 for `b` and `c`. */
export function qppMinimumKeyLength(generation: QppGeneration): number {
  return generation === 'a' ? 210 : 211;
}

/**
 * The warnings for a key and a number of pads, word for word as the reference program prints them.
 * @param keyLength - length of the key in bytes
 * @param count - `--QPPCount` as given, before it is cut to 16 bits
 * @param generation - the generation of the peer
 * @throws {TypeError | RangeError} when a number is no integer or negative, or the count is 0
 */
export function qppKeyWarnings(keyLength: number, count: number, generation: QppGeneration): string[] {
  checkInteger(keyLength, 'keyLength', 0, Number.MAX_SAFE_INTEGER);
  checkInteger(count, 'count', 1, Number.MAX_SAFE_INTEGER);
  const minimum = qppMinimumKeyLength(generation);
  const warnings: string[] = [];
  if (keyLength < minimum) {
    warnings.push(`QPP Warning: 'key' has size of ${keyLength} bytes, required ${minimum} bytes at least`);
  }
  if (count < MINIMUM_PADS) warnings.push(`QPP Warning: QPPCount ${count}, required ${MINIMUM_PADS} at least`);
  // Not coprime to the 8 bits of a byte means even.
  if (count % 2 === 0) warnings.push(`QPP Warning: QPPCount ${count}, choose a prime number for security`);
  return warnings;
}
