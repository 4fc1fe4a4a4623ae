// Datagrams to unix sockets, which Node cannot send: what a service manager listens for. Rare and small, so each one has a socket of its own.
//
//   sockaddr_un   0 family u16  2 path, ended by 0; or 0 and a name without a file (Linux)

import { sharedCalls } from './shared-calls.ts';

const AF_UNIX = 1;
/** Most bytes of a path or name, the 0 included. */
const PATH_SIZE = 108;

/**
 * Sends one datagram without waiting.
 * @param path - an absolute path, or a name without a file, written `@name`
 * @returns why it could not be sent; `undefined` when it was
 */
export function sendUnixDatagram(path: string, bytes: Uint8Array): string | undefined {
  const calls = sharedCalls();
  if (typeof calls === 'string') return calls;
  const address = encodeAddress(path);
  if (address === undefined) return `${path} is no address of a unix socket`;
  const fd = calls.socket(AF_UNIX);
  if (fd < 0) return `no socket, errno ${-fd}`;
  const sent = calls.sendto(fd, bytes, address);
  calls.close(fd);
  return sent < 0 ? `not sent, errno ${-sent}` : undefined;
}

function encodeAddress(path: string): Uint8Array | undefined {
  const text = new TextEncoder().encode(path);
  if (text.length < 2 || text.length >= PATH_SIZE || !/^[/@]/.test(path)) return undefined;
  // A name without a file is as long as it is; a path has its end.
  const abstract = path.startsWith('@');
  const address = new Uint8Array(2 + text.length + (abstract ? 0 : 1));
  address[0] = AF_UNIX;
  address.set(text, 2);
  if (abstract) address[2] = 0;
  return address;
}
