// The codec whose loops run as WebAssembly SIMD (assembly/snappy.ts). Sources and targets outside of its memory are copied in and out,
// which costs a tenth of the work; the framing stages in the working memory and pays for one of the two copies at most.
//
// Reserved once:  CRC tables 8 KiB | folding tables 512 | fold state 128 | hash table 32 KiB | input and output, with headroom and slop
// The CRC reduces long pieces in the memory of the hash table: compressing fills it anew for each block.

import { Arena, checkInteger, type KernelExports, type KernelMemory } from '@kcptun/common';
import {
  type BlockCodec,
  MAX_BLOCK,
  MAX_COMPRESSED_BLOCK,
  maxCompressedLength,
  readBlockLength,
  TypescriptBlockCodec,
  WORK_HEADROOM,
  WORK_SLOP,
} from './block-codec.ts';
import { CRC32C_TABLES } from './crc32c.ts';
import { FOLD_TABLES_LENGTH, foldTables } from './crc32c-fold.ts';
import { SNAPPY_KERNEL } from './generated/snappy-kernel.ts';

const HASH_TABLE_LENGTH = 32_768;
const FOLD_STATE_LENGTH = 128;

/** Bytes that a codec reserves in the memory it is given. */
export const CODEC_MEMORY = 196_608;

/** Options of {@link createBlockCodec}. */
export interface BlockCodecOptions {
  /** Where the kernel works (default: a memory of its own, of {@link CODEC_MEMORY} bytes). */
  readonly memory?: KernelMemory;
  /** Whether the WASM kernel may be used (default true). */
  readonly wasm?: boolean;
}

/**
 * Makes the fastest codec that runs here: the WASM kernel, or plain TypeScript where WebAssembly SIMD is missing or off.
 * @throws {KcptunError} `KCPTUN_ERR_ARENA_FULL` when the given memory has no {@link CODEC_MEMORY} bytes left
 */
export function createBlockCodec(options: BlockCodecOptions = {}): BlockCodec {
  if (options.wasm === false) return new TypescriptBlockCodec();
  const memory = options.memory ?? new Arena({ byteLength: CODEC_MEMORY });
  const kernel = memory.instantiate(SNAPPY_KERNEL);
  return kernel === undefined ? new TypescriptBlockCodec() : new WasmBlockCodec(memory, kernel);
}

let shared: BlockCodec | undefined;

/** The codec of all streams that are not given one: made on first use, one for the process. */
export function sharedBlockCodec(): BlockCodec {
  shared ??= createBlockCodec();
  return shared;
}

type Kernel = (a: number, b: number, c: number, d: number, e: number, f?: number) => number;

class WasmBlockCodec implements BlockCodec {
  readonly name: string = 'wasm';
  readonly bytes: Uint8Array;
  readonly input: number;
  readonly output: number;
  readonly #start: number;
  readonly #end: number;
  readonly #tables: number;
  readonly #folds: number;
  readonly #state: number;
  readonly #hashes: number;
  readonly #compress: Kernel;
  readonly #uncompress: (a: number, b: number, c: number, d: number) => number;
  readonly #crc32c: Kernel;

  constructor(memory: KernelMemory, kernel: KernelExports) {
    this.bytes = memory.bytes;
    this.#tables = memory.reserve(CRC32C_TABLES.byteLength);
    this.#folds = memory.reserve(FOLD_TABLES_LENGTH);
    this.#state = memory.reserve(FOLD_STATE_LENGTH);
    this.#hashes = memory.reserve(HASH_TABLE_LENGTH);
    this.#start = memory.reserve(2 * (WORK_HEADROOM + MAX_COMPRESSED_BLOCK + WORK_SLOP));
    this.input = this.#start + WORK_HEADROOM;
    this.output = this.input + MAX_COMPRESSED_BLOCK + WORK_SLOP + WORK_HEADROOM;
    this.#end = this.output + MAX_COMPRESSED_BLOCK;
    this.#compress = kernel['compress'] as Kernel;
    this.#uncompress = kernel['uncompress'] as (a: number, b: number, c: number, d: number) => number;
    this.#crc32c = kernel['crc32c'] as Kernel;
    this.bytes.set(new Uint8Array(CRC32C_TABLES.buffer), this.#tables);
    this.bytes.set(foldTables(), this.#folds);
  }

  maxCompressedLength(length: number): number {
    return maxCompressedLength(length);
  }

  crc32c(bytes: Uint8Array, offset: number, length: number): number {
    checkInteger(length, 'length', 0, MAX_BLOCK);
    const at = this.#works(bytes, offset, length) ? offset : this.#copyIn(bytes, offset, length, this.input);
    return this.#crc32c(at, length, this.#tables, this.#folds, this.#state, this.#hashes) >>> 0;
  }

  compress(
    source: Uint8Array,
    sourceOffset: number,
    sourceLength: number,
    target: Uint8Array,
    targetOffset: number,
    limit: number,
  ): number {
    checkInteger(sourceLength, 'sourceLength', 0, MAX_BLOCK);
    if (limit < 4) return 0;
    const room = Math.min(limit, MAX_COMPRESSED_BLOCK);
    const inPlace = this.#works(target, targetOffset, room);
    const src = this.#works(source, sourceOffset, sourceLength)
      ? sourceOffset
      : this.#copyIn(source, sourceOffset, sourceLength, inPlace ? this.#other(targetOffset) : this.input);
    const dst = inPlace ? targetOffset : this.#other(src);
    const length = this.#compress(src, sourceLength, dst, room, this.#hashes);
    if (!inPlace) target.set(this.bytes.subarray(dst, dst + length), targetOffset);
    return length;
  }

  uncompress(
    source: Uint8Array,
    sourceOffset: number,
    sourceLength: number,
    target: Uint8Array,
    targetOffset: number,
    room: number,
  ): number {
    const head = readBlockLength(source, sourceOffset, sourceLength);
    const size = head >> 3;
    // Wasteful elements can make a valid block longer than the limit, but no chunk that the stream format allows holds it.
    if (head < 0 || size > room || sourceLength > MAX_COMPRESSED_BLOCK) return -1;
    const inPlace = this.#works(target, targetOffset, size);
    const src = this.#works(source, sourceOffset, sourceLength)
      ? sourceOffset
      : this.#copyIn(source, sourceOffset, sourceLength, inPlace ? this.#other(targetOffset) : this.input);
    const dst = inPlace ? targetOffset : this.#other(src);
    const skipped = head & 7;
    if (this.#uncompress(src + skipped, sourceLength - skipped, dst, size) !== 0) return -1;
    if (!inPlace) target.set(this.bytes.subarray(dst, dst + size), targetOffset);
    return size;
  }

  #copyIn(source: Uint8Array, offset: number, length: number, to: number): number {
    this.bytes.set(source.subarray(offset, offset + length), to);
    return to;
  }

  /** The area that `at` does not lie in. */
  #other(at: number): number {
    return at >= this.output - WORK_HEADROOM ? this.input : this.output;
  }

  /** Whether a piece lies in the working memory, so that the slop behind it is free. */
  #works(bytes: Uint8Array, offset: number, length: number): boolean {
    return bytes === this.bytes && offset >= this.#start && offset + length <= this.#end;
  }
}
