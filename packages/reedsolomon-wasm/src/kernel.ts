// The one operation that all coding is made of, and the choice of who does it: WebAssembly SIMD, or its twin in plain
// TypeScript. One kernel and one set of tables serve all codecs that share a memory.

import { multiply } from './galois.ts';
import { KERNEL_CODE } from './generated/kernel.ts';
import type { ReedSolomonMemory } from './memory.ts';
import { TypeScriptKernel } from './twin.ts';

/** Multiplies shards by constants of the field. All places are offsets into the memory it was made for. */
export interface Kernel {
  /** Who does the work. */
  readonly backend: 'wasm' | 'typescript';
  /**
   * p_r = p_r ^ c_r * src for each r < rows; p_r = c_r * src when `first` is not 0.
   * @param rows - number of targets, 1 to 4; offsets of the others are not used
   * @param constants - c_0 in the lowest byte up to c_3 in the highest
   * @param src - source, any offset
   * @param length - bytes, rounded up to 16: that much is read and written
   */
  mulAdd(rows: number, constants: number, src: number, p0: number, p1: number, p2: number, p3: number, length: number, first: number): void;
}

type MulAdd = (
  rows: number,
  constants: number,
  src: number,
  p0: number,
  p1: number,
  p2: number,
  p3: number,
  length: number,
  first: number,
  tables: number,
) => void;

/** What the tables of the WebAssembly kernel take of a memory: 32 bytes for each constant. */
export const TABLE_BYTES: number = 256 * 32;

class WasmKernel implements Kernel {
  readonly backend = 'wasm';
  readonly #mulAdd: MulAdd;
  readonly #tables: number;

  constructor(mulAdd: MulAdd, memory: ReedSolomonMemory) {
    this.#mulAdd = mulAdd;
    this.#tables = memory.reserve(TABLE_BYTES);
    for (let constant = 0; constant < 256; constant++) {
      const at = this.#tables + constant * 32;
      for (let nibble = 0; nibble < 16; nibble++) {
        memory.bytes[at + nibble] = multiply(constant, nibble);
        memory.bytes[at + 16 + nibble] = multiply(constant, nibble << 4);
      }
    }
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
    this.#mulAdd(rows, constants, src, p0, p1, p2, p3, length, first, this.#tables);
  }
}

const wasmKernels = new WeakMap<ReedSolomonMemory, Kernel>();
const typescriptKernels = new WeakMap<ReedSolomonMemory, Kernel>();

/** The kernel of a memory: WebAssembly unless that is missing, `wasm` is false or KCPTUN_NO_WASM is 1. */
export function kernelFor(memory: ReedSolomonMemory, wasm: boolean): Kernel {
  if (wasm && !switchedOff()) {
    const known = wasmKernels.get(memory);
    if (known !== undefined) return known;
    const mulAdd = memory.instantiate(KERNEL_CODE)?.['mulAdd'];
    if (mulAdd !== undefined) {
      const kernel = new WasmKernel(mulAdd, memory);
      wasmKernels.set(memory, kernel);
      return kernel;
    }
  }
  const known = typescriptKernels.get(memory);
  if (known !== undefined) return known;
  const kernel = new TypeScriptKernel(memory);
  typescriptKernels.set(memory, kernel);
  return kernel;
}

function switchedOff(): boolean {
  // biome-ignore lint/style/noRestrictedGlobals: the documented off-switch; absent where there is no process
  const host = globalThis as { process?: { env?: Record<string, string | undefined> } };
  return host.process?.env?.['KCPTUN_NO_WASM'] === '1';
}
