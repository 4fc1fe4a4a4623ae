// The frame of smux (PROTOCOL smux §1), the same in both versions but for UPD. All integers little endian:
//
//   0        1      2         4      8
//   | ver    | cmd  | length  | sid  | payload of `length` bytes        UPD: | consumed u32 | window u32 |
//     1 or 2   0..4   u16       u32

import { writeU16, writeU32 } from '@kcptun/common';

/** Opens a stream. */
export const CMD_SYN = 0;
/** No more data on a stream in this direction. */
export const CMD_FIN = 1;
/** Data of a stream. */
export const CMD_PSH = 2;
/** Keepalive. */
export const CMD_NOP = 3;
/** Bytes consumed and window of a stream (version 2). */
export const CMD_UPD = 4;

/** Bytes of a frame header. */
export const HEADER_LENGTH = 8;
/** Bytes of the payload of UPD. */
export const UPD_LENGTH = 8;
/** The most payload that a frame can carry: its length field has 16 bits. */
export const MAX_PAYLOAD = 65_535;
/** Version 2: the window of a stream before the first UPD, in bytes; fixed by the wire (PROTOCOL smux §5). */
export const START_WINDOW = 262_144;

/** Writes a frame header to the front of `target`. */
export function writeHeader(target: Uint8Array, version: number, cmd: number, length: number, sid: number): void {
  target[0] = version;
  target[1] = cmd;
  writeU16(target, 2, length);
  writeU32(target, 4, sid);
}

/** A keepalive frame (PROTOCOL smux §1) of version 1 or 2, 8 bytes: whoever reads it knows the version that its sender speaks. */
export function nopFrame(version: number): Uint8Array {
  const frame = new Uint8Array(HEADER_LENGTH);
  writeHeader(frame, version, CMD_NOP, 0, 0);
  return frame;
}
