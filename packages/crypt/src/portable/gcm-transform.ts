// Method `aes-128-gcm` in plain JavaScript, packet by packet (PROTOCOL crypt §3 B): nonce 12 | ciphertext | tag 16, no
// additional data. The comparison of tags is the library's.

import { DROPPED, type PacketBatch } from '@kcptun/common';
import { gcm } from '@noble/ciphers/aes.js';
import { TAG_NONCE_SIZE, TAG_SIZE } from '../framing.ts';
import type { PacketTransform } from '../packet-crypt.ts';

/** AES-128-GCM of `@noble/ciphers`. */
export class GcmTransform implements PacketTransform {
  readonly backend: string = 'portable';
  readonly #key: Uint8Array;

  /** @param key - 16 bytes; copied */
  constructor(key: Uint8Array) {
    this.#key = key.slice();
  }

  encrypt(batch: PacketBatch, from: number): void {
    const { bytes, offset, length, count } = batch;
    for (let index = from; index < count; index++) {
      if (length[index] === DROPPED) continue;
      const start = offset[index]!;
      const end = start + length[index]!;
      const nonce = bytes.slice(start, start + TAG_NONCE_SIZE);
      const sealed = gcm(this.#key, nonce).encrypt(bytes.slice(start + TAG_NONCE_SIZE, end - TAG_SIZE));
      bytes.set(sealed, start + TAG_NONCE_SIZE);
    }
  }

  decrypt(batch: PacketBatch): number {
    const { bytes, offset, length, count } = batch;
    let refused = 0;
    for (let index = 0; index < count; index++) {
      if (length[index] === DROPPED) continue;
      const start = offset[index]!;
      const end = start + length[index]!;
      const nonce = bytes.slice(start, start + TAG_NONCE_SIZE);
      try {
        bytes.set(gcm(this.#key, nonce).decrypt(bytes.slice(start + TAG_NONCE_SIZE, end)), start + TAG_NONCE_SIZE);
      } catch {
        length[index] = DROPPED;
        refused += 1;
      }
    }
    return refused;
  }

  wipe(): void {
    this.#key.fill(0);
  }
}
