// The WebAssembly kernels on a memory. Packets in that memory are worked on where they are; packets of a batch that lives
// elsewhere pass through a staging slot, one copy there and one back.
//
//   reserved   | CRC tables 16 KiB | CRC work 4 KiB | staging slot 1536 |

import { Arena, type KernelMemory, SLOT_SIZE } from '@kcptun/common';
import { fillCrcTables } from './crc32.ts';
import { KERNEL_CODE } from './generated/kernel.ts';

const CRC_TABLES_SIZE = 16 * 1024;
const CRC_WORK_SIZE = 4096;
const RESERVED = CRC_TABLES_SIZE + CRC_WORK_SIZE + SLOT_SIZE;
/** Memory of a packet cipher that was given none: tables, staging, and what its transform reserves. */
const OWN_MEMORY_SIZE = 192 * 1024;

type Crc32Kernel = (source: number, length: number, work: number, tables: number) => number;
type XorKernel = (target: number, source: number, length: number) => number;
type CfbRowKernel = (lanes: number, count: number, row: number, keystream: number, next: number) => number;
type GcmCountersKernel = (nonce: number, count: number, target: number) => number;
type GcmKernel = (data: number, length: number, key: number, keystream: number) => number;
type Salsa20Kernel = (packet: number, length: number, state: number) => number;

/** The kernels, bound to one memory. */
export class CryptKernel {
  /** The memory that the kernels see. */
  readonly memory: KernelMemory;
  /** target ^= source (offsets into the memory, bytes). */
  readonly xor: XorKernel;
  /** One row of blocks of a batch in CFB mode: XOR with the keystream, and the ciphertext gathered for the next row. */
  readonly cfbRow: CfbRowKernel;
  /** Counter blocks of a GCM nonce, from 1 on. */
  readonly gcmCounters: GcmCountersKernel;
  /** GCM: XOR with the encrypted counter blocks, and the tag written behind. */
  readonly gcmSeal: GcmKernel;
  /** GCM: 1 and XOR when the tag fits, else 0 and nothing changed. */
  readonly gcmOpen: GcmKernel;
  /** Salsa20/20 over one packet in place. */
  readonly salsa20: Salsa20Kernel;
  readonly #crc32: Crc32Kernel;
  readonly #reserved: number;
  readonly #work: number;
  readonly #staging: number;

  private constructor(memory: KernelMemory, exports: Readonly<Record<string, (...args: number[]) => number>>) {
    this.memory = memory;
    this.xor = exports['xor'] as XorKernel;
    this.cfbRow = exports['cfbRow'] as CfbRowKernel;
    this.gcmCounters = exports['gcmCounters'] as GcmCountersKernel;
    this.gcmSeal = exports['gcmSeal'] as GcmKernel;
    this.gcmOpen = exports['gcmOpen'] as GcmKernel;
    this.salsa20 = exports['salsa20'] as Salsa20Kernel;
    this.#crc32 = exports['crc32'] as Crc32Kernel;
    this.#reserved = memory.reserve(RESERVED);
    this.#work = this.#reserved + CRC_TABLES_SIZE;
    this.#staging = this.#work + CRC_WORK_SIZE;
    fillCrcTables(wordsOf(memory, this.#reserved, CRC_TABLES_SIZE / 4));
    memory.bytes.fill(0, this.#work, this.#staging + SLOT_SIZE);
  }

  /** Binds the kernels to a memory (default: a new small one); `undefined` where they cannot run. */
  static create(memory: KernelMemory | undefined): CryptKernel | undefined {
    const place = memory ?? new Arena({ byteLength: OWN_MEMORY_SIZE });
    const exports = place.instantiate(KERNEL_CODE);
    return exports === undefined ? undefined : new CryptKernel(place, exports);
  }

  /** Where the kernels find bytes: their own place, or the staging slot, into which they are copied. At most 1536 bytes. */
  enter(bytes: Uint8Array, offset: number, length: number): number {
    const memory = this.memory.bytes;
    // The usual case first: asking for a buffer takes as long as the rest of the call.
    if (bytes === memory) return offset;
    if (bytes.buffer === memory.buffer) return bytes.byteOffset - memory.byteOffset + offset;
    memory.set(bytes.subarray(offset, offset + length), this.#staging);
    return this.#staging;
  }

  /** Brings back what was worked on at `at`, the result of `enter`. */
  leave(bytes: Uint8Array, offset: number, length: number, at: number): void {
    if (at === this.#staging) bytes.set(this.memory.bytes.subarray(at, at + length), offset);
  }

  /** CRC-32 (IEEE, as zlib) of at most 1500 bytes. */
  crc32(bytes: Uint8Array, offset: number, length: number): number {
    return this.#crc32(this.enter(bytes, offset, length), length, this.#work, this.#reserved) >>> 0;
  }

  /** Overwrites staged packets and gives the memory back. The kernels must not be used afterwards. */
  release(): void {
    this.memory.bytes.fill(0, this.#reserved, this.#reserved + RESERVED);
    this.memory.release(this.#reserved, RESERVED);
  }
}

/** A view of `count` words at `offset` of a memory. */
export function wordsOf(memory: KernelMemory, offset: number, count: number): Int32Array {
  return new Int32Array(memory.bytes.buffer, memory.bytes.byteOffset + offset, count);
}
