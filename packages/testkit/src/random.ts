// Seeded random numbers for tests: xoshiro128** with its state filled by splitmix32. The same seed gives the same
// numbers on every machine and in every version of Node. Not for secrets.

import type { RandomSource } from '@kcptun/common';

/** A repeatable source of random numbers. */
export class Random {
  #a = 0;
  #b = 0;
  #c = 0;
  #d = 0;

  /** @param seed - any number; its low 32 bits count */
  constructor(seed: number) {
    this.reseed(seed);
  }

  /**
   * Starts over, as if newly made.
   * @param seed - any number; its low 32 bits count
   * @param index - picks one of 2^32 unrelated sequences of this seed (default 0)
   */
  reseed(seed: number, index = 0): void {
    let state = (scramble(seed | 0) ^ Math.imul(index | 0, 0x9e37_79b1)) | 0;
    state = (state + 0x9e37_79b9) | 0;
    this.#a = scramble(state);
    state = (state + 0x9e37_79b9) | 0;
    this.#b = scramble(state);
    state = (state + 0x9e37_79b9) | 0;
    this.#c = scramble(state);
    state = (state + 0x9e37_79b9) | 0;
    // The state must not be all zero; one bit of the last word settles that.
    this.#d = scramble(state) | 1;
  }

  /** An integer in `[0, 2^32)`. */
  u32(): number {
    const product = Math.imul(this.#b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9);
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result >>> 0;
  }

  /** A number in `[0, 1)` with 32 random bits. */
  float(): number {
    return this.u32() / 0x1_0000_0000;
  }

  /**
   * An integer in `[min, max]`, both included.
   * @throws {RangeError} when the range is empty or not made of integers
   */
  integer(min: number, max: number): number {
    if (!Number.isInteger(min) || !Number.isInteger(max) || max < min) {
      throw new RangeError(`min and max must be integers with min <= max, got ${min} and ${max}`);
    }
    return min + Math.floor(this.float() * (max - min + 1));
  }

  /** True with `probability` (0: never, 1: always). Takes one number in any case. */
  chance(probability: number): boolean {
    return this.float() < probability;
  }

  /** `length` random bytes. */
  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.fill(bytes);
    return bytes;
  }

  /** Fills `target` with random bytes. */
  fill(target: Uint8Array): void {
    for (let at = 0; at < target.length; at += 4) {
      const word = this.u32();
      target[at] = word;
      if (at + 1 < target.length) target[at + 1] = word >>> 8;
      if (at + 2 < target.length) target[at + 2] = word >>> 16;
      if (at + 3 < target.length) target[at + 3] = word >>> 24;
    }
  }

  /** This generator as the {@link RandomSource} that the packages take: nonces of a test are repeatable, not secret. */
  get source(): RandomSource {
    return (target) => this.fill(target);
  }

  /**
   * One of the items.
   * @throws {RangeError} when there is none
   */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError('items must not be empty');
    return items[this.integer(0, items.length - 1)] as T;
  }

  /** The items in random order, as a new array. */
  shuffle<T>(items: readonly T[]): T[] {
    const shuffled = [...items];
    for (let last = shuffled.length - 1; last > 0; last--) {
      const other = this.integer(0, last);
      const item = shuffled[last] as T;
      shuffled[last] = shuffled[other] as T;
      shuffled[other] = item;
    }
    return shuffled;
  }

  /** A generator of its own, unrelated to what this one gives from here on. */
  fork(): Random {
    return new Random(this.u32());
  }
}

/** The finaliser of splitmix32: every bit of the input changes every bit of the output. */
function scramble(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x21f0_aaad);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed, 0x735a_2d97);
  return mixed ^ (mixed >>> 15);
}
