// The kernel's TCP connections behind fake TCP: they make the handshake and open the way through NAT and firewalls, and carry nothing.

import { constants } from 'node:os';
import type { SocketAddress } from '../../host.ts';
import { SOCK_STREAM, type SystemCalls } from '../native/ffi.ts';
import { AF_INET, AF_INET6, encodeSocketAddress, SOCKADDR_IN6_SIZE } from '../native/socket-address.ts';
import { CUT_PAYLOAD, DROP_DATA } from './filters.ts';

const { EINPROGRESS, EINVAL } = constants.errno;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_ERROR = 4;
const SOL_IP = 0;
const IP_TTL = 2;
const SOL_TCP = 6;
const TCP_TIMESTAMP = 24;
const SOL_IPV6 = 41;
const IPV6_UNICAST_HOPS = 16;
const IPV6_V6ONLY = 26;

/** What a TTL of the system's choice is called. */
const DEFAULT_TTL = -1;
/** Handshakes that may wait to be accepted. */
const BACKLOG = 1024;

/** The call that failed, and its negated errno. */
export interface FailedCall {
  readonly call: string;
  readonly result: number;
}

/** A listening socket; its connections never see a payload. */
export function listenKernel(calls: SystemCalls, local: SocketAddress): number | FailedCall {
  const fd = openStream(calls, local.family);
  if (typeof fd !== 'number') return fd;
  calls.setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  // Each family has a socket of its own, because it has a raw socket of its own.
  if (local.family === 6) calls.setOption(fd, SOL_IPV6, IPV6_V6ONLY, 1);
  return attempt(calls, fd, [
    ['bind', () => bind(calls, fd, local)],
    ['filter', () => calls.attachFilter(fd, CUT_PAYLOAD)],
    ['listen', () => calls.listen(fd, BACKLOG)],
  ]);
}

/** A socket that will connect; it has a port already. */
export function prepareKernel(calls: SystemCalls, family: 4 | 6): number | FailedCall {
  const fd = openStream(calls, family);
  if (typeof fd !== 'number') return fd;
  return attempt(calls, fd, [
    ['bind', () => bind(calls, fd, { address: family === 4 ? '0.0.0.0' : '::', port: 0, family })],
    ['filter', () => calls.attachFilter(fd, DROP_DATA)],
  ]);
}

/** Begins to connect; returns 0 when that takes its time. */
export function beginConnect(calls: SystemCalls, fd: number, remote: SocketAddress): number {
  const name = encodeSocketAddress(remote);
  if (name === undefined) return -EINVAL;
  const result = calls.connect(fd, name);
  return result === -EINPROGRESS ? 0 : result;
}

/** How connecting has ended: 0, or the negated errno. */
export function connectResult(calls: SystemCalls, fd: number): number {
  const error = calls.option(fd, SOL_SOCKET, SO_ERROR);
  return error > 0 ? -error : error;
}

/** From now on the kernel neither takes data nor says anything that gets beyond the next router. */
export function silenceKernel(calls: SystemCalls, fd: number, family: 4 | 6): void {
  calls.attachFilter(fd, DROP_DATA);
  setTtl(calls, fd, family, 1);
}

/** Ends a connection; the peer's kernel hears of it. */
export function closeKernel(calls: SystemCalls, fd: number, family: 4 | 6): void {
  setTtl(calls, fd, family, DEFAULT_TTL);
  calls.close(fd);
}

/** The kernel's timestamp of a connection in ms, which ours goes on from. */
export function kernelTimestamp(calls: SystemCalls, fd: number): number {
  return calls.option(fd, SOL_TCP, TCP_TIMESTAMP) >>> 0;
}

/** The sockaddr of one end of a connection; `undefined` when it has ended. */
export function nameOf(calls: SystemCalls, fd: number, end: 'local' | 'remote'): Uint8Array | undefined {
  const name = new Uint8Array(SOCKADDR_IN6_SIZE);
  const result = end === 'local' ? calls.getsockname(fd, name) : calls.getpeername(fd, name);
  return result < 0 ? undefined : name;
}

function openStream(calls: SystemCalls, family: 4 | 6): number | FailedCall {
  const result = calls.socket(family === 4 ? AF_INET : AF_INET6, SOCK_STREAM);
  return result < 0 ? { call: 'socket', result } : result;
}

function bind(calls: SystemCalls, fd: number, local: SocketAddress): number {
  const name = encodeSocketAddress(local);
  return name === undefined ? -EINVAL : calls.bind(fd, name);
}

function attempt(calls: SystemCalls, fd: number, steps: readonly (readonly [string, () => number])[]): number | FailedCall {
  for (const [call, step] of steps) {
    const result = step();
    if (result >= 0) continue;
    calls.close(fd);
    return { call, result };
  }
  return fd;
}

function setTtl(calls: SystemCalls, fd: number, family: 4 | 6, ttl: number): void {
  if (family === 4) calls.setOption(fd, SOL_IP, IP_TTL, ttl);
  else calls.setOption(fd, SOL_IPV6, IPV6_UNICAST_HOPS, ttl);
}
