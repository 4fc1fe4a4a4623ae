// One direction of a stream under QPP (PROTOCOL tunnel §9). A xoshiro256** generator gives eight bytes of work at a time:
//
//   R = next()      pad = (R mod 2^16) mod count      byte n of R is XORed before (encrypt) or after (decrypt) the pad
//
// All 64-bit arithmetic is done on signed halves; the generator's state lies as low and high half of s0 to s3. Generator
// and permutation run in separate loops over a portion, because neither alone fills the registers.

import type { QppPads } from './qpp-pads.ts';

/** Values of R made at a time. */
const PORTION = 64;

/** The cipher of one stream in one direction; it counts bytes, so that chunk boundaries do not matter. */
export class QppStream {
  readonly #pads: QppPads;
  readonly #state: Int32Array;
  /** The values of R of a portion, low and high half each; between calls only the first is of use. */
  readonly #values: Int32Array = new Int32Array(2 * (PORTION + 1));
  /** Bytes of the first value used so far, 0 to 7. */
  #used = 0;

  /** @param pads - shared by all streams of the process; must not be wiped while this stream is in use */
  constructor(pads: QppPads) {
    this.#pads = pads;
    this.#state = pads.startState.slice();
    this.#generate(0, 1);
  }

  /** Encrypts the next `length` bytes of the stream in place, from `offset`. The range must lie within `bytes`. */
  encrypt(bytes: Uint8Array, offset: number, length: number): void {
    const pads = this.#pads.forward;
    const count = this.#pads.count;
    const values = this.#values;
    const end = offset + length;
    let at = offset;
    while (at < end) {
      const blocks = this.#used === 0 ? Math.min((end - at) >>> 3, PORTION) : 0;
      if (blocks === 0) {
        bytes[at] = pads[this.#base() | (bytes[at]! ^ this.#byte())]!;
        at++;
        this.#advance();
        continue;
      }
      this.#generate(1, blocks);
      for (let i = 0; i < 2 * blocks; i += 2) {
        const low = values[i]!;
        const high = values[i + 1]!;
        const base = ((low & 0xffff) % count) << 8;
        bytes[at] = pads[base | (bytes[at]! ^ (low & 255))]!;
        bytes[at + 1] = pads[base | (bytes[at + 1]! ^ ((low >>> 8) & 255))]!;
        bytes[at + 2] = pads[base | (bytes[at + 2]! ^ ((low >>> 16) & 255))]!;
        bytes[at + 3] = pads[base | (bytes[at + 3]! ^ (low >>> 24))]!;
        bytes[at + 4] = pads[base | (bytes[at + 4]! ^ (high & 255))]!;
        bytes[at + 5] = pads[base | (bytes[at + 5]! ^ ((high >>> 8) & 255))]!;
        bytes[at + 6] = pads[base | (bytes[at + 6]! ^ ((high >>> 16) & 255))]!;
        bytes[at + 7] = pads[base | (bytes[at + 7]! ^ (high >>> 24))]!;
        at += 8;
      }
      values.copyWithin(0, 2 * blocks, 2 * blocks + 2);
    }
  }

  /** Decrypts the next `length` bytes of the stream in place, from `offset`. The range must lie within `bytes`. */
  decrypt(bytes: Uint8Array, offset: number, length: number): void {
    const pads = this.#pads.inverse;
    const count = this.#pads.count;
    const values = this.#values;
    const end = offset + length;
    let at = offset;
    while (at < end) {
      const blocks = this.#used === 0 ? Math.min((end - at) >>> 3, PORTION) : 0;
      if (blocks === 0) {
        bytes[at] = pads[this.#base() | bytes[at]!]! ^ this.#byte();
        at++;
        this.#advance();
        continue;
      }
      this.#generate(1, blocks);
      for (let i = 0; i < 2 * blocks; i += 2) {
        const low = values[i]!;
        const high = values[i + 1]!;
        const base = ((low & 0xffff) % count) << 8;
        bytes[at] = pads[base | bytes[at]!]! ^ low;
        bytes[at + 1] = pads[base | bytes[at + 1]!]! ^ (low >>> 8);
        bytes[at + 2] = pads[base | bytes[at + 2]!]! ^ (low >>> 16);
        bytes[at + 3] = pads[base | bytes[at + 3]!]! ^ (low >>> 24);
        bytes[at + 4] = pads[base | bytes[at + 4]!]! ^ high;
        bytes[at + 5] = pads[base | bytes[at + 5]!]! ^ (high >>> 8);
        bytes[at + 6] = pads[base | bytes[at + 6]!]! ^ (high >>> 16);
        bytes[at + 7] = pads[base | bytes[at + 7]!]! ^ (high >>> 24);
        at += 8;
      }
      values.copyWithin(0, 2 * blocks, 2 * blocks + 2);
    }
  }

  /** Zeroes the generator; the stream must not be used afterwards. The pads are left alone. */
  wipe(): void {
    this.#state.fill(0);
    this.#values.fill(0);
    this.#used = 0;
  }

  /** Offset of the pad that the first value selects. */
  #base(): number {
    return ((this.#values[0]! & 0xffff) % this.#pads.count) << 8;
  }

  /** The next byte of the first value. */
  #byte(): number {
    return (this.#values[this.#used >>> 2]! >>> (8 * (this.#used & 3))) & 255;
  }

  #advance(): void {
    this.#used = (this.#used + 1) & 7;
    if (this.#used === 0) this.#generate(0, 1);
  }

  /** Writes `count` values to `values[from...]`: R = rotl(s1 * 5, 7) * 9, then the generator's linear step. */
  #generate(from: number, count: number): void {
    const s = this.#state;
    const values = this.#values;
    let l0 = s[0]!;
    let h0 = s[1]!;
    let l1 = s[2]!;
    let h1 = s[3]!;
    let l2 = s[4]!;
    let h2 = s[5]!;
    let l3 = s[6]!;
    let h3 = s[7]!;
    for (let i = 2 * from; i < 2 * (from + count); i += 2) {
      // x * 5 = (x << 2) + x and x * 9 = (x << 3) + x: the high half gets the bits shifted out and the carry.
      const low5 = ((l1 << 2) + l1) | 0;
      const high5 = (Math.imul(h1, 5) + (l1 >>> 30) + (low5 >>> 0 < l1 >>> 0 ? 1 : 0)) | 0;
      const low = (low5 << 7) | (high5 >>> 25);
      const high = (high5 << 7) | (low5 >>> 25);
      const low9 = ((low << 3) + low) | 0;
      values[i] = low9;
      values[i + 1] = Math.imul(high, 9) + (low >>> 29) + (low9 >>> 0 < low >>> 0 ? 1 : 0);
      l2 ^= l0;
      h2 ^= h0;
      l3 ^= l1;
      h3 ^= h1;
      l0 ^= l3;
      h0 ^= h3;
      const shiftedLow = l1 << 17;
      const shiftedHigh = (h1 << 17) | (l1 >>> 15);
      l1 ^= l2;
      h1 ^= h2;
      l2 ^= shiftedLow;
      h2 ^= shiftedHigh;
      // Rotation by 45: the halves change places, then by 13.
      const turned = (h3 << 13) | (l3 >>> 19);
      h3 = (l3 << 13) | (h3 >>> 19);
      l3 = turned;
    }
    s[0] = l0;
    s[1] = h0;
    s[2] = l1;
    s[3] = h1;
    s[4] = l2;
    s[5] = h2;
    s[6] = l3;
    s[7] = h3;
  }
}
