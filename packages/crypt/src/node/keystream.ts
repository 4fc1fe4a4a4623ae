// Scratch memory for the keystream of CFB (PROTOCOL crypt §4), and the XOR that brings it into packets.
//
//   | lead 16: what the first block is XORed with, right-aligned | keystream ..

import type { CryptKernel } from '../kernel.ts';
import { WordView } from '../portable/word-view.ts';

/** Bytes in front of the keystream. */
const LEAD_SIZE = 16;

/** Keystream in the kernel's memory, or in memory of its own where there is no kernel. */
export class Keystream {
  /** The memory. */
  readonly bytes: Uint8Array;
  /** Offset of the keystream in it, a multiple of 16. */
  readonly place: number;
  /** How many bytes of keystream fit. */
  readonly size: number;
  readonly #kernel: CryptKernel | undefined;
  readonly #words: Int32Array;
  readonly #view: WordView = new WordView();

  /**
   * @param kernel - does the XOR where packets live in its memory
   * @param size - most bytes of keystream at a time
   */
  constructor(kernel: CryptKernel | undefined, size: number) {
    this.#kernel = kernel;
    this.size = size;
    this.bytes = kernel === undefined ? new Uint8Array(LEAD_SIZE + size) : kernel.memory.bytes;
    this.place = LEAD_SIZE + (kernel === undefined ? 0 : kernel.memory.reserve(LEAD_SIZE + size));
    this.#words = new Int32Array(this.bytes.buffer, this.bytes.byteOffset + this.place - LEAD_SIZE, (LEAD_SIZE + size) >> 2);
  }

  /** Sets what lies in front of the keystream: at most 16 bytes, right-aligned. */
  lead(block: Uint8Array): void {
    this.bytes.set(block, this.place - block.length);
  }

  /** XORs `length` bytes at `target` with what is at `place + at`; `at` is a multiple of 4 from -16 on. */
  xor(bytes: Uint8Array, target: number, at: number, length: number): void {
    if (this.#kernel !== undefined && bytes === this.bytes) {
      this.#kernel.xor(target, this.place + at, length);
      return;
    }
    const words = this.#view.of(bytes);
    const keyWords = this.#words;
    const first = (bytes.byteOffset + target) >> 2;
    const key = (LEAD_SIZE + at) >> 2;
    const whole = ((bytes.byteOffset + target) & 3) === 0 ? length >> 2 : 0;
    for (let word = 0; word < whole; word++) words[first + word]! ^= keyWords[key + word]!;
    const keyBytes = this.bytes;
    const from = this.place + at;
    for (let done = whole << 2; done < length; done++) bytes[target + done]! ^= keyBytes[from + done]!;
  }

  /** Overwrites the keystream and gives the memory back. */
  release(): void {
    const start = this.place - LEAD_SIZE;
    this.bytes.fill(0, start, this.place + this.size);
    this.#kernel?.memory.release(start, LEAD_SIZE + this.size);
  }
}
