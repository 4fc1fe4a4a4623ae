// Block ciphers in CFB mode by WebAssembly (PROTOCOL crypt §4), several blocks interleaved, because one block after the other leaves
// most of the processor idle: when sealing these are blocks of different packets, when opening also of one packet.
// us of CPU per 1350-byte packet, plain TypeScript -> this in a batch, sealing / opening:
// tea 4.0 / 3.2 -> 1.2 / 1.2, xtea 13 / 7.8 -> 3.6 / 3.6, blowfish 9.5 / 6.4 -> 3.9 / 3.9, cast5 10.5 / 6.9 -> 4.8 / 4.9,
// twofish 7.5 / 7.5 -> 4.3 / 4.2, sm4 9.1 / 7.1 -> 5.4 / 5.4, 3des 37 / 26 -> 16 / 16.
// A lone packet is sealed as fast as in TypeScript, but for tea and xtea (7.4 and 26), whose lanes stay empty: those are left to TypeScript.
//
//   reserved   | IV 16 | tables and round keys | start and end of 96 packets | work space 6 KiB |

import { BATCH_CAPACITY, type KernelExports, type PacketBatch } from '@kcptun/common';
import { IV0, IV1, IV2, IV3, type TableCipher } from '../block/cfb-cipher.ts';
import { swapBytes } from '../block/words.ts';
import { type CryptKernel, wordsOf } from '../kernel.ts';
import type { PacketTransform } from '../packet-crypt.ts';

/** The number by which the kernel knows each cipher. */
const CIPHERS = { tea: 0, xtea: 1, blowfish: 2, cast5: 3, '3des': 4, twofish: 5, sm4: 6 } as const;

/** A method with a kernel. */
export type CfbKernelMethod = keyof typeof CIPHERS;

type CfbKernel = (cipher: number, encrypting: number, packets: number, count: number, key: number, work: number) => number;

const IV_WORDS = 4;
const PACKETS_SIZE = BATCH_CAPACITY * 8;
/** A lane for each packet: 48 bytes, and 16 for a partial block. */
const WORK_SIZE = BATCH_CAPACITY * 64;

/** Runs the packets of a batch through the kernel together; packets outside of its memory one by one. */
export class CfbKernelTransform implements PacketTransform {
  readonly backend: string = 'wasm';
  readonly #kernel: CryptKernel;
  readonly #cfb: CfbKernel;
  readonly #cipher: number;
  readonly #size: number;
  readonly #place: number;
  readonly #packets: Int32Array;
  readonly #packetsAt: number;
  readonly #alone: PacketTransform | undefined;

  /**
   * @param kernel - memory is reserved in its memory
   * @param exports - the kernel of block ciphers, bound to the same memory
   * @param method - the cipher
   * @param cipher - gives its tables and round keys; stays the caller's
   * @param alone - seals batches of one packet, where that is faster; owned from now on
   */
  constructor(kernel: CryptKernel, exports: KernelExports, method: CfbKernelMethod, cipher: TableCipher, alone?: PacketTransform) {
    const { memory } = kernel;
    this.#kernel = kernel;
    this.#alone = alone;
    this.#cfb = exports['cfb'] as CfbKernel;
    this.#cipher = CIPHERS[method];
    const keyWords = cipher.words.reduce((sum, part) => sum + part.length, IV_WORDS);
    this.#size = keyWords * 4 + PACKETS_SIZE + WORK_SIZE;
    this.#place = memory.reserve(this.#size);
    const key = wordsOf(memory, this.#place, keyWords);
    key.set([swapBytes(IV0), swapBytes(IV1), swapBytes(IV2), swapBytes(IV3)]);
    let at = IV_WORDS;
    for (const part of cipher.words) {
      key.set(part, at);
      at += part.length;
    }
    this.#packetsAt = this.#place + keyWords * 4;
    this.#packets = wordsOf(memory, this.#packetsAt, PACKETS_SIZE / 4);
  }

  encrypt(batch: PacketBatch, from: number): void {
    if (this.#alone !== undefined && batch.count - from === 1) this.#alone.encrypt(batch, from);
    else this.#run(batch, from, 1);
  }

  decrypt(batch: PacketBatch): number {
    this.#run(batch, 0, 0);
    return 0;
  }

  wipe(): void {
    const { memory } = this.#kernel;
    memory.bytes.fill(0, this.#place, this.#place + this.#size);
    memory.release(this.#place, this.#size);
    this.#alone?.wipe();
  }

  #run(batch: PacketBatch, from: number, encrypting: number): void {
    const { bytes, offset, length, count } = batch;
    const kernel = this.#kernel;
    const packets = this.#packets;
    const at = this.#packetsAt;
    const staged = bytes.buffer !== kernel.memory.bytes.buffer;
    let used = 0;
    for (let index = from; index < count; index++) {
      const size = length[index]!;
      if (size <= 0) continue;
      const start = kernel.enter(bytes, offset[index]!, size);
      packets[used * 2] = start;
      packets[used * 2 + 1] = start + size;
      if (staged) {
        this.#cfb(this.#cipher, encrypting, at, 1, this.#place, at + PACKETS_SIZE);
        kernel.leave(bytes, offset[index]!, size, start);
      } else {
        used += 1;
      }
    }
    if (used > 0) this.#cfb(this.#cipher, encrypting, at, used, this.#place, at + PACKETS_SIZE);
  }
}
