// One fixed-size memory that WASM kernels and system calls work on: packet batches, parity, shards kept for recovery and
// the kernels' tables. It never grows, because addresses into it may have been handed to the system. What is released goes to
// the next one who wants a piece of the same size: sessions and sockets come and go with equal pieces.
// Without WebAssembly (or with it switched off) it is a plain ArrayBuffer and every kernel's TypeScript twin does the work.

import { KcptunError } from './errors.ts';

/** A kernel's exported functions; all arguments and results are 32-bit integers (offsets into the memory, lengths). */
export type KernelExports = Readonly<Record<string, (...args: number[]) => number>>;

/** What a package needs from the memory that its kernels work on. `Arena` is one; a package used alone makes its own. */
export interface KernelMemory {
  /** The whole memory. */
  readonly bytes: Uint8Array;
  /** Sets aside `byteLength` bytes, aligned to 16; returns their offset. Their content is arbitrary. */
  reserve(byteLength: number): number;
  /** Gives back what `reserve(byteLength)` returned. */
  release(offset: number, byteLength: number): void;
  /**
   * Instantiates a kernel on this memory (imported as `env.memory`); `undefined` where WASM SIMD is missing or off,
   * or where the page's Content-Security-Policy forbids it.
   */
  instantiate(code: Uint8Array): KernelExports | undefined;
}

const PAGE = 65_536;
const ALIGN = 16;

/** Options of {@link Arena}. */
export interface ArenaOptions {
  /** Size in bytes, rounded up to 64 KiB pages (default 4 MiB). */
  readonly byteLength?: number;
  /** Whether kernels may run as WebAssembly (default true). */
  readonly wasm?: boolean;
}

/** The shared memory of one process. */
export class Arena implements KernelMemory {
  readonly bytes: Uint8Array;
  readonly #memory: WebAssembly.Memory | undefined;
  readonly #free: Map<number, number[]> = new Map();
  #top = 0;
  #used = 0;

  constructor(options: ArenaOptions = {}) {
    const pages = Math.ceil((options.byteLength ?? 4 * 1024 * 1024) / PAGE);
    const wasm = (options.wasm ?? true) && typeof WebAssembly === 'object';
    this.#memory = wasm ? allocate(pages) : undefined;
    this.bytes = new Uint8Array(this.#memory?.buffer ?? new ArrayBuffer(pages * PAGE));
  }

  /** Bytes reserved and not released. */
  get used(): number {
    return this.#used;
  }

  reserve(byteLength: number): number {
    const size = roundUp(byteLength);
    const offset = this.#free.get(size)?.pop() ?? this.#extend(size);
    this.#used += size;
    return offset;
  }

  release(offset: number, byteLength: number): void {
    const size = roundUp(byteLength);
    this.#used -= size;
    const free = this.#free.get(size);
    if (free === undefined) this.#free.set(size, [offset]);
    else free.push(offset);
  }

  instantiate(code: Uint8Array): KernelExports | undefined {
    const module = this.#memory === undefined ? undefined : compile(code);
    if (module === undefined) return undefined;
    return new WebAssembly.Instance(module, { env: { memory: this.#memory } }).exports as KernelExports;
  }

  #extend(size: number): number {
    const offset = this.#top;
    if (offset + size > this.bytes.length) {
      throw new KcptunError('KCPTUN_ERR_ARENA_FULL', `arena of ${this.bytes.length} bytes is full: ${this.#used} used, ${size} wanted`);
    }
    this.#top = offset + size;
    return offset;
  }
}

/** `undefined` where WebAssembly is there but may not have so much memory: its kernels have twins. */
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

function roundUp(byteLength: number): number {
  return Math.ceil(byteLength / ALIGN) * ALIGN;
}
