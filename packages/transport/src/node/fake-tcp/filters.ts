// What the kernel keeps from us, and from itself, in classic BPF. For raw sockets a packet begins with the IP header in IPv4 and with the TCP
// header in IPv6; for TCP sockets with the TCP header.

import type { FilterInstruction } from '../native/ffi.ts';
import { PSH, SYN } from './segment.ts';

const LOAD_HEADER_LENGTH = 0xb1; // x = 4 * (packet[k] & 0xf)
const LOAD_HALF = 0x48; // a = u16 at x + k
const LOAD_BYTE = 0x50; // a = u8 at x + k
const SET_X = 0x01; // x = k
const SHIFT_RIGHT = 0x74; // a >>= k
const AND = 0x54; // a &= k
const COPY_TO_X = 0x07; // x = a
const LOAD_LENGTH = 0x80; // a = length of the packet
const SUBTRACT_X = 0x1c; // a -= x
const JUMP_IF_EQUAL = 0x15;
const JUMP_IF_SET = 0x45;
const RETURN = 0x06;

const ALL = 0xffff_ffff;

/**
 * For the raw socket of one port: segments with data; for a client's, those of its own connection only, and the handshake.
 * Everything else on the machine, SYN floods included, never reaches the program.
 * @param remotePort - the server's port, of a client's socket
 */
export function segmentFilter(family: 4 | 6, localPort: number, remotePort: number | undefined): FilterInstruction[] {
  const checks: FilterInstruction[] = [[LOAD_HALF, 0, 0, 2]];
  const skip = remotePort === undefined ? 3 : 5;
  checks.push([JUMP_IF_EQUAL, 0, skip, localPort]);
  if (remotePort !== undefined) checks.push([LOAD_HALF, 0, 0, 0], [JUMP_IF_EQUAL, 0, 3, remotePort]);
  checks.push([LOAD_BYTE, 0, 0, 13], [JUMP_IF_SET, 0, 1, remotePort === undefined ? PSH : PSH | SYN]);
  return [family === 4 ? [LOAD_HEADER_LENGTH, 0, 0, 0] : [SET_X, 0, 0, 0], ...checks, [RETURN, 0, 0, ALL], [RETURN, 0, 0, 0]];
}

/**
 * For a listening TCP socket, and what it accepts: the kernel sees segments without their payload. The first one may stand for a lost
 * acknowledgement of the handshake.
 */
export const CUT_PAYLOAD: readonly FilterInstruction[] = [[RETURN, 0, 0, 1]];

/** For a connected TCP socket: the kernel does not see segments with data, so it neither keeps nor acknowledges them, and notices the end. */
export const DROP_DATA: readonly FilterInstruction[] = [
  [SET_X, 0, 0, 0],
  [LOAD_BYTE, 0, 0, 12],
  [SHIFT_RIGHT, 0, 0, 2],
  [AND, 0, 0, 0x3c], // bytes of the header
  [COPY_TO_X, 0, 0, 0],
  [LOAD_LENGTH, 0, 0, 0],
  [SUBTRACT_X, 0, 0, 0],
  [JUMP_IF_EQUAL, 0, 1, 0],
  [RETURN, 0, 0, ALL],
  [RETURN, 0, 0, 0],
];
