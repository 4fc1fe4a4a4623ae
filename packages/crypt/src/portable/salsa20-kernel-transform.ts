// Method `salsa20` by the SIMD kernel (PROTOCOL crypt §5): four blocks at once, each packet is one call.

import type { PacketBatch } from '@kcptun/common';
import { type CryptKernel, wordsOf } from '../kernel.ts';
import type { PacketTransform } from '../packet-crypt.ts';
import { fillState } from './salsa20-transform.ts';

/** Bytes of the initial state and of four keystream blocks. */
const STATE_SIZE = 64 + 256;

/** XORs packets with the Salsa20/20 keystream of their first 8 bytes. */
export class Salsa20KernelTransform implements PacketTransform {
  readonly backend: string = 'wasm';
  readonly #kernel: CryptKernel;
  readonly #state: number;

  /**
   * @param kernel - the state is reserved in its memory
   * @param key - 32 bytes; not kept
   */
  constructor(kernel: CryptKernel, key: Uint8Array) {
    this.#kernel = kernel;
    this.#state = kernel.memory.reserve(STATE_SIZE);
    fillState(wordsOf(kernel.memory, this.#state, 16), key);
  }

  encrypt(batch: PacketBatch, from: number): void {
    const { bytes, offset, length, count } = batch;
    const kernel = this.#kernel;
    for (let index = from; index < count; index++) {
      const size = length[index]!;
      if (size <= 0) continue;
      const at = kernel.enter(bytes, offset[index]!, size);
      kernel.salsa20(at, size, this.#state);
      kernel.leave(bytes, offset[index]!, size, at);
    }
  }

  decrypt(batch: PacketBatch): number {
    this.encrypt(batch, 0);
    return 0;
  }

  wipe(): void {
    this.#kernel.memory.bytes.fill(0, this.#state, this.#state + STATE_SIZE);
    this.#kernel.memory.release(this.#state, STATE_SIZE);
  }
}
