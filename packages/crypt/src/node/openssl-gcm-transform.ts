// Method `aes-128-gcm` by the running Node's OpenSSL, one cipher object a packet (PROTOCOL crypt §3 B).

import { createCipheriv, createDecipheriv } from 'node:crypto';
import { DROPPED, type PacketBatch } from '@kcptun/common';
import { TAG_NONCE_SIZE, TAG_SIZE } from '../framing.ts';
import type { PacketTransform } from '../packet-crypt.ts';

const CIPHER = 'aes-128-gcm';
const OPTIONS = { authTagLength: TAG_SIZE };

/** AES-128-GCM of `node:crypto`. */
export class OpensslGcmTransform implements PacketTransform {
  readonly backend: string = 'node';
  readonly #key: Uint8Array;

  /** @param key - 16 bytes; copied */
  constructor(key: Uint8Array) {
    this.#key = key.slice();
  }

  encrypt(batch: PacketBatch, from: number): void {
    const { bytes, offset, length, count } = batch;
    for (let index = from; index < count; index++) {
      if (length[index] === DROPPED) continue;
      const start = offset[index]! + TAG_NONCE_SIZE;
      const end = offset[index]! + length[index]! - TAG_SIZE;
      const cipher = createCipheriv(CIPHER, this.#key, bytes.subarray(start - TAG_NONCE_SIZE, start), OPTIONS);
      bytes.set(cipher.update(bytes.subarray(start, end)), start);
      cipher.final();
      bytes.set(cipher.getAuthTag(), end);
    }
  }

  decrypt(batch: PacketBatch): number {
    const { bytes, offset, length, count } = batch;
    let refused = 0;
    for (let index = 0; index < count; index++) {
      if (length[index] === DROPPED) continue;
      const start = offset[index]! + TAG_NONCE_SIZE;
      const end = offset[index]! + length[index]! - TAG_SIZE;
      const decipher = createDecipheriv(CIPHER, this.#key, bytes.subarray(start - TAG_NONCE_SIZE, start), OPTIONS);
      decipher.setAuthTag(bytes.subarray(end, end + TAG_SIZE));
      const plain = decipher.update(bytes.subarray(start, end));
      try {
        decipher.final();
        bytes.set(plain, start);
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
