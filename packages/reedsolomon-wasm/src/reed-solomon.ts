// The code (PROTOCOL fec §4): data shard i is the value at point i of a polynomial of degree < ds, and shard r of all
// ds + ps is its value at point r. That is the Vandermonde matrix times the inverse of its top, without any matrix:
// by Lagrange the share of the value at s in the value at x, when the points in S are known, is
//
//   prod(x ^ t) / ((x ^ s) * prod(s ^ t)),  t in S, t != s          (xor is the field's difference)
//
// and with E(t) = the logarithm of the product over S without t itself, that is exp(E(x) - E(s) - log(x ^ s)): for a parity
// row (S = the data) and for a lost shard (S = the survivors) alike. Constants of a loss pattern cost two lookups for
// each survivor and lost shard, about a twentieth of the work on the bytes, so there is nothing to invert or to cache.

import { ReedSolomonError } from './errors.ts';
import { EXP, GROUP_ORDER, LOG } from './galois.ts';
import { type Kernel, kernelFor, TABLE_BYTES } from './kernel.ts';
import { createMemory, type ReedSolomonMemory, roundUp } from './memory.ts';

/** The most shards, data and parity together, that the field has points for. */
export const MAX_SHARDS = 256;

/** Options of {@link ReedSolomon}. */
export interface ReedSolomonOptions {
  /** The memory that shards live in (default: one of its own, which has room for `encode`, `verify` and `reconstruct` only). */
  readonly memory?: ReedSolomonMemory;
  /** Whether the kernel may run as WebAssembly (default true). The environment variable `KCPTUN_NO_WASM=1` turns it off too. */
  readonly wasm?: boolean;
}

/** A shard of the array methods: missing ones are `null` or `undefined`. */
export type MaybeShard = Uint8Array | null | undefined;

// The array methods work through shards of any length in stripes of this many bytes each.
const STRIPE = 4096;
const ROWS = 4;

/**
 * A Reed-Solomon erasure code with `dataShards` + `parityShards` shards: any `dataShards` of them give all others.
 * Byte-compatible with klauspost/reedsolomon (default options).
 *
 * The methods with `At` and {@link mulAddAll} work in place on `memory.bytes`; shards are given as offsets. Offsets of
 * shards that are written must be multiples of 16, the others may be anywhere. Lengths need not be multiples of 16, but
 * bytes up to the next multiple of 16 are read and written too: leave that room behind each shard, zeroed where it matters.
 * The methods without `At` take plain arrays and copy, through 4 KiB for each shard that they reserve at first use.
 */
export class ReedSolomon {
  /** Number of data shards. */
  readonly dataShards: number;
  /** Number of parity shards. */
  readonly parityShards: number;
  /** The memory that offsets point into. */
  readonly memory: ReedSolomonMemory;

  readonly #kernel: Kernel;
  /** E of each point when the data shards are the known ones. */
  readonly #base: Uint8Array;
  /** For each data shard, the constants of four parity rows in a word. */
  readonly #constants: Int32Array;
  readonly #rowGroups: number;
  readonly #parity: Int32Array;
  // What a reconstruction works with: E of each point, the known points, the points to rebuild.
  readonly #exponents: Uint8Array;
  readonly #known: Uint8Array;
  readonly #lost: Uint8Array;
  readonly #target: Int32Array = new Int32Array(ROWS);
  #stripes: Int32Array | undefined;
  #check: number | undefined;

  /**
   * @param dataShards - 1 to 255
   * @param parityShards - 1 to 255; both together at most {@link MAX_SHARDS}
   * @throws {TypeError} when a count is no integer
   * @throws {RangeError} when a count or their sum is out of range
   */
  constructor(dataShards: number, parityShards: number, options: ReedSolomonOptions = {}) {
    checkCount(dataShards, 'dataShards');
    checkCount(parityShards, 'parityShards');
    const shards = dataShards + parityShards;
    if (shards > MAX_SHARDS) throw new RangeError(`dataShards + parityShards must be at most ${MAX_SHARDS}, got ${shards}`);
    const wasm = options.wasm ?? true;
    this.dataShards = dataShards;
    this.parityShards = parityShards;
    this.memory = options.memory ?? createMemory(TABLE_BYTES + (shards + ROWS) * STRIPE, wasm);
    this.#kernel = kernelFor(this.memory, wasm);
    this.#base = new Uint8Array(shards);
    for (let point = 0; point < shards; point++) {
      let sum = 0;
      for (let data = 0; data < dataShards; data++) sum += LOG[point ^ data]!;
      this.#base[point] = sum % GROUP_ORDER;
    }
    this.#rowGroups = Math.ceil(parityShards / ROWS);
    this.#constants = new Int32Array(dataShards * this.#rowGroups);
    for (let data = 0; data < dataShards; data++) {
      for (let row = 0; row < parityShards; row++) {
        this.#constants[data * this.#rowGroups + (row >> 2)]! |= this.#share(this.#base, dataShards + row, data) << ((row & 3) * 8);
      }
    }
    this.#parity = new Int32Array(parityShards);
    this.#exponents = new Uint8Array(shards);
    this.#known = new Uint8Array(dataShards);
    this.#lost = new Uint8Array(shards);
  }

  /** Who does the work: `wasm`, or `typescript` where WebAssembly SIMD is missing or off. */
  get backend(): 'wasm' | 'typescript' {
    return this.#kernel.backend;
  }

  /**
   * The constants that make parity shard `index` of the data shards.
   * @param index - 0 to parityShards - 1
   * @throws {RangeError} when `index` is out of range
   */
  parityRow(index: number): Uint8Array {
    if (!(index >= 0 && index < this.parityShards))
      throw new RangeError(`index must be between 0 and ${this.parityShards - 1}, got ${index}`);
    const row = new Uint8Array(this.dataShards);
    for (let data = 0; data < row.length; data++) row[data] = this.#share(this.#base, this.dataShards + index, data);
    return row;
  }

  /**
   * Adds one data shard to all parity shards. Doing this for each data shard, in any order, is the same as {@link encodeAt}.
   * The hot call of a sender: nothing is checked and nothing allocated.
   * @param dataIndex - which data shard, 0 to dataShards - 1
   * @param srcOffset - where it is, any offset
   * @param parityOffsets - where the parity shards are; multiples of 16
   * @param length - bytes, rounded up to 16: that much is read and written
   * @param first - the parity shards hold nothing yet: overwrite them
   */
  mulAddAll(dataIndex: number, srcOffset: number, parityOffsets: Int32Array, length: number, first: boolean): void {
    const kernel = this.#kernel;
    const overwrite = first ? 1 : 0;
    const parityShards = this.parityShards;
    let at = dataIndex * this.#rowGroups;
    for (let row = 0; row < parityShards; row += ROWS) {
      const rows = parityShards - row;
      kernel.mulAdd(
        Math.min(rows, ROWS),
        this.#constants[at]!,
        srcOffset,
        parityOffsets[row]!,
        rows > 1 ? parityOffsets[row + 1]! : 0,
        rows > 2 ? parityOffsets[row + 2]! : 0,
        rows > 3 ? parityOffsets[row + 3]! : 0,
        length,
        overwrite,
      );
      at++;
    }
  }

  /**
   * Makes all parity shards.
   * @param offsets - data shards, then parity shards (written)
   * @param length - bytes of each shard
   * @throws {RangeError} when an offset or the length lies outside of the memory
   */
  encodeAt(offsets: Int32Array, length: number): void {
    this.#checkPlaces(offsets, length);
    this.#parity.set(offsets.subarray(this.dataShards, this.dataShards + this.parityShards));
    for (let data = 0; data < this.dataShards; data++) this.mulAddAll(data, offsets[data]!, this.#parity, length, data === 0);
  }

  /**
   * Rebuilds missing shards from any `dataShards` present ones.
   * @param offsets - where all shards are, data first; the missing ones are written there
   * @param present - 1 for each shard that is there, 0 for each missing one; not changed
   * @param length - bytes of each shard (shorter ones padded with zeros by the caller)
   * @param dataOnly - leave missing parity shards alone (default false)
   * @returns the number of shards rebuilt, or -1 when fewer than `dataShards` are present
   * @throws {RangeError} when an offset or the length lies outside of the memory
   */
  reconstructAt(offsets: Int32Array, present: Uint8Array, length: number, dataOnly = false): number {
    this.#checkPlaces(offsets, length);
    const { dataShards, parityShards } = this;
    const shards = dataShards + parityShards;
    const known = this.#known;
    const lost = this.#lost;
    let missing = 0;
    for (let data = 0; data < dataShards; data++) {
      if (present[data] === 0) lost[missing++] = data;
      else known[data - missing] = data;
    }
    let have = dataShards - missing;
    for (let shard = dataShards; shard < shards && have < dataShards; shard++) {
      if (present[shard] !== 0) known[have++] = shard;
    }
    if (have < dataShards) return -1;
    if (missing > 0) this.#rebuild(offsets, length, missing);
    if (dataOnly) return missing;
    for (let data = 0; data < dataShards; data++) known[data] = data;
    this.#exponents.set(this.#base);
    let lostParity = 0;
    for (let shard = dataShards; shard < shards; shard++) {
      if (present[shard] === 0) lost[lostParity++] = shard;
    }
    this.#interpolate(offsets, length, lostParity);
    return missing + lostParity;
  }

  /**
   * Tells whether the parity shards fit the data shards.
   * @param offsets - data shards, then parity shards
   * @param length - bytes of each shard
   * @throws {RangeError} when an offset or the length lies outside of the memory
   */
  verifyAt(offsets: Int32Array, length: number): boolean {
    this.#checkPlaces(offsets, length);
    this.#check ??= this.memory.reserve(ROWS * STRIPE);
    const { bytes } = this.memory;
    for (let start = 0; start < length; start += STRIPE) {
      const part = Math.min(STRIPE, length - start);
      for (let row = 0; row < this.parityShards; row += ROWS) {
        const rows = Math.min(ROWS, this.parityShards - row);
        for (let data = 0; data < this.dataShards; data++) {
          const constants = this.#constants[data * this.#rowGroups + (row >> 2)]!;
          const check = this.#check;
          const src = offsets[data]! + start;
          this.#kernel.mulAdd(
            rows,
            constants,
            src,
            check,
            check + STRIPE,
            check + 2 * STRIPE,
            check + 3 * STRIPE,
            part,
            data === 0 ? 1 : 0,
          );
        }
        for (let index = 0; index < rows; index++) {
          const made = this.#check + index * STRIPE;
          const given = offsets[this.dataShards + row + index]! + start;
          for (let at = 0; at < part; at++) if (bytes[made + at] !== bytes[given + at]) return false;
        }
      }
    }
    return true;
  }

  /**
   * Makes the parity shards of plain arrays.
   * @param shards - data shards, then parity shards (overwritten), all of one length
   * @throws {TypeError} when a shard is no Uint8Array
   * @throws {RangeError} when the number of shards or a length is wrong
   */
  encode(shards: readonly Uint8Array[]): void {
    const length = this.#checkShards(shards);
    const offsets = this.#scratch();
    for (let start = 0; start < length; start += STRIPE) {
      const part = Math.min(STRIPE, length - start);
      for (let shard = 0; shard < this.dataShards; shard++) this.#copyIn(shards[shard]!, start, part, offsets[shard]!);
      this.encodeAt(offsets, part);
      for (let shard = this.dataShards; shard < shards.length; shard++) this.#copyOut(offsets[shard]!, part, shards[shard]!, start);
    }
  }

  /**
   * Tells whether the parity shards of plain arrays fit the data shards.
   * @param shards - data shards, then parity shards, all of one length
   * @throws {TypeError} when a shard is no Uint8Array
   * @throws {RangeError} when the number of shards or a length is wrong
   */
  verify(shards: readonly Uint8Array[]): boolean {
    const length = this.#checkShards(shards);
    const offsets = this.#scratch();
    for (let start = 0; start < length; start += STRIPE) {
      const part = Math.min(STRIPE, length - start);
      for (let shard = 0; shard < shards.length; shard++) this.#copyIn(shards[shard]!, start, part, offsets[shard]!);
      if (!this.verifyAt(offsets, part)) return false;
    }
    return true;
  }

  /**
   * Rebuilds the missing ones of plain arrays and puts them into `shards`.
   * @param shards - data shards, then parity shards; `null` or `undefined` where missing, the others of one length
   * @param dataOnly - leave missing parity shards alone (default false)
   * @returns the number of shards rebuilt
   * @throws {TypeError} when a shard is something else
   * @throws {RangeError} when the number of shards or a length is wrong
   * @throws {ReedSolomonError} `KCPTUN_ERR_RS_TOO_FEW_SHARDS` when fewer than `dataShards` are present
   */
  reconstruct(shards: MaybeShard[], dataOnly = false): number {
    const length = this.#checkShards(shards);
    const present = Uint8Array.from(shards, (shard) => (shard == null ? 0 : 1));
    const have = present.reduce((sum, one) => sum + one, 0);
    if (have < this.dataShards) {
      throw new ReedSolomonError('KCPTUN_ERR_RS_TOO_FEW_SHARDS', `${this.dataShards} shards are needed, ${have} are present`);
    }
    const wanted = dataOnly ? this.dataShards : shards.length;
    const result = shards.map((shard, index) => shard ?? (index < wanted ? new Uint8Array(length) : undefined));
    const offsets = this.#scratch();
    for (let start = 0; start < length; start += STRIPE) {
      const part = Math.min(STRIPE, length - start);
      for (let shard = 0; shard < shards.length; shard++) {
        if (present[shard] === 1) this.#copyIn(shards[shard] as Uint8Array, start, part, offsets[shard]!);
      }
      this.reconstructAt(offsets, present, part, dataOnly);
      for (let shard = 0; shard < wanted; shard++) {
        if (present[shard] === 0) this.#copyOut(offsets[shard]!, part, result[shard] as Uint8Array, start);
      }
    }
    let rebuilt = 0;
    for (let shard = 0; shard < wanted; shard++) {
      if (present[shard] === 1) continue;
      shards[shard] = result[shard];
      rebuilt++;
    }
    return rebuilt;
  }

  // The share of the shard at point s in the shard at point x; see the head of this file.
  #share(exponents: Uint8Array, x: number, s: number): number {
    return EXP[exponents[x]! - exponents[s]! - LOG[x ^ s]! + 2 * GROUP_ORDER]!;
  }

  // Rebuilds `missing` data shards: replaces them by parity shards in the set of known points, then interpolates.
  #rebuild(offsets: Int32Array, length: number, missing: number): void {
    const { dataShards } = this;
    const known = this.#known;
    const lost = this.#lost;
    for (let index = 0; index < dataShards + missing; index++) {
      const point = index < dataShards ? known[index]! : lost[index - dataShards]!;
      let sum = this.#base[point]!;
      for (let other = 0; other < missing; other++) {
        sum += LOG[point ^ known[dataShards - missing + other]!]! + GROUP_ORDER - LOG[point ^ lost[other]!]!;
      }
      this.#exponents[point] = sum % GROUP_ORDER;
    }
    this.#interpolate(offsets, length, missing);
  }

  // Computes the first `count` shards of #lost from those in #known, four at a time.
  #interpolate(offsets: Int32Array, length: number, count: number): void {
    const target = this.#target;
    for (let group = 0; group < count; group += ROWS) {
      const rows = Math.min(ROWS, count - group);
      for (let row = 0; row < rows; row++) target[row] = offsets[this.#lost[group + row]!]!;
      for (let index = 0; index < this.dataShards; index++) {
        const point = this.#known[index]!;
        let constants = 0;
        for (let row = 0; row < rows; row++) constants |= this.#share(this.#exponents, this.#lost[group + row]!, point) << (row * 8);
        this.#kernel.mulAdd(rows, constants, offsets[point]!, target[0]!, target[1]!, target[2]!, target[3]!, length, index === 0 ? 1 : 0);
      }
    }
  }

  #checkPlaces(offsets: Int32Array, length: number): void {
    const shards = this.dataShards + this.parityShards;
    const last = this.memory.bytes.length - roundUp(length);
    if (!(length >= 0) || last < 0) throw new RangeError(`length must lie within the memory, got ${length}`);
    if (offsets.length < shards) throw new RangeError(`offsets must have ${shards} entries, got ${offsets.length}`);
    for (let shard = 0; shard < shards; shard++) {
      const offset = offsets[shard]!;
      if (offset < 0 || offset > last) throw new RangeError(`offsets[${shard}] must lie within the memory, got ${offset}`);
    }
  }

  #checkShards(shards: readonly MaybeShard[]): number {
    const count = this.dataShards + this.parityShards;
    if (shards.length !== count) throw new RangeError(`shards must have ${count} entries, got ${shards.length}`);
    let length = -1;
    for (const shard of shards) {
      if (shard == null) continue;
      if (!(shard instanceof Uint8Array)) throw new TypeError('shards must be Uint8Arrays');
      if (length >= 0 && shard.length !== length) throw new RangeError(`shards must have one length, got ${length} and ${shard.length}`);
      length = shard.length;
    }
    return Math.max(0, length);
  }

  #scratch(): Int32Array {
    if (this.#stripes === undefined) {
      const base = this.memory.reserve((this.dataShards + this.parityShards) * STRIPE);
      this.#stripes = Int32Array.from({ length: this.dataShards + this.parityShards }, (_, shard) => base + shard * STRIPE);
    }
    return this.#stripes;
  }

  #copyIn(shard: Uint8Array, start: number, length: number, offset: number): void {
    this.memory.bytes.set(shard.subarray(start, start + length), offset);
  }

  #copyOut(offset: number, length: number, shard: Uint8Array, start: number): void {
    shard.set(this.memory.bytes.subarray(offset, offset + length), start);
  }
}

function checkCount(value: number, name: string): void {
  if (Number.isInteger(value) && value >= 1 && value < MAX_SHARDS) return;
  if (!Number.isInteger(value)) throw new TypeError(`${name} must be an integer, got ${String(value)}`);
  throw new RangeError(`${name} must be between 1 and ${MAX_SHARDS - 1}, got ${value}`);
}
