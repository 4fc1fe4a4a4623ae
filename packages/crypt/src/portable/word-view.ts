// A 32-bit view of the memory that batches live in, made once per memory: XOR by the word is about four times as fast as
// by the byte, and a view per packet would be an allocation per packet.

/** Gives the word view of a byte array's whole memory; the last one is kept. */
export class WordView {
  #buffer: ArrayBufferLike | undefined = undefined;
  #words: Int32Array = new Int32Array(0);

  /** All whole words of the memory behind `bytes`, in the machine's byte order. Byte `i` of `bytes` is in word `(bytes.byteOffset + i) >> 2`. */
  of(bytes: Uint8Array): Int32Array {
    const buffer = bytes.buffer;
    if (buffer !== this.#buffer) {
      this.#buffer = buffer;
      this.#words = new Int32Array(buffer, 0, buffer.byteLength >> 2);
    }
    return this.#words;
  }
}

/** Whether words of typed arrays have their lowest byte first here, as on all common machines. */
export const LITTLE_ENDIAN: boolean = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
