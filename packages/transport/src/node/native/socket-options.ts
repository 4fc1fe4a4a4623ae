// What sockets made by system calls have in common: buffer sizes, marks, and errors as Node words them.

import { getSystemErrorName } from 'node:util';
import { formatAddress } from '../../address.ts';
import { TransportError } from '../../errors.ts';
import type { BufferSizes, DatagramOptions } from '../../host.ts';
import { dscpNote, shortfallNote } from '../socket-notes.ts';
import type { SystemCalls } from './ffi.ts';

const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
const SO_RCVBUF = 8;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SOL_IP = 0;
const IP_TOS = 1;
const SOL_IPV6 = 41;
const IPV6_TCLASS = 67;

/** What was granted, and a line for what was not. */
export interface GrantedOptions {
  readonly bufferSizes: BufferSizes;
  readonly notes: readonly string[];
}

/** Sets buffer sizes and the mark of a socket. */
export function applyOptions(calls: SystemCalls, fd: number, family: 4 | 6, options: DatagramOptions): GrantedOptions {
  const { bufferSize, dscp } = options;
  const bufferSizes = bufferSize === undefined ? { receive: undefined, send: undefined } : resizeBuffers(calls, fd, bufferSize);
  const marked = markPackets(calls, fd, family, dscp ?? 0);
  const notes = [
    ...shortfallNote(bufferSize, bufferSizes, process.platform),
    ...(marked < 0 ? dscpNote(dscp, getSystemErrorName(marked)) : []),
  ];
  return { bufferSizes, notes };
}

/** Sets the buffers, beyond the system's limit where the process may do that; returns what was granted. */
function resizeBuffers(calls: SystemCalls, fd: number, size: number): BufferSizes {
  if (calls.setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, size) < 0) calls.setOption(fd, SOL_SOCKET, SO_RCVBUF, size);
  if (calls.setOption(fd, SOL_SOCKET, SO_SNDBUFFORCE, size) < 0) calls.setOption(fd, SOL_SOCKET, SO_SNDBUF, size);
  return { receive: calls.option(fd, SOL_SOCKET, SO_RCVBUF), send: calls.option(fd, SOL_SOCKET, SO_SNDBUF) };
}

/**
 * Marks what a socket sends. The code point is the upper six bits of the byte in both families; the original shifts it for IPv4 only
 * (PROTOCOL session §8), so that its IPv6 packets carry another class than was asked for.
 * @returns 0, or the negated errno
 */
function markPackets(calls: SystemCalls, fd: number, family: 4 | 6, dscp: number): number {
  const byte = dscp << 2;
  if (family === 4) return calls.setOption(fd, SOL_IP, IP_TOS, byte);
  // A socket for both families sends IPv4 too, which has a field of its own.
  calls.setOption(fd, SOL_IP, IP_TOS, byte);
  return calls.setOption(fd, SOL_IPV6, IPV6_TCLASS, byte);
}

/**
 * Passes a result on.
 * @throws {TransportError} KCPTUN_ERR_TRANSPORT_BIND when it is a negated errno
 */
export function check(result: number, call: string, { host, port, remote }: DatagramOptions): number {
  if (result >= 0) return result;
  const cause = systemError(call, -result);
  const where = call === 'connect' && remote !== undefined ? formatAddress(remote.address, remote.port) : formatAddress(host, port);
  throw new TransportError('KCPTUN_ERR_TRANSPORT_BIND', `${cause.message} ${where}`, { cause });
}

/** The error that Node would give for a failed call. */
export function systemError(call: string, errno: number): NodeJS.ErrnoException {
  const code = getSystemErrorName(-errno);
  return Object.assign(new Error(`${call} ${code}`), { code, errno: -errno, syscall: call });
}
