// Little-endian fields by hand and serial-number arithmetic. Byte access by index is what V8 compiles best for buffers
// of changing origin; a DataView per packet would be an allocation per packet.

/** Signed 32-bit distance `a - b` modulo 2^32: positive when `a` is after `b` (PROTOCOL: serial numbers). */
export function serialDiff(a: number, b: number): number {
  return (a - b) | 0;
}

/** Reads an unsigned 16-bit little-endian integer. */
export function readU16(bytes: Uint8Array, offset: number): number {
  return bytes[offset]! | (bytes[offset + 1]! << 8);
}

/** Reads an unsigned 32-bit little-endian integer. */
export function readU32(bytes: Uint8Array, offset: number): number {
  return (bytes[offset]! | (bytes[offset + 1]! << 8) | (bytes[offset + 2]! << 16) | (bytes[offset + 3]! << 24)) >>> 0;
}

/** Writes the low 16 bits of `value`, little endian. */
export function writeU16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
}

/** Writes the low 32 bits of `value`, little endian. */
export function writeU32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value;
  bytes[offset + 1] = value >>> 8;
  bytes[offset + 2] = value >>> 16;
  bytes[offset + 3] = value >>> 24;
}
