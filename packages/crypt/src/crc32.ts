// CRC-32 of IEEE 802.3, as zlib computes it (PROTOCOL crypt §3), in plain TypeScript: eight tables, eight bytes a step.
// Table k holds the CRC of a byte followed by k zero bytes, so the eight lookups of a step do not wait for each other.

/** Computes the CRC-32 (IEEE, as zlib) of `length` bytes from `offset`, as an unsigned or signed 32-bit integer. */
export type Crc32 = (bytes: Uint8Array, offset: number, length: number) => number;

const POLYNOMIAL = 0xedb88320;

/** Fills `tables.length / 256` slicing tables; also used to place tables where a kernel finds them. */
export function fillCrcTables(tables: Int32Array): void {
  for (let index = 0; index < 256; index++) {
    let crc = index;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (-(crc & 1) & POLYNOMIAL);
    tables[index] = crc;
  }
  for (let index = 256; index < tables.length; index++) {
    const before = tables[index - 256]!;
    tables[index] = (before >>> 8) ^ tables[before & 0xff]!;
  }
}

const TABLES = /* @__PURE__ */ makeTables();

function makeTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  fillCrcTables(tables);
  return tables;
}

/**
 * CRC-32 (IEEE, as zlib) of `length` bytes from `offset`.
 * @returns a 32-bit integer, unsigned
 */
export function crc32(bytes: Uint8Array, offset: number, length: number): number {
  const tables = TABLES;
  const end = offset + length;
  let crc = -1;
  let at = offset;
  for (; at + 8 <= end; at += 8) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc =
      tables[1792 + (crc & 0xff)]! ^
      tables[1536 + ((crc >>> 8) & 0xff)]! ^
      tables[1280 + ((crc >>> 16) & 0xff)]! ^
      tables[1024 + (crc >>> 24)]! ^
      tables[768 + bytes[at + 4]!]! ^
      tables[512 + bytes[at + 5]!]! ^
      tables[256 + bytes[at + 6]!]! ^
      tables[bytes[at + 7]!]!;
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ tables[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
}
