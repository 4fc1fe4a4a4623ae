// Cipher and compression of a tunnel, made in one place.

import type { BlockCodec } from '@kcptun/comp';
import { selectCodec } from '@kcptun/comp/node';
import { deriveKey, type PacketCrypt } from '@kcptun/crypt';
import { fecBackend, fecEnabled, kcpMtu } from '@kcptun/session';
import type { Host } from '@kcptun/transport';
import { TunnelError } from './errors.ts';
import type { ResolvedTunnelOptions } from './options.ts';

/**
 * The cipher of a tunnel.
 * @throws {TunnelError} KCPTUN_ERR_TUNNEL_CONFIG when its headers leave no room for payload in `session.mtu`
 */
export function openCrypt(host: Host, options: ResolvedTunnelOptions): PacketCrypt {
  const crypt = host.createCrypt(options.crypt, deriveKey(options.key));
  try {
    kcpMtu(options.session, crypt.headerSize + crypt.tagSize);
  } catch (cause) {
    crypt.close();
    throw new TunnelError('KCPTUN_ERR_TUNNEL_CONFIG', (cause as Error).message, { cause });
  }
  return crypt;
}

/** One log line: which implementations do the work, and why a faster one does not. */
export function describeBackends(host: Host, crypt: PacketCrypt, codec: BlockCodec | undefined, options: ResolvedTunnelOptions): string {
  const notes = crypt.selectionNotes.length === 0 ? '' : ` (${crypt.selectionNotes.join('; ')})`;
  const fec = fecEnabled(options.session) ? `, FEC ${fecBackend(host.memory)}` : '';
  const compression = codec === undefined ? '' : `, compression ${codec.name}`;
  return `backends: datagrams ${host.datagramBackend}, ${crypt.method} ${crypt.backend}${notes}${fec}${compression}`;
}

/** The codec for a compressed tunnel, or `undefined` for an uncompressed one. */
export function openCodec(compression: boolean): BlockCodec | undefined {
  return compression ? selectCodec() : undefined;
}
