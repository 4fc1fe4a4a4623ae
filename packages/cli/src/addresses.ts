// Addresses as users write them (PROTOCOL tunnel §5, §6): host:port, or for byte streams a unix
// socket too. The Go programs take all that is no host:port for the name of a socket in the working
// directory; here a socket is what says that it is one, and the rest is told what it lacks.

import { type PortRangeAddress, parsePortRange, type StreamAddress, unixPathProblem } from '@kcptun/transport';
import { findService } from './services.ts';

/** An address, or what is wrong with its text and what to do. */
export type ParsedAddress = { readonly address: StreamAddress; readonly problem?: undefined } | { readonly problem: string };

/** Where addresses are read. */
export interface AddressContext {
  /** As `process.platform` says it, which is the default. */
  readonly system?: string;
  /** Finds the port of a TCP service, by default in the list of the system. */
  readonly findPort?: (name: string) => number | undefined;
}

const FORMS = 'write host:port, :port or the path of a unix socket with a slash in it';

/**
 * Reads `host:port`, `:port`, `[v6]:port`, with the name of a service as port or with `tcp://` in
 * front, or a unix socket: a path with a slash, `unix:path`, or `@name` in the abstract namespace.
 */
export function parseStreamAddress(text: string, context: AddressContext = {}): ParsedAddress {
  if (text === '') return { problem: `is empty; ${FORMS}` };
  const [, scheme, behind] = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(.*)$/.exec(text) ?? [];
  if (scheme !== undefined && scheme !== 'tcp' && scheme !== 'unix') return { problem: explainScheme(scheme, behind as string) };
  const unix = scheme === 'unix' ? behind : /^unix:(?![0-9]+$)(.*)$/.exec(text)?.[1];
  if (unix !== undefined) return parseUnix(unix, context);
  const plain = scheme === undefined ? text : (behind as string).replace(/\/$/, '');
  if (scheme === undefined && (/[/\\]/.test(text) || text.startsWith('@'))) return parseUnix(text, context);
  return parseHostPort(plain, context);
}

/**
 * Reads `host:port` or `host:minport-maxport`, with `udp://` in front if one likes.
 * @throws {TransportError} KCPTUN_ERR_TRANSPORT_ADDRESS when it is nothing of that form
 */
export function parseDatagramAddress(text: string): PortRangeAddress {
  return parsePortRange(text.replace(/^udp:\/\/(.*?)\/?$/, '$1'));
}

function explainScheme(scheme: string, rest: string): string {
  if (scheme === 'udp') return `is UDP, and connections are TCP; write ${rest}`;
  return `is a URL of ${scheme}; write its host and port, host:port, without ${scheme}://`;
}

function parseUnix(path: string, { system = process.platform }: AddressContext): ParsedAddress {
  const problem = unixPathProblem(path, system);
  return problem === undefined ? { address: { path } } : { problem };
}

function parseHostPort(text: string, { findPort = findService }: AddressContext): ParsedAddress {
  const match = /^(?:\[([^\]]*)\]|([^:[\]]*)):([^:[\]]*)$/.exec(text);
  if (match === null) return { problem: explainNoPort(text) };
  const host = match[1] ?? match[2] ?? '';
  const written = match[3] as string;
  if (written === '') return { problem: `has no port behind its colon; write ${text}PORT` };
  if (!/^[0-9]+$/.test(written)) {
    const port = findPort(written);
    if (port === undefined)
      return { problem: `has a port that is neither a number nor a service of this machine; write the number of ${written}` };
    return { address: { host, port } };
  }
  const port = Number(written);
  if (port > 65_535) return { problem: 'has a port that is out of range; use 1 to 65535' };
  return { address: { host, port } };
}

function explainNoPort(text: string): string {
  if (/^[0-9]+$/.test(text)) return `has no colon; write :${text}`;
  if (/^\[[^\]]*\]$/.test(text)) return `has no port; write ${text}:PORT`;
  if (text.includes(':')) return 'is no address; write host:port with a number as port, and IPv6 as [::1]:port';
  return `has no port; write ${text}:PORT, or ./${text} if it is a unix socket`;
}
