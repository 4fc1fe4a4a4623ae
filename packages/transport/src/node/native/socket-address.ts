// `struct sockaddr_in` and `struct sockaddr_in6` of Linux, and the text forms of what is in them.
//
//   sockaddr_in   0 family u16  2 port u16 (big endian)  4 address (4)
//   sockaddr_in6  0 family u16  2 port u16 (big endian)  4 flowinfo u32  8 address (16)  24 scope id u32

import { isIP } from 'node:net';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import type { SocketAddress } from '../../host.ts';

/** Address families as Linux numbers them. */
export const AF_INET = 2;
/** See {@link AF_INET}. */
export const AF_INET6 = 10;
/** Bytes of `sockaddr_in`. */
export const SOCKADDR_IN_SIZE = 16;
/** Bytes of `sockaddr_in6`. */
export const SOCKADDR_IN6_SIZE = 28;

/** The system's form of an address; `undefined` when it is not an IP literal of its family with a port of 16 bits. */
export function encodeSocketAddress({ address, port, family }: SocketAddress): Uint8Array | undefined {
  if (isIP(address) !== family || !(port >= 0 && port <= 0xffff)) return undefined;
  const bytes = new Uint8Array(family === 4 ? SOCKADDR_IN_SIZE : SOCKADDR_IN6_SIZE);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, family === 4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  if (family === 4) {
    bytes.set(address.split('.').map(Number), 4);
    return bytes;
  }
  const [literal = '', zone] = address.split('%');
  ipv6Words(literal).forEach((word, index) => {
    view.setUint16(8 + index * 2, word);
  });
  if (zone !== undefined) view.setUint32(24, scopeId(zone), true);
  return bytes;
}

/** The address that the system has written to `bytes` at `at`. */
export function decodeSocketAddress(bytes: Uint8Array, at: number): SocketAddress {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, SOCKADDR_IN6_SIZE);
  const port = view.getUint16(2);
  if (view.getUint16(0, true) === AF_INET) return { address: bytes.subarray(at + 4, at + 8).join('.'), port, family: 4 };
  const words = Array.from({ length: 8 }, (_, index) => view.getUint16(8 + index * 2));
  const scope = view.getUint32(24, true);
  return { address: formatIpv6(words) + (scope === 0 ? '' : `%${zoneName(scope)}`), port, family: 6 };
}

/** Whether a bound address stands for all of the machine's. */
export function isWildcard({ address }: SocketAddress): boolean {
  return address === '0.0.0.0' || address === '::';
}

function ipv6Words(literal: string): number[] {
  const ipv4 = /^(.*:)([0-9]+)\.([0-9]+)\.([0-9]+)\.([0-9]+)$/.exec(literal);
  if (ipv4 !== null) {
    const [, head, a, b, c, d] = ipv4;
    const hex = (high: string | undefined, low: string | undefined): string => (Number(high) * 256 + Number(low)).toString(16);
    return ipv6Words(`${head}${hex(a, b)}:${hex(c, d)}`);
  }
  const [left = [], right = []] = literal
    .split('::')
    .map((half) => (half === '' ? [] : half.split(':').map((word) => Number(`0x${word}`))));
  return [...left, ...Array.from({ length: 8 - left.length - right.length }, () => 0), ...right];
}

/** RFC 5952: the longest run of zeros is left out, an IPv4 address behind ::ffff stays one. */
function formatIpv6(words: readonly number[]): string {
  const text = words.map((word) => word.toString(16));
  if (words.slice(0, 5).every((word) => word === 0) && words[5] === 0xffff) {
    return `::ffff:${words
      .slice(6)
      .flatMap((word) => [word >> 8, word & 0xff])
      .join('.')}`;
  }
  let start = -1;
  let longest = 1;
  for (let from = 0; from < 8; from++) {
    let to = from;
    while (to < 8 && words[to] === 0) to += 1;
    if (to - from > longest) {
      start = from;
      longest = to - from;
    }
  }
  return start < 0 ? text.join(':') : `${text.slice(0, start).join(':')}::${text.slice(start + longest).join(':')}`;
}

/** Number of a zone: an interface's name or already a number. */
function scopeId(zone: string): number {
  if (/^[0-9]+$/.test(zone)) return Number(zone);
  return (networkInterfaces()[zone] ?? []).map(scopeOf).find((scope) => scope !== 0) ?? 0;
}

function zoneName(scope: number): string {
  const found = Object.entries(networkInterfaces()).find(([, addresses]) => addresses?.some((entry) => scopeOf(entry) === scope));
  return found?.[0] ?? String(scope);
}

/** Only addresses of the link have a zone. */
function scopeOf(entry: NetworkInterfaceInfo): number {
  return entry.family === 'IPv6' ? entry.scopeid : 0;
}
