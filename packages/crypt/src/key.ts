// Key derivation (PROTOCOL crypt §1, §6): both sides use the same constants, there is no salt per connection.

import { checkBytes } from '@kcptun/common';
import { sha1 } from '@noble/hashes/legacy.js';
import { pbkdf2 } from '@noble/hashes/pbkdf2.js';

/** Bytes of the key that every method takes its part from. */
export const KEY_SIZE = 32;
/** Salt of the key derivation, ASCII. */
export const KEY_SALT = 'kcp-go';
/** Rounds of the key derivation. */
export const KEY_ITERATIONS = 4096;
/** Bytes of the `xor` table: as long as the largest datagram. */
export const XOR_TABLE_SIZE = 1500;

const XOR_SALT = 'sH3CIVoF#rWLtJo6';
const XOR_ITERATIONS = 32;

/**
 * Checks a password that a user of a library gives. What is missing, like the value of an environment
 * variable that is not set, must not become the empty key, which everybody has.
 * @param allowEmpty - whether the empty key was asked for
 * @throws {TypeError} when it is missing or neither text nor bytes
 * @throws {RangeError} when it is empty and that was not asked for
 */
export function checkPassword(password: unknown, allowEmpty: boolean): void {
  if (typeof password !== 'string' && !(password instanceof Uint8Array)) {
    throw new TypeError(`key must be a string, got ${password === null ? 'null' : typeof password}`);
  }
  if (password.length === 0 && !allowEmpty) {
    throw new RangeError('key must not be empty: anyone could use the tunnel; allowEmptyKey: true takes it all the same');
  }
}

/**
 * The 32-byte key of a password: PBKDF2-HMAC-SHA1, salt `kcp-go`, 4096 iterations (PROTOCOL crypt §1). Takes some 10 ms.
 * @param password - the `--key` text, taken as UTF-8, or its bytes
 * @returns the derived key; the caller owns it and should overwrite it when it is no longer needed
 * @throws {TypeError} when password is missing
 */
export function deriveKey(password: string | Uint8Array): Uint8Array {
  checkPassword(password, true);
  return pbkdf2(sha1, typeof password === 'string' ? new TextEncoder().encode(password) : password, new TextEncoder().encode(KEY_SALT), {
    c: KEY_ITERATIONS,
    dkLen: KEY_SIZE,
  });
}

/**
 * The table that method `xor` applies to datagrams (PROTOCOL crypt §6).
 * @param key - the derived key, 32 bytes
 * @returns 1500 bytes
 * @throws {TypeError} when key is no Uint8Array
 * @throws {RangeError} when key has another length
 */
export function deriveXorTable(key: Uint8Array): Uint8Array {
  checkBytes(key, 'key', KEY_SIZE);
  return pbkdf2(sha1, key, new TextEncoder().encode(XOR_SALT), { c: XOR_ITERATIONS, dkLen: XOR_TABLE_SIZE });
}
