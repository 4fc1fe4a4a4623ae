// What an opened datagram shows before any session has looked at it (PROTOCOL session §2): FEC or KCP, and whether it could open a session.

import { type PacketBatch, readU16, readU32 } from '@kcptun/common';
import { FEC_TYPE_DATA, FEC_TYPE_OOB, FEC_TYPE_PARITY } from '@kcptun/fec';
import { CMD_PUSH, CMD_WINS, OVERHEAD } from '@kcptun/kcp-core';

/** Whether a datagram is neither FEC nor KCP: what ended sessions and foreign convs send late is not meant. */
export function isForeign(bytes: Uint8Array, offset: number, length: number): boolean {
  if (length < OVERHEAD) return true;
  const type = readU16(bytes, offset + 4);
  if (type === FEC_TYPE_DATA || type === FEC_TYPE_PARITY || type === FEC_TYPE_OOB) return false;
  return !isOpening(bytes, offset, offset + length);
}

/** Whether a KCP packet is well formed enough to open a session: a known command and a length that fits. */
export function isOpening(bytes: Uint8Array, offset: number, end: number): boolean {
  const cmd = bytes[offset + 4]!;
  return cmd >= CMD_PUSH && cmd <= CMD_WINS && readU32(bytes, offset + 20) <= end - offset - OVERHEAD;
}

/** Reads the two words of each sealed datagram by which it is known again, from `at` in it on. */
export function readHeads({ bytes, offset, count }: PacketBatch, at: number, heads: Int32Array): void {
  for (let index = 0; index < count; index++) {
    const from = offset[index]! + at;
    heads[index * 2] = bytes[from]! | (bytes[from + 1]! << 8) | (bytes[from + 2]! << 16) | (bytes[from + 3]! << 24);
    heads[index * 2 + 1] = bytes[from + 4]! | (bytes[from + 5]! << 8) | (bytes[from + 6]! << 16) | (bytes[from + 7]! << 24);
  }
}
