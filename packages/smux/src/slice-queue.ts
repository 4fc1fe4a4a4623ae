// Bytes to be sent, lent by their owner: slices of foreign arrays in order, none of them copied here.
// Invariant: `length` is the sum of the slices; the caller never writes out more than that.

import type { ByteSink } from '@kcptun/common';

/** A first-in first-out queue of byte slices in a circular array that doubles when full. */
export class SliceQueue {
  #bytes: (Uint8Array | undefined)[] = [undefined, undefined];
  #offset: number[] = [0, 0];
  #rest: number[] = [0, 0];
  #head = 0;
  #count = 0;
  #length = 0;

  /** Number of bytes in the queue. */
  get length(): number {
    return this.#length;
  }

  /** Appends a slice of at least one byte. */
  push(bytes: Uint8Array, offset: number, length: number): void {
    if (this.#count === this.#bytes.length) this.#grow();
    const index = (this.#head + this.#count) & (this.#bytes.length - 1);
    this.#bytes[index] = bytes;
    this.#offset[index] = offset;
    this.#rest[index] = length;
    this.#count += 1;
    this.#length += length;
  }

  /** Bytes of the first slice; 0 when empty. */
  get firstLength(): number {
    return this.#count === 0 ? 0 : this.#rest[this.#head]!;
  }

  /** The array of the first slice. The queue must not be empty. */
  get firstBytes(): Uint8Array {
    return this.#bytes[this.#head]!;
  }

  /** Where the first slice starts in its array. */
  get firstOffset(): number {
    return this.#offset[this.#head]!;
  }

  /** Copies what is left of the last slice to the beginning of `target` and queues that in its place. The queue must not be empty. */
  moveLast(target: Uint8Array): void {
    const index = (this.#head + this.#count - 1) & (this.#bytes.length - 1);
    const offset = this.#offset[index]!;
    target.set(this.#bytes[index]!.subarray(offset, offset + this.#rest[index]!));
    this.#bytes[index] = target;
    this.#offset[index] = 0;
  }

  /** Removes `length` bytes, which the first slice must have. */
  advance(length: number): void {
    const head = this.#head;
    const rest = this.#rest[head]! - length;
    this.#length -= length;
    this.#rest[head] = rest;
    this.#offset[head] = this.#offset[head]! + length;
    if (rest > 0) return;
    this.#bytes[head] = undefined;
    this.#head = (head + 1) & (this.#bytes.length - 1);
    this.#count -= 1;
  }

  /** Writes the first `length` bytes to the sink, slice by slice, and removes them. */
  writeTo(sink: ByteSink, length: number): void {
    while (length > 0) {
      const part = Math.min(length, this.#rest[this.#head]!);
      sink.write(this.#bytes[this.#head]!, this.#offset[this.#head]!, part);
      this.advance(part);
      length -= part;
    }
  }

  /** Takes everything out: the slices, in order. */
  takeAll(): Uint8Array[] {
    const slices: Uint8Array[] = [];
    while (this.#count > 0) {
      const length = this.firstLength;
      slices.push(this.firstBytes.subarray(this.firstOffset, this.firstOffset + length));
      this.advance(length);
    }
    return slices;
  }

  /** Drops everything. */
  clear(): void {
    this.#bytes = [undefined, undefined];
    this.#offset = [0, 0];
    this.#rest = [0, 0];
    this.#head = 0;
    this.#count = 0;
    this.#length = 0;
  }

  #grow(): void {
    const size = this.#bytes.length;
    const order = Array.from({ length: size }, (_, index) => (this.#head + index) & (size - 1));
    const pad = new Array<undefined>(size).fill(undefined);
    this.#bytes = [...order.map((index) => this.#bytes[index]), ...pad];
    this.#offset = [...order.map((index) => this.#offset[index]!), ...pad.map(() => 0)];
    this.#rest = [...order.map((index) => this.#rest[index]!), ...pad.map(() => 0)];
    this.#head = 0;
  }
}
