// The block format: a length (varint, 7 bits a byte), then literals and copies of earlier bytes (PROTOCOL tunnel §10).
//
//   xxxxxx00 literal of x + 1 bytes (60..63: 1..4 length bytes follow)   xxxxxx10 copy of x + 1 bytes, 2 bytes of distance
//   dddlll01 copy of l + 4 bytes, 11 bits of distance (1 byte follows)   xxxxxx11 copy of x + 1 bytes, 4 bytes of distance
//
// The interface of all codecs and the one in plain TypeScript; assembly/snappy.ts does the same step by step, with equal results.

import { checkInteger } from '@kcptun/common';
import { crc32c } from './crc32c.ts';

/** The most uncompressed bytes of one block in this stream format. */
export const MAX_BLOCK = 65_536;
/** The most bytes that a block of {@link MAX_BLOCK} bytes may take (PROTOCOL tunnel §10). */
export const MAX_COMPRESSED_BLOCK = 76_490;
/** Free bytes in front of the two areas of a codec's working memory. */
export const WORK_HEADROOM = 32;
/** Free bytes behind the two areas: codecs may write whole vectors past the end of what they produce. */
export const WORK_SLOP = 64;

/** Compresses and uncompresses single blocks. One codec serves any number of streams, one call at a time. */
export interface BlockCodec {
  /** For logs: `wasm`, `typescript` or `snappy` (the native package). */
  readonly name: string;
  /**
   * Working memory that a caller may use to save copies: {@link MAX_COMPRESSED_BLOCK} bytes at `input` and at `output`, each with
   * {@link WORK_HEADROOM} in front. What stands there is lost with the next call whose source or target is elsewhere.
   */
  readonly bytes: Uint8Array;
  /** Offset of the input area in `bytes`. */
  readonly input: number;
  /** Offset of the output area in `bytes`. */
  readonly output: number;
  /** The most bytes that `length` bytes can become. */
  maxCompressedLength(length: number): number;
  /**
   * Compresses `sourceLength` (at most {@link MAX_BLOCK}) bytes into `target`, which has `limit` bytes of room and does not overlap the source.
   * @returns the compressed length, or 0 when it would not stay below `limit` (found out early where possible)
   */
  compress(source: Uint8Array, sourceOffset: number, sourceLength: number, target: Uint8Array, targetOffset: number, limit: number): number;
  /**
   * Uncompresses a whole block of any origin (at most {@link MAX_COMPRESSED_BLOCK} bytes) into `target`, which has `room` bytes.
   * @returns the uncompressed length, at most `room` and {@link MAX_BLOCK}, or -1 when the block is corrupt or longer
   */
  uncompress(
    source: Uint8Array,
    sourceOffset: number,
    sourceLength: number,
    target: Uint8Array,
    targetOffset: number,
    room: number,
  ): number;
  /** CRC-32C of at most {@link MAX_BLOCK} bytes, unmasked. */
  crc32c(bytes: Uint8Array, offset: number, length: number): number;
}

/** The bound that every codec gives: literals cost three more bytes a block, and matches never cost more than they save. */
export function maxCompressedLength(length: number): number {
  return 32 + length + Math.floor(length / 6);
}

/**
 * Reads the length in front of a block.
 * @returns the uncompressed length times 8 plus the number of bytes that the length takes, or -1 when it is malformed or beyond {@link MAX_BLOCK}
 */
export function readBlockLength(source: Uint8Array, offset: number, length: number): number {
  let value = 0;
  const most = Math.min(length, 5);
  for (let index = 0; index < most; index++) {
    const byte = source[offset + index]!;
    // Five bytes reach 35 bits: beyond 2^31 it is too long whatever it is, so the sign does not matter.
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return value > MAX_BLOCK ? -1 : value * 8 + index + 1;
  }
  return -1;
}

const MULTIPLIER = 0x9e3779b1;
const MAX_TABLE_BITS = 14;
const MIN_TABLE_BITS = 8;
/** The tag of a copy of 64 bytes with two bytes of distance. */
const LONG_COPY = 0xfe;

/** The codec in plain TypeScript: runs everywhere, and is what the WASM kernel is compared with. */
export class TypescriptBlockCodec implements BlockCodec {
  readonly name: string = 'typescript';
  readonly bytes: Uint8Array;
  readonly input: number = WORK_HEADROOM;
  readonly output: number = WORK_HEADROOM + MAX_COMPRESSED_BLOCK + WORK_SLOP + WORK_HEADROOM;
  readonly #table: Uint16Array = new Uint16Array(1 << MAX_TABLE_BITS);

  constructor() {
    this.bytes = new Uint8Array(this.output + MAX_COMPRESSED_BLOCK + WORK_SLOP);
  }

  maxCompressedLength(length: number): number {
    return maxCompressedLength(length);
  }

  crc32c(bytes: Uint8Array, offset: number, length: number): number {
    return crc32c(bytes, offset, length);
  }

  compress(
    source: Uint8Array,
    sourceOffset: number,
    sourceLength: number,
    target: Uint8Array,
    targetOffset: number,
    limit: number,
  ): number {
    checkInteger(sourceLength, 'sourceLength', 0, MAX_BLOCK);
    const src = sourceOffset;
    const end = src + sourceLength;
    const full = targetOffset + limit;
    if (limit < 4) return 0;
    let op = writeLength(target, targetOffset, sourceLength);
    let anchor = src;

    if (sourceLength >= 16) {
      // Half as many places as bytes, so that with a frame of 8 KiB all stays in the nearest cache.
      const bits = Math.min(Math.max(31 - Math.clz32(sourceLength - 1), MIN_TABLE_BITS), MAX_TABLE_BITS);
      const shift = 32 - bits;
      const table = this.#table;
      table.fill(0, 0, 1 << bits);
      const last = end - 12;
      let ip = src + 1;
      // Each miss makes the next step longer, so that bytes which do not compress cost little.
      let skip = 32;
      while (ip <= last) {
        const word = readWord(source, ip);
        const slot = Math.imul(word, MULTIPLIER) >>> shift;
        let from = src + table[slot]!;
        table[slot] = ip - src;
        if (readWord(source, from) !== word) {
          const step = skip >> 5;
          ip += step;
          skip += step;
          continue;
        }
        while (ip > anchor && from > src && source[ip - 1] === source[from - 1]) {
          ip--;
          from--;
        }
        if (ip > anchor) {
          if (op + (ip - anchor) + 3 >= full) return 0;
          op = writeLiteral(target, op, source, anchor, ip - anchor);
        }
        const start = ip;
        const distance = ip - from;
        ip += 4;
        from += 4;
        // Four bytes a step: one branch for them.
        for (const most = end - 4; ip <= most && readWord(source, ip) === readWord(source, from); from += 4) ip += 4;
        while (ip < end && source[ip] === source[from]) {
          ip++;
          from++;
        }
        if (op + ((ip - start) >> 6) * 3 + 6 >= full) return 0;
        op = writeCopy(target, op, distance, ip - start);
        anchor = ip;
        skip = 32;
        if (ip > last) break;
        table[Math.imul(readWord(source, ip - 1), MULTIPLIER) >>> shift] = ip - 1 - src;
      }
    }
    if (anchor < end) {
      if (op + (end - anchor) + 3 > full) return 0;
      op = writeLiteral(target, op, source, anchor, end - anchor);
    }
    return op - targetOffset < limit ? op - targetOffset : 0;
  }

  uncompress(
    source: Uint8Array,
    sourceOffset: number,
    sourceLength: number,
    target: Uint8Array,
    targetOffset: number,
    room: number,
  ): number {
    const head = readBlockLength(source, sourceOffset, sourceLength);
    const size = head >> 3;
    if (head < 0 || size > room || sourceLength > MAX_COMPRESSED_BLOCK) return -1;
    const end = sourceOffset + sourceLength;
    const full = targetOffset + size;
    let ip = sourceOffset + (head & 7);
    let op = targetOffset;
    while (ip < end) {
      const tag = source[ip++]!;
      let length = (tag >> 2) + 1;
      if ((tag & 3) === 0) {
        if (length > 60) {
          const extra = length - 60;
          if (extra > end - ip) return -1;
          length = readLittleEndian(source, ip, extra) + 1;
          ip += extra;
        }
        if (length > end - ip || length > full - op) return -1;
        copyForward(source, ip, target, op, length);
        ip += length;
        op += length;
        continue;
      }
      const extra = (tag & 3) === 3 ? 4 : tag & 3;
      if (extra > end - ip) return -1;
      let distance = readLittleEndian(source, ip, extra);
      ip += extra;
      if (extra === 1) {
        length = ((tag >> 2) & 7) + 4;
        distance += (tag >> 5) << 8;
      }
      // A long match comes as copies of 64 bytes from the same distance.
      if (tag === LONG_COPY) {
        for (; ip + 3 <= end && source[ip] === LONG_COPY && readLittleEndian(source, ip + 1, 2) === distance; ip += 3) length += 64;
      }
      if (distance === 0 || distance > op - targetOffset || length > full - op) return -1;
      if (length > 64) repeat(target, op, distance, length);
      // Byte by byte, because a copy may reach into what it writes.
      else for (let to = op, from = op - distance; to < op + length; to++, from++) target[to] = target[from]!;
      op += length;
    }
    return op === full ? size : -1;
  }
}

function readWord(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function readLittleEndian(bytes: Uint8Array, at: number, count: number): number {
  let value = bytes[at]!;
  if (count > 1) value += bytes[at + 1]! << 8;
  if (count > 2) value += bytes[at + 2]! << 16;
  if (count > 3) value += bytes[at + 3]! * 0x1000000;
  return value;
}

function copyForward(source: Uint8Array, from: number, target: Uint8Array, to: number, length: number): void {
  // Measured: a view and `set` pay from about 48 bytes on.
  if (length < 48) for (let index = 0; index < length; index++) target[to + index] = source[from + index]!;
  else target.set(source.subarray(from, from + length), to);
}

/** Continues the `distance` bytes in front of `op` by `length` bytes: what is there is copied, twice as much each time. */
function repeat(bytes: Uint8Array, op: number, distance: number, length: number): void {
  const from = op - distance;
  const stop = op + length;
  for (let to = op, have = distance; to < stop; to += have, have += have) bytes.copyWithin(to, from, from + Math.min(have, stop - to));
}

function writeLength(target: Uint8Array, at: number, length: number): number {
  let op = at;
  let rest = length;
  for (; rest > 0x7f; rest >>= 7) target[op++] = rest | 0x80;
  target[op++] = rest;
  return op;
}

function writeLiteral(target: Uint8Array, at: number, source: Uint8Array, from: number, length: number): number {
  let op = at;
  const n = length - 1;
  if (n < 60) {
    target[op++] = n << 2;
  } else if (n < 256) {
    target[op++] = 0xf0;
    target[op++] = n;
  } else {
    target[op++] = 0xf4;
    target[op++] = n;
    target[op++] = n >> 8;
  }
  copyForward(source, from, target, op, length);
  return op + length;
}

function writeCopy(target: Uint8Array, at: number, distance: number, length: number): number {
  let op = at;
  let rest = length;
  // Leaves at least 4 for the last copy, which then may take the short form.
  for (; rest > 67; rest -= 64) op = writeLongCopy(target, op, distance, 64);
  if (rest > 64) {
    op = writeLongCopy(target, op, distance, 60);
    rest -= 60;
  }
  if (rest >= 12 || distance >= 2048) return writeLongCopy(target, op, distance, rest);
  target[op++] = ((distance >> 8) << 5) | ((rest - 4) << 2) | 1;
  target[op++] = distance;
  return op;
}

function writeLongCopy(target: Uint8Array, at: number, distance: number, length: number): number {
  target[at] = ((length - 1) << 2) | 2;
  target[at + 1] = distance;
  target[at + 2] = distance >> 8;
  return at + 3;
}
