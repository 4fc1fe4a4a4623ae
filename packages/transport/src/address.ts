// Addresses as users write them (PROTOCOL tunnel §5, §6) and as logs show them.

import { TransportError } from './errors.ts';
import type { SocketAddress } from './host.ts';

/** A host and a range of ports; a single port is a range of one. */
export interface PortRangeAddress {
  /** Name or IP literal without brackets; empty: all addresses. */
  readonly host: string;
  readonly minPort: number;
  readonly maxPort: number;
}

/**
 * Parses `host:port`, `:port`, `[v6]:port` or `host:min-max`.
 * @throws {TransportError} KCPTUN_ERR_TRANSPORT_ADDRESS saying what is wrong
 */
export function parsePortRange(text: string): PortRangeAddress {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):([0-9]{1,5})(?:-([0-9]{1,5}))?$/.exec(text);
  if (match === null) throw new TransportError('KCPTUN_ERR_TRANSPORT_ADDRESS', `malformed address:${text}`);
  const minPort = Number(match[3]);
  const maxPort = match[4] === undefined ? minPort : Number(match[4]);
  if (minPort > maxPort || maxPort > 65_535 || (minPort === 0 && match[4] !== undefined)) {
    throw new TransportError('KCPTUN_ERR_TRANSPORT_ADDRESS', `invalid port range specified: minport:${minPort} -> maxport ${maxPort}`);
  }
  return { host: match[1] ?? match[2] ?? '', minPort, maxPort };
}

/**
 * What a remote is counted under when sessions of one address are limited: the IPv4 address, also when it is written as an IPv6 one, or the /64
 * network of an IPv6 address, because whoever has one address of it has all.
 */
export function addressGroup({ address, family }: SocketAddress): string {
  if (family === 4) return address;
  const plain = (address.split('%')[0] as string).toLowerCase();
  const mapped = /^::ffff:([0-9.]+)$/.exec(plain);
  if (mapped !== null) return mapped[1] as string;
  const [front = '', back] = plain.split('::');
  const groups = front === '' ? [] : front.split(':');
  if (back !== undefined) {
    const behind = back === '' ? [] : back.split(':');
    while (groups.length + behind.length < 8) groups.push('0');
    groups.push(...behind);
  }
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}

/** `1.2.3.4:80` or `[::1]:80`. */
export function formatAddress(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
