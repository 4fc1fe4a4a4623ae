// The kernel in plain TypeScript, for where WebAssembly SIMD is missing or switched off.
//
// One table of 256 words serves up to four rows at once: its entry for x holds c_0*x in the lowest byte up to c_3*x in the
// highest. Four bytes of the source give four such words; transposing them gives a word of each row, so that targets
// are read and written by the word. That is twice as fast as going byte by byte.

import type { Kernel } from './kernel.ts';
import { type ReedSolomonMemory, roundUp } from './memory.ts';

// Tables kept, 1 KiB each: enough for all constants of common settings. They are found by a hash and overwritten at will.
const TABLES = 64;

/** Multiplies by table lookups on `memory.bytes`. Works on any engine. */
export class TypeScriptKernel implements Kernel {
  readonly backend = 'typescript';
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #tables: Int32Array = new Int32Array(TABLES * 256);
  /** Whose table is in each place: the constants as a word. All zero means nothing yet, and a zero table is right for that. */
  readonly #owners: Int32Array = new Int32Array(TABLES);

  /** @throws {RangeError} when the memory does not start at a multiple of 4 of its buffer */
  constructor(memory: ReedSolomonMemory) {
    const { buffer, byteOffset, length } = memory.bytes;
    if ((byteOffset & 3) !== 0) throw new RangeError('memory.bytes must start at a multiple of 4 of its buffer');
    this.#bytes = memory.bytes;
    this.#words = new Int32Array(buffer, byteOffset, length >> 2);
  }

  mulAdd(
    rows: number,
    constants: number,
    src: number,
    p0: number,
    p1: number,
    p2: number,
    p3: number,
    length: number,
    first: number,
  ): void {
    const at = this.#table(constants | 0);
    const keep = first === 0 ? -1 : 0;
    const end = src + roundUp(length);
    if (rows === 1) this.#addOne(at, src, end, p0 >> 2, keep);
    else this.#addRows(rows, at, src, end, p0 >> 2, p1 >> 2, p2 >> 2, p3 >> 2, keep);
  }

  #addOne(at: number, src: number, end: number, w0: number, keep: number): void {
    const bytes = this.#bytes;
    const words = this.#words;
    const table = this.#tables;
    for (; src < end; src += 4) {
      const low = (table[at + bytes[src]!]! & 0xff) | ((table[at + bytes[src + 1]!]! & 0xff) << 8);
      const high = (table[at + bytes[src + 2]!]! & 0xff) | (table[at + bytes[src + 3]!]! << 8);
      words[w0] = (words[w0]! & keep) ^ (low | (high << 16));
      w0++;
    }
  }

  #addRows(rows: number, at: number, src: number, end: number, w0: number, w1: number, w2: number, w3: number, keep: number): void {
    const bytes = this.#bytes;
    const words = this.#words;
    const table = this.#tables;
    for (; src < end; src += 4) {
      const t0 = table[at + bytes[src]!]!;
      const t1 = table[at + bytes[src + 1]!]!;
      const t2 = table[at + bytes[src + 2]!]!;
      const t3 = table[at + bytes[src + 3]!]!;
      // Rows 0 and 2, then 1 and 3, of source bytes 0 and 1, then of 2 and 3.
      const even01 = (t0 & 0x00ff00ff) | ((t1 & 0x00ff00ff) << 8);
      const even23 = (t2 & 0x00ff00ff) | ((t3 & 0x00ff00ff) << 8);
      const odd01 = ((t0 >>> 8) & 0x00ff00ff) | (t1 & 0xff00ff00);
      const odd23 = ((t2 >>> 8) & 0x00ff00ff) | (t3 & 0xff00ff00);
      words[w0] = (words[w0]! & keep) ^ ((even01 & 0xffff) | (even23 << 16));
      words[w1] = (words[w1]! & keep) ^ ((odd01 & 0xffff) | (odd23 << 16));
      if (rows > 2) words[w2] = (words[w2]! & keep) ^ ((even01 >>> 16) | (even23 & 0xffff0000));
      if (rows > 3) words[w3] = (words[w3]! & keep) ^ ((odd01 >>> 16) | (odd23 & 0xffff0000));
      w0++;
      w1++;
      w2++;
      w3++;
    }
  }

  // Where the table for these constants starts; made on the spot when another one is in its place.
  #table(constants: number): number {
    const place = Math.imul(constants, 0x9e3779b1) >>> 26;
    const at = place * 256;
    if (this.#owners[place] === constants) return at;
    const table = this.#tables;
    this.#owners[place] = constants;
    table[at] = 0;
    // Entry x is the sum over the bits of x of constants * 2^bit; the four products of a word are doubled at once.
    let doubled = constants;
    for (let size = 1; size < 256; size <<= 1) {
      for (let index = 0; index < size; index++) table[at + size + index] = table[at + index]! ^ doubled;
      doubled = ((doubled & 0x7f7f7f7f) << 1) ^ Math.imul((doubled >>> 7) & 0x01010101, 0x1d);
    }
    return at;
  }
}
