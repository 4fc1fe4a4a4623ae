// What the tests of the streams share: a sink that keeps what it gets, data as the vectors describe it, and a reader loop.

import { SnappyDecoder, type SnappyDecoderOptions } from '@kcptun/comp';

export class Recorder {
  readonly pieces: Uint8Array[] = [];

  room(): number {
    return 1 << 20;
  }

  write(bytes: Uint8Array, offset: number, length: number): void {
    this.pieces.push(bytes.slice(offset, offset + length));
  }

  get all(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.pieces));
  }
}

/** Feeds a stream in pieces of the given sizes (over and over) and returns what was decoded and how it ended. */
export function decode(
  stream: Uint8Array,
  sizes: readonly number[] = [stream.length],
  options: SnappyDecoderOptions = {},
): { decoded: Uint8Array; error: string | undefined } {
  const decoder = new SnappyDecoder(options);
  const output = new Recorder();
  let at = 0;
  for (let turn = 0; at < stream.length; turn++) {
    const piece = stream.slice(at, at + Math.max(1, sizes[turn % sizes.length] ?? 1));
    at += piece.length;
    let done = 0;
    while (done < piece.length) {
      done += decoder.handleData(piece, done, piece.length - done);
      // Taken in two parts, so that a rest has to wait.
      const first = decoder.outputLength >> 1;
      output.write(decoder.outputBytes, decoder.outputOffset, first);
      decoder.consumed(first);
      output.write(decoder.outputBytes, decoder.outputOffset, decoder.outputLength);
      decoder.consumed(decoder.outputLength);
    }
  }
  return { decoded: output.all, error: decoder.error?.message };
}

/** Marsaglia's xorshift32, low byte of each state, as the vectors use it. */
export function xorshift(seed: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let x = seed;
  for (let index = 0; index < length; index++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    bytes[index] = x & 255;
  }
  return bytes;
}

/** Bytes with repetitions, near and far, as text has them. */
export function wordy(seed: number, length: number): Uint8Array {
  const noise = xorshift(seed, length + 1);
  const bytes = new Uint8Array(length);
  let at = 0;
  for (let turn = 0; at < length; turn++) {
    const size = 1 + (noise[turn % noise.length]! % 40);
    const from = at > 50 ? (noise[(turn * 7) % noise.length]! * 257) % (at - 40) : -1;
    for (let index = 0; index < size && at < length; index++, at++) {
      bytes[at] = from < 0 || turn % 3 === 0 ? noise[at]! : bytes[from + index]!;
    }
  }
  return bytes;
}
