// The bytes of one input, read as numbers and pieces. What is missing at the end reads as zero: every input is a valid one.

/** Reads an input from its front. */
export class FuzzInput {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Bytes that are left. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  u8(): number {
    return this.#bytes[this.#at++] ?? 0;
  }

  u16(): number {
    return this.u8() | (this.u8() << 8);
  }

  u32(): number {
    return (this.u16() | (this.u16() << 16)) >>> 0;
  }

  /** The next `length` bytes, or as many as are left; a view. */
  bytes(length: number): Uint8Array {
    const piece = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at = Math.min(this.#bytes.length, this.#at + length);
    return piece;
  }

  /** Everything that is left, as text in which each byte is a character or part of one. */
  text(length: number = this.left): string {
    return new TextDecoder().decode(this.bytes(length));
  }
}
