// The portable backend: which transform carries out which method.

import { blowfish, cast5, sm4, type TableCipher, tea, tripleDes, twofish, xtea } from '../block/index.ts';
import { BLOCK_KERNEL_CODE } from '../generated/block-kernel.ts';
import type { CryptKernel } from '../kernel.ts';
import { type CryptMethod, keySizeOf } from '../methods.ts';
import type { PacketTransform } from '../packet-crypt.ts';
import { aes } from './aes.ts';
import { type CfbKernelMethod, CfbKernelTransform } from './cfb-kernel-transform.ts';
import { CfbTransform } from './cfb-transform.ts';
import { GcmTransform } from './gcm-transform.ts';
import { PlainTransform } from './plain-transform.ts';
import { Salsa20KernelTransform } from './salsa20-kernel-transform.ts';
import { Salsa20Transform } from './salsa20-transform.ts';
import { XorTransform } from './xor-transform.ts';

/**
 * Makes the portable transform of a method.
 * @param method - any method but `null`, which has no transform
 * @param pass - the derived key, 32 bytes
 * @param kernel - WebAssembly kernels, where they can run
 */
export function createPortableTransform(
  method: Exclude<CryptMethod, 'null'>,
  pass: Uint8Array,
  kernel: CryptKernel | undefined,
): PacketTransform {
  const key = pass.slice(0, keySizeOf(method));
  try {
    switch (method) {
      case 'none':
        return new PlainTransform();
      case 'xor':
        return new XorTransform(key);
      case 'salsa20':
        return kernel === undefined ? new Salsa20Transform(key) : new Salsa20KernelTransform(kernel, key);
      case 'aes-128-gcm':
        return new GcmTransform(key);
      case 'aes':
      case 'aes-128':
      case 'aes-192':
        return new CfbTransform(aes(key));
      case 'blowfish':
        return createBlockTransform(method, blowfish(key), kernel);
      case 'twofish':
        return createBlockTransform(method, twofish(key), kernel);
      case 'cast5':
        return createBlockTransform(method, cast5(key), kernel);
      case '3des':
        return createBlockTransform(method, tripleDes(key), kernel);
      case 'tea':
        return createBlockTransform(method, tea(key), kernel);
      case 'xtea':
        return createBlockTransform(method, xtea(key), kernel);
      case 'sm4':
        return createBlockTransform(method, sm4(key), kernel);
    }
  } finally {
    key.fill(0);
  }
}

/** Methods whose kernel works on several packets at a time and is slow with one. */
const SLOW_ALONE: ReadonlySet<CfbKernelMethod> = new Set<CfbKernelMethod>(['tea', 'xtea']);

/** The kernel where it can run, else the cipher itself. */
function createBlockTransform(method: CfbKernelMethod, cipher: TableCipher, kernel: CryptKernel | undefined): PacketTransform {
  const exports = kernel?.memory.instantiate(BLOCK_KERNEL_CODE);
  if (kernel === undefined || exports === undefined) return new CfbTransform(cipher);
  const alone = SLOW_ALONE.has(method) ? new CfbTransform(cipher) : undefined;
  let transform: PacketTransform | undefined;
  try {
    transform = new CfbKernelTransform(kernel, exports, method, cipher, alone);
    return transform;
  } finally {
    if (transform === undefined || alone === undefined) cipher.wipe();
  }
}
