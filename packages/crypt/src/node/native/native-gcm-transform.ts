// Method `aes-128-gcm` by OpenSSL through FFI, packet by packet in place (PROTOCOL crypt §3 B).

import { DROPPED, type PacketBatch } from '@kcptun/common';
import type { PacketTransform } from '../../packet-crypt.ts';
import { NativeGcm, NativeMemory } from './ffi.ts';

/** AES-128-GCM of OpenSSL; a refused packet's text is overwritten. */
export class NativeGcmTransform implements PacketTransform {
  readonly backend: string = 'openssl-ffi';
  readonly #gcm: NativeGcm;
  /** Where the last batch was. */
  #packets: NativeMemory | undefined = undefined;

  /**
   * @param key - 16 bytes; not kept
   * @throws {CryptError} `KCPTUN_ERR_CRYPT_NATIVE` when this OpenSSL lacks the cipher
   */
  constructor(key: Uint8Array) {
    this.#gcm = new NativeGcm(key);
  }

  encrypt(batch: PacketBatch, from: number): void {
    const { bytes, offset, length, count } = batch;
    const packets = this.#memoryOf(bytes);
    for (let index = from; index < count; index++) {
      if (length[index] !== DROPPED) this.#gcm.seal(packets, offset[index]!, length[index]!);
    }
  }

  decrypt(batch: PacketBatch): number {
    const { bytes, offset, length, count } = batch;
    const packets = this.#memoryOf(bytes);
    let refused = 0;
    for (let index = 0; index < count; index++) {
      if (length[index] === DROPPED || this.#gcm.open(packets, offset[index]!, length[index]!)) continue;
      length[index] = DROPPED;
      refused += 1;
    }
    return refused;
  }

  wipe(): void {
    this.#gcm.free();
    this.#packets = undefined;
  }

  #memoryOf(bytes: Uint8Array): NativeMemory {
    if (this.#packets === undefined || bytes !== this.#packets.bytes) this.#packets = new NativeMemory(bytes);
    return this.#packets;
  }
}
