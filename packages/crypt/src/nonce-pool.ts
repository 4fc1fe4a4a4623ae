// Nonces, taken from random bytes that are fetched 1 KiB at a time: asking the system for 16 bytes costs far more than
// a packet's whole cipher work. No more, because what is in store when a virtual machine is saved is used again by each
// copy that is resumed.

import type { RandomSource } from '@kcptun/common';

const POOL_SIZE = 1024;

/** Hands out nonces of one size; every random byte is used once. */
export class NoncePool {
  readonly #random: RandomSource;
  readonly #pool: Uint8Array;
  #used: number;

  /**
   * @param random - where unpredictable bytes come from
   * @param nonceSize - bytes of a nonce; the pool holds a whole number of them
   */
  constructor(random: RandomSource, nonceSize: number) {
    this.#random = random;
    this.#pool = new Uint8Array(POOL_SIZE - (POOL_SIZE % nonceSize));
    this.#used = this.#pool.length;
  }

  /** Writes the next nonce of `size` bytes (the size given at construction) at `offset`. */
  take(bytes: Uint8Array, offset: number, size: number): void {
    if (this.#used === this.#pool.length) {
      this.#random(this.#pool);
      this.#used = 0;
    }
    const pool = this.#pool;
    const from = this.#used;
    for (let index = 0; index < size; index++) bytes[offset + index] = pool[from + index]!;
    this.#used = from + size;
  }

  /** Overwrites the random bytes in store. */
  wipe(): void {
    this.#pool.fill(0);
    this.#used = this.#pool.length;
  }
}
