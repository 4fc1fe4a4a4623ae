// What an opened datagram shows before any session has looked at it (PROTOCOL session §2): FEC or KCP, and whether it could open a session.

import { readU16, readU32 } from '@kcptun/common';
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
