// Stream addresses as users write them: host:port, or the path of a unix socket when it is nothing of that form (PROTOCOL tunnel §5).
// UDP addresses with their port ranges are read by transport.

import type { StreamAddress } from '@kcptun/transport';

/** An address, or what is wrong with its text and what to do. */
export type ParsedAddress = { readonly address: StreamAddress; readonly problem?: undefined } | { readonly problem: string };

/** Reads `host:port`, `:port`, `[v6]:port` or the path of a unix socket. */
export function parseStreamAddress(text: string): ParsedAddress {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):([0-9]+)$/.exec(text);
  if (match !== null) {
    const port = Number(match[3]);
    if (port > 65_535) return { problem: 'has a port that is out of range; use 1 to 65535' };
    return { address: { host: match[1] ?? match[2] ?? '', port } };
  }
  if (text === '') return { problem: 'is empty; write host:port, :port or the path of a unix socket' };
  if (/[/\\]/.test(text)) return { address: { path: text } };
  // Upstream takes these for unix sockets, which is never what was meant.
  if (/^[0-9]+$/.test(text)) return { problem: `has no colon; write :${text}` };
  if (text.includes(':')) return { problem: 'is no address; write host:port with a number as port, and IPv6 as [::1]:port' };
  return { address: { path: text } };
}
