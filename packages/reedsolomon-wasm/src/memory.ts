// The memory that kernels work on. Declared by shape: the `Arena` of @kcptun/common is one, and so is what
// `createMemory` makes for those who use this package alone. It never grows, so offsets and views stay valid for good.

import { ReedSolomonError } from './errors.ts';

/** A memory whose bytes both JavaScript and the kernels see. */
export interface ReedSolomonMemory {
  /** The whole memory. It must start at a multiple of 4 of its buffer. */
  readonly bytes: Uint8Array;
  /** Sets aside `byteLength` bytes, aligned to 16, for good; returns their offset in `bytes`. */
  reserve(byteLength: number): number;
  /**
   * Instantiates WebAssembly code on this memory (imported as `env.memory`); `undefined` where WASM SIMD is missing or
   * off, or where the page's Content-Security-Policy forbids it.
   */
  instantiate(code: Uint8Array): Readonly<Record<string, (...args: number[]) => number>> | undefined;
}

const PAGE = 65_536;
const ALIGN = 16;
const MAX_BYTES = 1 << 30;

/** Offsets in kernels are 16-byte aligned, and lengths are rounded up to 16. */
export function roundUp(length: number): number {
  return (length + ALIGN - 1) & -ALIGN;
}

/**
 * Makes a memory for shards that are coded in place.
 * @param byteLength - size in bytes, 1 to 2^30, rounded up to 64 KiB; the multiplication tables take 8 KiB of it
 * @param wasm - whether kernels may run as WebAssembly on it (default true)
 * @throws {RangeError} when `byteLength` is out of range
 */
export function createMemory(byteLength: number, wasm = true): ReedSolomonMemory {
  if (!(byteLength >= 1 && byteLength <= MAX_BYTES))
    throw new RangeError(`byteLength must be between 1 and ${MAX_BYTES}, got ${byteLength}`);
  const pages = Math.ceil(byteLength / PAGE);
  const memory = wasm && typeof WebAssembly === 'object' ? allocate(pages) : undefined;
  const bytes = new Uint8Array(memory?.buffer ?? new ArrayBuffer(pages * PAGE));
  let used = 0;
  return {
    bytes,
    reserve(length: number): number {
      const offset = used;
      if (offset + length > bytes.length) {
        throw new ReedSolomonError('KCPTUN_ERR_RS_MEMORY_FULL', `memory of ${bytes.length} bytes is full: ${used} used, ${length} wanted`);
      }
      used = roundUp(offset + length);
      return offset;
    },
    instantiate(code: Uint8Array): Readonly<Record<string, (...args: number[]) => number>> | undefined {
      const module = memory === undefined ? undefined : compile(code);
      if (module === undefined) return undefined;
      return new WebAssembly.Instance(module, { env: { memory } }).exports as Readonly<Record<string, (...args: number[]) => number>>;
    },
  };
}

/** `undefined` where WebAssembly is there but may not have so much memory: the kernel has a twin. */
function allocate(pages: number): WebAssembly.Memory | undefined {
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages });
  } catch {
    return undefined;
  }
}

/** `undefined` where SIMD is missing, or where compiling is forbidden: valid code throws for nothing else. */
function compile(code: Uint8Array): WebAssembly.Module | undefined {
  try {
    return WebAssembly.validate(code) ? new WebAssembly.Module(code) : undefined;
  } catch {
    return undefined;
  }
}
