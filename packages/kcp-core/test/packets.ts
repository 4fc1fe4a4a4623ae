// Segments by hand, as a peer would write them (PROTOCOL kcp §1).

import { CMD_ACK, OVERHEAD } from '../src/index.ts';

/** Writes the header of a segment of conversation `conv`; the window is 128. */
export function writeHeader(
  bytes: Uint8Array,
  at: number,
  conv: number,
  cmd: number,
  sn: number,
  una: number,
  ts: number,
  length: number,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  view.setUint32(at, conv, true);
  view.setUint8(at + 4, cmd);
  view.setUint8(at + 5, 0);
  view.setUint16(at + 6, 128, true);
  view.setUint32(at + 8, ts, true);
  view.setUint32(at + 12, sn, true);
  view.setUint32(at + 16, una, true);
  view.setUint32(at + 20, length, true);
}

/** An ACK of conversation 1. */
export function ackPacket(sn: number, una: number, ts: number): Uint8Array {
  const packet = new Uint8Array(OVERHEAD);
  writeHeader(packet, 0, 1, CMD_ACK, sn, una, ts, 0);
  return packet;
}
