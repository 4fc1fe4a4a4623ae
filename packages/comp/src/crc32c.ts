// CRC-32C (Castagnoli, reflected polynomial 0x82f63b78). Long pieces are reduced to 836 bytes first (crc32c-sparse.ts), the rest is
// sliced by 8: eight bytes a step, one table lookup a byte.
// The register starts as all ones and is inverted at the end. PROTOCOL tunnel §10.

import { REDUCED_AT, reducedBytes, reduceSparse, SPARSE_FROM } from './crc32c-sparse.ts';

const POLYNOMIAL = 0x82f63b78;
const MASK_DELTA = 0xa282ead8;

/** Eight tables of 256 words: table k advances a byte by k further bytes. Also placed in the memory of the WASM kernel. */
export const CRC32C_TABLES: Uint32Array = /* @__PURE__ */ buildTables();

/**
 * CRC-32C of `length` bytes from `offset`.
 * @returns the checksum, 0 to 2^32 - 1, unmasked
 */
export function crc32c(bytes: Uint8Array, offset: number, length: number): number {
  if (length < SPARSE_FROM + 3) return ~slice(-1, bytes, offset, length) >>> 0;
  const lead = -(bytes.byteOffset + offset) & 3;
  const left = reduceSparse(bytes, offset + lead, length - lead, slice(-1, bytes, offset, lead));
  return ~slice(0, reducedBytes(), REDUCED_AT, left) >>> 0;
}

/** The register behind `length` bytes. */
function slice(start: number, bytes: Uint8Array, offset: number, length: number): number {
  const t = CRC32C_TABLES;
  const end = offset + length;
  const lastWord = end - 8;
  let register = start;
  let at = offset;
  for (; at <= lastWord; at += 8) {
    register ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    register =
      t[1792 + (register & 0xff)]! ^
      t[1536 + ((register >>> 8) & 0xff)]! ^
      t[1280 + ((register >>> 16) & 0xff)]! ^
      t[1024 + (register >>> 24)]! ^
      t[768 + bytes[at + 4]!]! ^
      t[512 + bytes[at + 5]!]! ^
      t[256 + bytes[at + 6]!]! ^
      t[bytes[at + 7]!]!;
  }
  for (; at < end; at++) register = (register >>> 8) ^ t[(register ^ bytes[at]!) & 0xff]!;
  return register;
}

/** The form in which a checksum stands in a chunk: rotated right by 15 and displaced (PROTOCOL tunnel §10). */
export function maskChecksum(checksum: number): number {
  return (((checksum >>> 15) | (checksum << 17)) + MASK_DELTA) >>> 0;
}

function buildTables(): Uint32Array {
  const tables = new Uint32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let register = byte;
    for (let bit = 0; bit < 8; bit++) register = (register >>> 1) ^ (register & 1 ? POLYNOMIAL : 0);
    tables[byte] = register;
  }
  for (let index = 256; index < tables.length; index++) {
    const before = tables[index - 256]!;
    tables[index] = (before >>> 8) ^ tables[before & 0xff]!;
  }
  return tables;
}
