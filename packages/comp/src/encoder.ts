// The writing side of a compressed stream: every write becomes whole chunks at once, so nothing is ever held back
// (PROTOCOL tunnel §10: one chunk per smux frame). The piece is staged in the codec's working memory, with the chunk's header
// written in front of it, and handed on in one call.

import { type ByteSink, writeU32 } from '@kcptun/common';
import { type BlockCodec, MAX_BLOCK } from './block-codec.ts';
import { maskChecksum } from './crc32c.ts';
import { CHECKSUM_LENGTH, CHUNK_COMPRESSED, CHUNK_HEADER, CHUNK_UNCOMPRESSED, IDENTIFIER } from './framing.ts';
import { sharedBlockCodec } from './wasm-block-codec.ts';

/** Options of {@link SnappyEncoder}. */
export interface SnappyEncoderOptions {
  /** What compresses (default {@link sharedBlockCodec}). */
  readonly codec?: BlockCodec;
}

/** Turns one direction of a session into a snappy stream. */
export class SnappyEncoder {
  readonly #codec: BlockCodec;
  #begun = false;

  constructor(options: SnappyEncoderOptions = {}) {
    this.#codec = options.codec ?? sharedBlockCodec();
  }

  /**
   * Writes a piece of the stream, given in two parts so that a frame needs not be joined first: chunks of at most 65536 bytes,
   * the first of a stream with the stream identifier in front. An empty piece writes nothing.
   * @param sink - takes one `write` per chunk
   * @param head - first part: `headLength` bytes from 0
   * @param payload - second part: `length` bytes from `offset`
   */
  write(sink: ByteSink, head: Uint8Array, headLength: number, payload: Uint8Array | undefined, offset: number, length: number): void {
    const { bytes, input } = this.#codec;
    const payloadLength = payload === undefined ? 0 : length;
    const total = headLength + payloadLength;
    for (let done = 0; done < total; ) {
      const size = Math.min(MAX_BLOCK, total - done);
      let filled = 0;
      if (done < headLength) {
        filled = Math.min(size, headLength - done);
        copy(head, done, bytes, input, filled);
      }
      if (payload !== undefined && filled < size) {
        copy(payload, offset + done + filled - headLength, bytes, input + filled, size - filled);
      }
      this.#writeChunk(sink, size);
      done += size;
    }
  }

  #writeChunk(sink: ByteSink, size: number): void {
    const codec = this.#codec;
    const checksum = maskChecksum(codec.crc32c(codec.bytes, codec.input, size));
    // Compressed only when it saves more than an eighth; nothing of up to 16 bytes does.
    const limit = size - (size >> 3);
    const compressed = size > 16 ? codec.compress(codec.bytes, codec.input, size, codec.bytes, codec.output, limit) : 0;
    const type = compressed > 0 ? CHUNK_COMPRESSED : CHUNK_UNCOMPRESSED;
    const data = compressed > 0 ? codec.output : codec.input;
    const length = compressed > 0 ? compressed : size;

    let start = data - CHECKSUM_LENGTH - CHUNK_HEADER;
    writeU32(codec.bytes, start, type | ((length + CHECKSUM_LENGTH) << 8));
    writeU32(codec.bytes, start + CHUNK_HEADER, checksum);
    if (!this.#begun) {
      this.#begun = true;
      start -= IDENTIFIER.length;
      codec.bytes.set(IDENTIFIER, start);
    }
    sink.write(codec.bytes, start, data + length - start);
  }
}

function copy(source: Uint8Array, from: number, target: Uint8Array, to: number, length: number): void {
  // A view costs more than copying a frame header byte by byte.
  if (length <= 32) for (let index = 0; index < length; index++) target[to + index] = source[from + index]!;
  else target.set(from === 0 && length === source.length ? source : source.subarray(from, from + length), to);
}
