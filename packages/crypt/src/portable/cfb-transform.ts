// Packet by packet through a CFB cipher with the fixed IV: the plain form of every block cipher's transform.

import type { PacketBatch } from '@kcptun/common';
import type { CfbCipher } from '../block/cfb-cipher.ts';
import type { PacketTransform } from '../packet-crypt.ts';

/** Runs each packet of a batch through one {@link CfbCipher}. */
export class CfbTransform implements PacketTransform {
  readonly backend: string = 'portable';
  readonly #cipher: CfbCipher;

  constructor(cipher: CfbCipher) {
    this.#cipher = cipher;
  }

  encrypt(batch: PacketBatch, from: number): void {
    const { bytes, offset, length, count } = batch;
    const cipher = this.#cipher;
    for (let index = from; index < count; index++) {
      if (length[index]! > 0) cipher.encrypt(bytes, offset[index]!, length[index]!);
    }
  }

  decrypt(batch: PacketBatch): number {
    const { bytes, offset, length, count } = batch;
    const cipher = this.#cipher;
    for (let index = 0; index < count; index++) {
      if (length[index]! > 0) cipher.decrypt(bytes, offset[index]!, length[index]!);
    }
    return 0;
  }

  wipe(): void {
    this.#cipher.wipe();
  }
}
