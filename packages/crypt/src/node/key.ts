// Key derivation off the main thread (PROTOCOL crypt §1).

import { pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import { checkPassword, KEY_ITERATIONS, KEY_SALT, KEY_SIZE } from '../key.ts';

const pbkdf2Async = promisify(pbkdf2);

/**
 * The 32-byte key of a password, computed in Node's thread pool; the same bytes as `deriveKey`.
 * @param password - the `--key` text, taken as UTF-8, or its bytes
 * @throws {TypeError} when password is missing
 */
export async function deriveKeyAsync(password: string | Uint8Array): Promise<Uint8Array> {
  checkPassword(password, true);
  return new Uint8Array(await pbkdf2Async(password, KEY_SALT, KEY_ITERATIONS, KEY_SIZE, 'sha1'));
}
