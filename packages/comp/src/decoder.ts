// The reading side of a compressed stream (PROTOCOL tunnel §10). Bytes come in with any boundaries; a chunk that lies whole in what
// arrived is decoded from there, another is collected first. At most one chunk (MAX_CHUNK) and its decoded bytes (MAX_BLOCK)
// are kept: nothing further is taken while decoded bytes wait to be consumed.

import { readU32 } from '@kcptun/common';
import { type BlockCodec, MAX_BLOCK } from './block-codec.ts';
import { maskChecksum } from './crc32c.ts';
import { CompError } from './errors.ts';
import {
  CHECKSUM_LENGTH,
  CHUNK_COMPRESSED,
  CHUNK_HEADER,
  CHUNK_IDENTIFIER,
  CHUNK_SKIPPABLE,
  CHUNK_UNCOMPRESSED,
  IDENTIFIER,
  MAX_CHUNK,
} from './framing.ts';
import { sharedBlockCodec } from './wasm-block-codec.ts';

/** Options of {@link SnappyDecoder}. */
export interface SnappyDecoderOptions {
  /** What uncompresses (default {@link sharedBlockCodec}). */
  readonly codec?: BlockCodec;
}

/** Reads a snappy stream: feed with `handleData`, take `outputLength` bytes at `outputOffset` of `outputBytes`, say so with `consumed`. */
export class SnappyDecoder {
  /** Chunks whose header was read, those that are skipped included: what a stream costs beyond its bytes. */
  chunks = 0;
  readonly #codec: BlockCodec;
  readonly #header: Uint8Array = new Uint8Array(CHUNK_HEADER);
  #headerLength = 0;
  #begun = false;
  #body: Uint8Array = new Uint8Array(0);
  #bodyLength = 0;
  #skip = 0;
  #output: Uint8Array = new Uint8Array(0);
  #outputOffset = 0;
  #outputLength = 0;
  #error: CompError | undefined = undefined;

  constructor(options: SnappyDecoderOptions = {}) {
    this.#codec = options.codec ?? sharedBlockCodec();
  }

  /** Where the decoded bytes stand; another array after the next `handleData`, perhaps. */
  get outputBytes(): Uint8Array {
    return this.#output;
  }

  /** Offset of the first decoded byte that was not consumed. */
  get outputOffset(): number {
    return this.#outputOffset;
  }

  /** Number of decoded bytes that were not consumed. */
  get outputLength(): number {
    return this.#outputLength;
  }

  /** Why the stream cannot be read on; final. Bytes decoded before it are still to be consumed. */
  get error(): CompError | undefined {
    return this.#error;
  }

  /**
   * Takes bytes of the stream until decoded bytes are there or all are taken.
   * @returns how many were taken: less than `length` only when decoded bytes wait; after an error all are taken and dropped
   */
  handleData(bytes: Uint8Array, offset: number, length: number): number {
    const end = offset + length;
    let at = offset;
    while (at < end && this.#outputLength === 0) {
      if (this.#error !== undefined) return length;
      if (this.#skip > 0) {
        const part = Math.min(this.#skip, end - at);
        this.#skip -= part;
        at += part;
        continue;
      }
      if (this.#headerLength < CHUNK_HEADER) {
        const header = this.#header;
        const stop = Math.min(end, at + CHUNK_HEADER - this.#headerLength);
        while (at < stop) header[this.#headerLength++] = bytes[at++]!;
        if (this.#headerLength === CHUNK_HEADER) this.#handleHeader();
        continue;
      }
      at += this.#collect(bytes, at, end);
    }
    return this.#error === undefined ? at - offset : length;
  }

  /** Gives back the first `length` decoded bytes; they may be overwritten from now on. */
  consumed(length: number): void {
    const taken = Math.min(length, this.#outputLength);
    this.#outputOffset += taken;
    this.#outputLength -= taken;
  }

  #chunkLength(): number {
    return readU32(this.#header, 0) >>> 8;
  }

  #handleHeader(): void {
    this.chunks += 1;
    const type = this.#header[0]!;
    const length = this.#chunkLength();
    if (!this.#begun && type !== CHUNK_IDENTIFIER) this.#fail('corrupt');
    else if (length > MAX_CHUNK) this.#fail('unsupported');
    else if (type === CHUNK_IDENTIFIER) {
      if (length !== IDENTIFIER.length - CHUNK_HEADER) this.#fail('corrupt');
      this.#begun = true;
    } else if (type >= CHUNK_SKIPPABLE) {
      this.#skip = length;
      this.#headerLength = 0;
    } else if (type !== CHUNK_COMPRESSED && type !== CHUNK_UNCOMPRESSED) this.#fail('unsupported');
    // From here on a chunk has a body, so that its last byte completes it.
    else if (length < CHECKSUM_LENGTH || (type === CHUNK_UNCOMPRESSED && length > MAX_BLOCK + CHECKSUM_LENGTH)) this.#fail('corrupt');
  }

  /** Takes bytes for the body of the current chunk and decodes it when it is whole; returns how many were taken. */
  #collect(bytes: Uint8Array, at: number, end: number): number {
    const wanted = this.#chunkLength();
    if (this.#bodyLength === 0 && end - at >= wanted) {
      this.#handleChunk(bytes, at, wanted);
      return wanted;
    }
    if (this.#bodyLength === 0 && this.#body.length < wanted) this.#body = new Uint8Array(roundUp(wanted, MAX_CHUNK));
    const part = Math.min(wanted - this.#bodyLength, end - at);
    this.#body.set(bytes.subarray(at, at + part), this.#bodyLength);
    this.#bodyLength += part;
    if (this.#bodyLength === wanted) this.#handleChunk(this.#body, 0, wanted);
    return part;
  }

  #handleChunk(bytes: Uint8Array, offset: number, length: number): void {
    const type = this.#header[0]!;
    this.#headerLength = 0;
    this.#bodyLength = 0;
    if (type === CHUNK_IDENTIFIER) {
      for (let index = CHUNK_HEADER; index < IDENTIFIER.length; index++) {
        if (bytes[offset + index - CHUNK_HEADER] !== IDENTIFIER[index]) this.#fail('corrupt');
      }
      return;
    }
    const codec = this.#codec;
    const work = codec.bytes;
    const checksum = readU32(bytes, offset);
    const data = offset + CHECKSUM_LENGTH;
    const dataLength = length - CHECKSUM_LENGTH;
    let decoded = dataLength;
    if (type === CHUNK_COMPRESSED) {
      decoded = codec.uncompress(bytes, data, dataLength, work, codec.output, MAX_BLOCK);
      if (decoded < 0) {
        this.#fail('corrupt');
        return;
      }
    } else {
      work.set(bytes.subarray(data, data + dataLength), codec.output);
    }
    if (maskChecksum(codec.crc32c(work, codec.output, decoded)) !== checksum) {
      this.#fail('corrupt');
      return;
    }
    // The working memory is everybody's: what has to wait for its reader is kept here.
    if (this.#output.length < decoded) this.#output = new Uint8Array(roundUp(decoded, MAX_BLOCK));
    this.#output.set(work.subarray(codec.output, codec.output + decoded));
    this.#outputOffset = 0;
    this.#outputLength = decoded;
  }

  #fail(reason: 'corrupt' | 'unsupported'): void {
    const code = reason === 'corrupt' ? 'KCPTUN_ERR_COMP_CORRUPT' : 'KCPTUN_ERR_COMP_UNSUPPORTED';
    this.#error ??= new CompError(code, `snappy: ${reason} input`);
  }
}

/** The next power of two from 2 KiB on, but not more than `most`: small chunks do not make a session keep a large buffer. */
function roundUp(length: number, most: number): number {
  return Math.min(most, Math.max(2048, 2 ** Math.ceil(Math.log2(length))));
}
