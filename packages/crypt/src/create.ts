// Puts a method's framing and its portable transform together.

import { checkBytes } from '@kcptun/common';
import { crc32 } from './crc32.ts';
import { CrcPacketCrypt, NullPacketCrypt, TagPacketCrypt } from './framing.ts';
import { CryptKernel } from './kernel.ts';
import { KEY_SIZE } from './key.ts';
import { keySizeOf } from './methods.ts';
import type { PacketCrypt, PacketCryptOptions } from './packet-crypt.ts';
import { createPortableTransform } from './portable/transform.ts';

/**
 * Makes a packet cipher that runs anywhere: plain TypeScript and, with a memory that has them, WebAssembly kernels.
 * @param options - method, derived key, source of nonces
 * @throws {TypeError} when `key` is no Uint8Array
 * @throws {RangeError} when `key` has not 32 bytes or `method` is unknown; see `resolveCryptMethod` for names that users gave
 */
export function createPacketCrypt(options: PacketCryptOptions): PacketCrypt {
  const { method, key, random } = options;
  checkBytes(key, 'key', KEY_SIZE);
  keySizeOf(method);
  if (method === 'null') return new NullPacketCrypt();
  if (method === 'aes-128-gcm') return new TagPacketCrypt(method, createPortableTransform(method, key, undefined), undefined, random);
  const kernel = CryptKernel.create(options.memory);
  return new CrcPacketCrypt(method, createPortableTransform(method, key, kernel), kernel, crc32, random);
}
