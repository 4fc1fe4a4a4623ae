// Method `salsa20` (PROTOCOL crypt §5): the first 8 bytes of a datagram are the nonce and stay in clear, the rest is xored
// with the Salsa20/20 keystream of a 256-bit key, block counter from 0. Sealing and opening are the same operation.
//
//   state   c0 k0 k1 k2 | k3 c1 n0 n1 | t0 t1 c2 k4 | k5 k6 k7 c3        (c = "expand 32-byte k", n = nonce, t = counter)

import { type PacketBatch, readU32 } from '@kcptun/common';
import type { PacketTransform } from '../packet-crypt.ts';
import { LITTLE_ENDIAN, WordView } from './word-view.ts';

const NONCE_SIZE = 8;
const BLOCK_SIZE = 64;
const DOUBLE_ROUNDS = 10;
const C0 = 0x61707865;
const C1 = 0x3320646e;
const C2 = 0x79622d32;
const C3 = 0x6b206574;

/** Writes the 16 words of the initial state: constants and key, nonce and counter 0. */
export function fillState(state: Int32Array, key: Uint8Array): void {
  state.fill(0);
  state[0] = C0;
  state[5] = C1;
  state[10] = C2;
  state[15] = C3;
  for (let word = 0; word < 4; word++) {
    state[1 + word] = readU32(key, word * 4);
    state[11 + word] = readU32(key, 16 + word * 4);
  }
}

/** XORs packets with the Salsa20/20 keystream of their first 8 bytes. */
export class Salsa20Transform implements PacketTransform {
  readonly backend: string = 'portable';
  readonly #key: Int32Array = new Int32Array(8);
  readonly #block: Int32Array = new Int32Array(BLOCK_SIZE / 4);
  readonly #view: WordView = new WordView();

  /** @param key - 32 bytes */
  constructor(key: Uint8Array) {
    for (let word = 0; word < 8; word++) this.#key[word] = readU32(key, word * 4);
  }

  encrypt(batch: PacketBatch, from: number): void {
    const { bytes, offset, length, count } = batch;
    const words = this.#view.of(bytes);
    for (let index = from; index < count; index++) this.#apply(bytes, words, offset[index]!, length[index]!);
  }

  decrypt(batch: PacketBatch): number {
    this.encrypt(batch, 0);
    return 0;
  }

  wipe(): void {
    this.#key.fill(0);
    this.#block.fill(0);
  }

  #apply(bytes: Uint8Array, words: Int32Array, offset: number, length: number): void {
    if (length <= NONCE_SIZE) return;
    const n0 = readU32(bytes, offset) | 0;
    const n1 = readU32(bytes, offset + 4) | 0;
    const block = this.#block;
    const end = offset + length;
    const byWords = LITTLE_ENDIAN && ((bytes.byteOffset + offset) & 3) === 0;
    let counter = 0;
    for (let at = offset + NONCE_SIZE; at < end; at += BLOCK_SIZE) {
      this.#keystream(n0, n1, counter++);
      if (byWords && at + BLOCK_SIZE <= end) {
        const first = (bytes.byteOffset + at) >> 2;
        for (let word = 0; word < 16; word++) words[first + word]! ^= block[word]!;
      } else {
        const part = Math.min(BLOCK_SIZE, end - at);
        for (let index = 0; index < part; index++) bytes[at + index]! ^= block[index >> 2]! >>> ((index & 3) * 8);
      }
    }
  }

  /** Puts keystream block `counter` into the block; at most 24 blocks a packet, so the counter's high word stays 0. */
  #keystream(n0: number, n1: number, counter: number): void {
    const key = this.#key;
    const k0 = key[0]!;
    const k1 = key[1]!;
    const k2 = key[2]!;
    const k3 = key[3]!;
    const k4 = key[4]!;
    const k5 = key[5]!;
    const k6 = key[6]!;
    const k7 = key[7]!;
    let x0 = C0;
    let x1 = k0;
    let x2 = k1;
    let x3 = k2;
    let x4 = k3;
    let x5 = C1;
    let x6 = n0;
    let x7 = n1;
    let x8 = counter;
    let x9 = 0;
    let x10 = C2;
    let x11 = k4;
    let x12 = k5;
    let x13 = k6;
    let x14 = k7;
    let x15 = C3;
    let t = 0;
    for (let round = 0; round < DOUBLE_ROUNDS; round++) {
      // columns
      t = (x0 + x12) | 0;
      x4 ^= (t << 7) | (t >>> 25);
      t = (x4 + x0) | 0;
      x8 ^= (t << 9) | (t >>> 23);
      t = (x8 + x4) | 0;
      x12 ^= (t << 13) | (t >>> 19);
      t = (x12 + x8) | 0;
      x0 ^= (t << 18) | (t >>> 14);
      t = (x5 + x1) | 0;
      x9 ^= (t << 7) | (t >>> 25);
      t = (x9 + x5) | 0;
      x13 ^= (t << 9) | (t >>> 23);
      t = (x13 + x9) | 0;
      x1 ^= (t << 13) | (t >>> 19);
      t = (x1 + x13) | 0;
      x5 ^= (t << 18) | (t >>> 14);
      t = (x10 + x6) | 0;
      x14 ^= (t << 7) | (t >>> 25);
      t = (x14 + x10) | 0;
      x2 ^= (t << 9) | (t >>> 23);
      t = (x2 + x14) | 0;
      x6 ^= (t << 13) | (t >>> 19);
      t = (x6 + x2) | 0;
      x10 ^= (t << 18) | (t >>> 14);
      t = (x15 + x11) | 0;
      x3 ^= (t << 7) | (t >>> 25);
      t = (x3 + x15) | 0;
      x7 ^= (t << 9) | (t >>> 23);
      t = (x7 + x3) | 0;
      x11 ^= (t << 13) | (t >>> 19);
      t = (x11 + x7) | 0;
      x15 ^= (t << 18) | (t >>> 14);
      // rows
      t = (x0 + x3) | 0;
      x1 ^= (t << 7) | (t >>> 25);
      t = (x1 + x0) | 0;
      x2 ^= (t << 9) | (t >>> 23);
      t = (x2 + x1) | 0;
      x3 ^= (t << 13) | (t >>> 19);
      t = (x3 + x2) | 0;
      x0 ^= (t << 18) | (t >>> 14);
      t = (x5 + x4) | 0;
      x6 ^= (t << 7) | (t >>> 25);
      t = (x6 + x5) | 0;
      x7 ^= (t << 9) | (t >>> 23);
      t = (x7 + x6) | 0;
      x4 ^= (t << 13) | (t >>> 19);
      t = (x4 + x7) | 0;
      x5 ^= (t << 18) | (t >>> 14);
      t = (x10 + x9) | 0;
      x11 ^= (t << 7) | (t >>> 25);
      t = (x11 + x10) | 0;
      x8 ^= (t << 9) | (t >>> 23);
      t = (x8 + x11) | 0;
      x9 ^= (t << 13) | (t >>> 19);
      t = (x9 + x8) | 0;
      x10 ^= (t << 18) | (t >>> 14);
      t = (x15 + x14) | 0;
      x12 ^= (t << 7) | (t >>> 25);
      t = (x12 + x15) | 0;
      x13 ^= (t << 9) | (t >>> 23);
      t = (x13 + x12) | 0;
      x14 ^= (t << 13) | (t >>> 19);
      t = (x14 + x13) | 0;
      x15 ^= (t << 18) | (t >>> 14);
    }
    const block = this.#block;
    block[0] = x0 + C0;
    block[1] = x1 + k0;
    block[2] = x2 + k1;
    block[3] = x3 + k2;
    block[4] = x4 + k3;
    block[5] = x5 + C1;
    block[6] = x6 + n0;
    block[7] = x7 + n1;
    block[8] = x8 + counter;
    block[9] = x9;
    block[10] = x10 + C2;
    block[11] = x11 + k4;
    block[12] = x12 + k5;
    block[13] = x13 + k6;
    block[14] = x14 + k7;
    block[15] = x15 + C3;
  }
}
