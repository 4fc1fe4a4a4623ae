// The native `snappy` package as a block codec, and which codec Node uses.

import { createRequire } from 'node:module';
import { type BlockCodec, type BlockCodecOptions, createBlockCodec, readBlockLength } from '../index.ts';

/** The two calls of the `snappy` package that are used. */
interface SnappyModule {
  compressSync(input: Uint8Array): Uint8Array;
  uncompressSync(input: Uint8Array): Uint8Array;
}

/**
 * Chooses the codec for Node: the package's own one. Measured (medians, 64 KiB and 8 KiB of text, JSON and random bytes; benchmarks: comp),
 * the WASM kernel is ahead of the native package everywhere, because each native call costs a boundary, a new buffer and a copy.
 */
export function selectCodec(options: BlockCodecOptions = {}): BlockCodec {
  return createBlockCodec({ wasm: process.env['KCPTUN_NO_WASM'] !== '1', ...options });
}

/**
 * Loads the optional native package `snappy` and makes a codec of it.
 * @returns `undefined` when the package is not installed or has no binary for this platform
 */
export async function loadSnappyCodec(): Promise<BlockCodec | undefined> {
  try {
    const module = (await import('snappy')) as unknown as SnappyModule & { default?: SnappyModule };
    return new NativeBlockCodec(module.default ?? module);
  } catch {
    return undefined;
  }
}

/** Like {@link loadSnappyCodec}, at once. */
export function loadSnappyCodecSync(): BlockCodec | undefined {
  try {
    return new NativeBlockCodec(createRequire(import.meta.url)('snappy') as SnappyModule);
  } catch {
    return undefined;
  }
}

class NativeBlockCodec implements BlockCodec {
  readonly name: string = 'snappy';
  readonly bytes: Uint8Array;
  readonly input: number;
  readonly output: number;
  readonly #native: SnappyModule;
  // Working memory and checksum: the native package has neither.
  readonly #own: BlockCodec = createBlockCodec();

  constructor(native: SnappyModule) {
    this.#native = native;
    this.bytes = this.#own.bytes;
    this.input = this.#own.input;
    this.output = this.#own.output;
  }

  maxCompressedLength(length: number): number {
    return this.#own.maxCompressedLength(length);
  }

  crc32c(bytes: Uint8Array, offset: number, length: number): number {
    return this.#own.crc32c(bytes, offset, length);
  }

  compress(
    source: Uint8Array,
    sourceOffset: number,
    sourceLength: number,
    target: Uint8Array,
    targetOffset: number,
    limit: number,
  ): number {
    const block = this.#native.compressSync(source.subarray(sourceOffset, sourceOffset + sourceLength));
    if (block.length >= limit) return 0;
    target.set(block, targetOffset);
    return block.length;
  }

  uncompress(
    source: Uint8Array,
    sourceOffset: number,
    sourceLength: number,
    target: Uint8Array,
    targetOffset: number,
    room: number,
  ): number {
    // Checked before the native code allocates what a peer asks for.
    const head = readBlockLength(source, sourceOffset, sourceLength);
    if (head < 0 || head >> 3 > room) return -1;
    try {
      const block = this.#native.uncompressSync(source.subarray(sourceOffset, sourceOffset + sourceLength));
      target.set(block, targetOffset);
      return block.length;
    } catch {
      return -1;
    }
  }
}
