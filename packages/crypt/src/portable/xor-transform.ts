// Method `xor`: every datagram is xored with one table from its first byte on (PROTOCOL crypt §6). Obfuscation, no secrecy.

import type { PacketBatch } from '@kcptun/common';
import { deriveXorTable, XOR_TABLE_SIZE } from '../key.ts';
import type { PacketTransform } from '../packet-crypt.ts';
import { WordView } from './word-view.ts';

/** XORs packets with the table of the key. */
export class XorTransform implements PacketTransform {
  readonly backend: string = 'portable';
  readonly #table: Uint8Array;
  readonly #tableWords: Int32Array;
  readonly #view: WordView = new WordView();

  /** @param key - the derived key, 32 bytes */
  constructor(key: Uint8Array) {
    this.#table = deriveXorTable(key);
    this.#tableWords = new Int32Array(this.#table.slice().buffer);
  }

  encrypt(batch: PacketBatch, from: number): void {
    const { bytes, offset, length, count } = batch;
    const words = this.#view.of(bytes);
    for (let index = from; index < count; index++) {
      this.#apply(bytes, words, offset[index]!, Math.min(length[index]!, XOR_TABLE_SIZE));
    }
  }

  decrypt(batch: PacketBatch): number {
    this.encrypt(batch, 0);
    return 0;
  }

  wipe(): void {
    this.#table.fill(0);
    this.#tableWords.fill(0);
  }

  #apply(bytes: Uint8Array, words: Int32Array, offset: number, length: number): void {
    const table = this.#table;
    const start = bytes.byteOffset + offset;
    let at = 0;
    if ((start & 3) === 0) {
      const tableWords = this.#tableWords;
      const first = start >> 2;
      const whole = length >> 2;
      for (let word = 0; word < whole; word++) words[first + word]! ^= tableWords[word]!;
      at = whole << 2;
    }
    for (; at < length; at++) bytes[offset + at]! ^= table[at]!;
  }
}
