// The check of every cipher's key: a wrong key is a mistake of the program, never of the peer.

import { checkBytes } from '@kcptun/common';

/**
 * Checks the key of a cipher.
 * @throws {TypeError} when it is no Uint8Array
 * @throws {RangeError} when it has fewer than `min` or more than `max` bytes
 */
export function checkKey(key: Uint8Array, min: number, max: number = min): void {
  checkBytes(key, 'key');
  if (key.length < min || key.length > max) {
    const wanted = min === max ? `${min}` : `${min} to ${max}`;
    throw new RangeError(`key must have ${wanted} bytes, got ${key.length}`);
  }
}
