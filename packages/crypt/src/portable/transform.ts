// The portable backend: which transform carries out which method.

import { blowfish, cast5, sm4, tea, tripleDes, twofish, xtea } from '../block/index.ts';
import type { CryptKernel } from '../kernel.ts';
import { type CryptMethod, keySizeOf } from '../methods.ts';
import type { PacketTransform } from '../packet-crypt.ts';
import { aes } from './aes.ts';
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
        return new CfbTransform(blowfish(key));
      case 'twofish':
        return new CfbTransform(twofish(key));
      case 'cast5':
        return new CfbTransform(cast5(key));
      case '3des':
        return new CfbTransform(tripleDes(key));
      case 'tea':
        return new CfbTransform(tea(key));
      case 'xtea':
        return new CfbTransform(xtea(key));
      case 'sm4':
        return new CfbTransform(sm4(key));
    }
  } finally {
    key.fill(0);
  }
}
