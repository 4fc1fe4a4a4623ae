// Payload slots of segments: fixed-size pieces of chunks, handed out last-in first-out so that the ones in use stay in the
// processor's cache. Chunks are made when wanted; when much less is used than held, whole chunks are given back.
//
//   chunk c = [ slot 16c | slot 16c+1 | ... | slot 16c+15 ]     slot = chunk * 16 + index
//
// One pool may serve many conversations: then idle ones hold no payload memory at all. A slot has one owner at a time.

import { MSS_MAX } from './constants.ts';

const CHUNK_SHIFT = 4;
const CHUNK_SLOTS = 1 << CHUNK_SHIFT;
const SLOT_SIZE = Math.ceil(MSS_MAX / 8) * 8;
/** Below this a loop beats `set`. */
const LOOP_BYTES = 32;
/** How often the use of the pool is looked at, in ms. */
const TRIM_PERIOD = 5000;
const SOURCE_VIEWS = 128;
const NO_CHUNK = new Uint8Array(0);

/** Lends payload slots of {@link MSS_MAX} bytes; grows on demand and shrinks when little of it is used. */
export class SegmentPool {
  readonly #chunks: Uint8Array[] = [];
  /** Chunk numbers whose memory was given back. */
  readonly #gaps: number[] = [];
  // A view of each slot's payload, kept because making one costs as much as copying the payload. In a bulk transfer all
  // segments have the same length, and the view is made once. A slot that was never read has an empty one: `undefined` would be met by
  // optimised code for the first time when a slot is used again, and have it thrown away.
  readonly #views: Uint8Array[] = [];
  // The same for where payload comes from: packets are read from the few places of a batch again and again. What a view shows is
  // kept beside it, because asking a typed array for its buffer or offset takes half the time of the copy.
  readonly #sources: Uint8Array[] = new Array<Uint8Array>(SOURCE_VIEWS).fill(NO_CHUNK);
  readonly #sourceBytes: Uint8Array[] = new Array<Uint8Array>(SOURCE_VIEWS).fill(NO_CHUNK);
  readonly #sourceOffset: Int32Array = new Int32Array(SOURCE_VIEWS);
  #free: Int32Array = new Int32Array(CHUNK_SLOTS);
  #freeCount = 0;
  #slots = 0;
  #peak = 0;
  #trimAt = Number.NEGATIVE_INFINITY;

  /** Number of slots that are lent. */
  get used(): number {
    return this.#slots - this.#freeCount;
  }

  /** Bytes of payload memory held. */
  get byteLength(): number {
    return this.#slots * SLOT_SIZE;
  }

  /** Lends a slot. */
  take(): number {
    if (this.#freeCount === 0) this.#grow();
    const slot = this.#free[--this.#freeCount]!;
    const used = this.#slots - this.#freeCount;
    if (used > this.#peak) this.#peak = used;
    return slot;
  }

  /** Takes a slot back. */
  give(slot: number): void {
    this.#free[this.#freeCount++] = slot;
  }

  /** The memory that holds a slot, at {@link offset}. */
  chunk(slot: number): Uint8Array {
    return this.#chunks[slot >> CHUNK_SHIFT]!;
  }

  /** Where a slot begins in its {@link chunk}. */
  offset(slot: number): number {
    return (slot & (CHUNK_SLOTS - 1)) * SLOT_SIZE;
  }

  /** Copies `length` bytes into a slot, `at` bytes behind its beginning. */
  write(slot: number, at: number, bytes: Uint8Array, offset: number, length: number): void {
    const chunk = this.#chunks[slot >> CHUNK_SHIFT]!;
    const start = (slot & (CHUNK_SLOTS - 1)) * SLOT_SIZE + at;
    if (length > LOOP_BYTES) {
      chunk.set(this.#source(bytes, offset, length), start);
      return;
    }
    for (let index = 0; index < length; index++) chunk[start + index] = bytes[offset + index]!;
  }

  /** Copies the first `length` bytes of a slot to `target` at `at`. */
  read(slot: number, length: number, target: Uint8Array, at: number): void {
    if (length > LOOP_BYTES) {
      let view = this.#views[slot]!;
      if (view.length !== length) {
        const start = this.offset(slot);
        view = this.chunk(slot).subarray(start, start + length);
        this.#views[slot] = view;
      }
      target.set(view, at);
      return;
    }
    const chunk = this.#chunks[slot >> CHUNK_SHIFT]!;
    const start = (slot & (CHUNK_SLOTS - 1)) * SLOT_SIZE;
    for (let index = 0; index < length; index++) target[at + index] = chunk[start + index]!;
  }

  /** Every `TRIM_PERIOD` ms of `now`: gives memory back when the most used since was less than half of what is held. */
  maintain(now: number): void {
    if (now < this.#trimAt) return;
    this.#trimAt = now + TRIM_PERIOD;
    if (this.#slots > 2 * this.#peak + CHUNK_SLOTS) this.trim(2 * this.#peak);
    this.#peak = this.used;
  }

  /** Gives back all chunks of which no slot is lent, as long as at least `keep` slots stay. */
  trim(keep = 0): void {
    const spare = new Int32Array(this.#chunks.length);
    for (let index = 0; index < this.#freeCount; index++) spare[this.#free[index]! >> CHUNK_SHIFT]! += 1;
    for (let chunk = this.#chunks.length - 1; chunk >= 0 && this.#slots - CHUNK_SLOTS >= keep; chunk--) {
      if (spare[chunk] !== CHUNK_SLOTS) continue;
      this.#chunks[chunk] = NO_CHUNK;
      this.#views.fill(NO_CHUNK, chunk << CHUNK_SHIFT, (chunk + 1) << CHUNK_SHIFT);
      this.#gaps.push(chunk);
      this.#slots -= CHUNK_SLOTS;
    }
    let kept = 0;
    for (let index = 0; index < this.#freeCount; index++) {
      const slot = this.#free[index]!;
      if (this.#chunks[slot >> CHUNK_SHIFT] !== NO_CHUNK) this.#free[kept++] = slot;
    }
    this.#freeCount = kept;
    this.#free = this.#free.slice(0, Math.max(CHUNK_SLOTS, this.#slots));
    // Views keep the memory of packets alive that may be long gone.
    this.#sources.fill(NO_CHUNK);
    this.#sourceBytes.fill(NO_CHUNK);
  }

  #grow(): void {
    const chunk = this.#gaps.pop() ?? this.#chunks.length;
    this.#chunks[chunk] = new Uint8Array(CHUNK_SLOTS * SLOT_SIZE);
    this.#slots += CHUNK_SLOTS;
    if (this.#free.length < this.#slots) this.#free = new Int32Array(this.#slots * 2);
    for (let index = CHUNK_SLOTS - 1; index >= 0; index--) {
      const slot = (chunk << CHUNK_SHIFT) + index;
      this.#free[this.#freeCount++] = slot;
      this.#views[slot] = NO_CHUNK;
    }
  }

  #source(bytes: Uint8Array, offset: number, length: number): Uint8Array {
    const index = (offset >>> 9) & (SOURCE_VIEWS - 1);
    const known = this.#sources[index]!;
    if (this.#sourceBytes[index] === bytes && this.#sourceOffset[index] === offset && known.length === length) return known;
    const view = bytes.subarray(offset, offset + length);
    this.#sources[index] = view;
    this.#sourceBytes[index] = bytes;
    this.#sourceOffset[index] = offset;
    return view;
  }
}
