// Reading the fields of a segment header in place (PROTOCOL kcp §1), little endian:
//
//   0      4    5    6      8     12    16     20     24
//   | conv | cmd| frg| wnd  | ts  | sn  | una  | len  | payload ...
//
// The readers do not check lengths: a header needs OVERHEAD bytes behind `offset`.

import { readU16, readU32 } from '@kcptun/common';

/** Reads the conversation id of the segment at `offset`, u32. */
export function readConv(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset);
}

/** Reads the command of the segment at `offset`: 81..84 in a valid one. */
export function readCmd(bytes: Uint8Array, offset: number): number {
  return bytes[offset + 4]!;
}

/** Reads how many fragments of the message follow the segment at `offset`, 0..255. */
export function readFrg(bytes: Uint8Array, offset: number): number {
  return bytes[offset + 5]!;
}

/** Reads the window that the sender of the segment at `offset` advertises, in segments, u16. */
export function readWnd(bytes: Uint8Array, offset: number): number {
  return readU16(bytes, offset + 6);
}

/** Reads the timestamp of the segment at `offset`, ms on its origin's clock, u32. */
export function readTs(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset + 8);
}

/** Reads the sequence number of the segment at `offset`, u32. */
export function readSn(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset + 12);
}

/** Reads the first sequence number that the sender of the segment at `offset` has not received yet, u32. */
export function readUna(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset + 16);
}

/** Reads the payload length that the segment at `offset` claims, u32: not to be trusted. */
export function readLen(bytes: Uint8Array, offset: number): number {
  return readU32(bytes, offset + 20);
}
