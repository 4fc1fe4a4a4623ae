// The lines that say at start what a program runs with: texts and order of the Go programs (PROTOCOL tunnel §5), because people search for them
// and paste them into reports. The key is not among them.

import type { MemoryBound } from '@kcptun/tunnel';
import type { Side } from './option-spec.ts';
import type { ClientOptions, OptionsOf, ServerOptions, SharedOptions } from './options.ts';

/**
 * The lines of the settings.
 * @param listening - where the program listens: the client's real address, the server's text
 */
export function settingLines<S extends Side>(side: S, options: OptionsOf<S>, listening: string): string[] {
  return side === 'client' ? clientLines(options as ClientOptions, listening) : serverLines(options as ServerOptions, listening);
}

/** The line that says what the settings allow the tunnel to take at worst; in units of a million bytes, with the flags that change it. */
export function memoryLine(bound: MemoryBound, sessions: number): string {
  const mb = (bytes: number): string => (bytes / 1e6).toFixed(1);
  const parts = [`sndwnd ${mb(bound.sending)}`, `rcvwnd ${mb(bound.receiving)}`, `smuxbuf ${mb(bound.unread)}`];
  if (bound.compression > 0) parts.push(`compression ${mb(bound.compression)}`);
  return `memory at worst: ${mb(bound.session)} MB a session (${parts.join(', ')}), ${mb(bound.connection)} MB more a connection; sessions: up to ${sessions}`;
}

/** What one end cannot find out, for the log of an end that has QPP on. */
export const QPP_LINE: string =
  '--QPP must be the same at both ends, --QPPCount and the key too: nothing shows a difference, the data arrive unreadable';

/**
 * Recommends `aes-128-gcm` to an end whose cipher carries a CRC-32.
 * @returns `undefined` with `aes-128-gcm`, and with `none`, `null` and `xor`, of which a warning says more
 */
export function integrityLine(crypt: string): string | undefined {
  if (['aes-128-gcm', 'none', 'null', 'xor'].includes(crypt)) return undefined;
  return `use --crypt aes-128-gcm where both ends know it: packets of ${crypt} can be altered on the way unnoticed`;
}

function clientLines(o: ClientOptions, listening: string): string[] {
  return [
    `smux version: ${o.smuxver}`,
    `listening on: ${listening}`,
    ...cipherLines(o),
    `remote address: ${o.remoteaddr}`,
    ...tuningLines(o),
    `conn: ${o.conn}`,
    `autoexpire: ${o.autoexpire}`,
    `scavengettl: ${o.scavengettl}`,
    `snmplog: ${o.snmplog}`,
    `snmpperiod: ${o.snmpperiod}`,
    `quiet: ${o.quiet}`,
    `tcp: ${o.tcp}`,
    `pprof: ${o.pprof}`,
  ];
}

function serverLines(o: ServerOptions, listening: string): string[] {
  return [
    `smux version: ${o.smuxver}`,
    `listening on: ${listening}`,
    `target: ${o.target}`,
    ...cipherLines(o),
    ...tuningLines(o),
    `snmplog: ${o.snmplog}`,
    `snmpperiod: ${o.snmpperiod}`,
    `pprof: ${o.pprof}`,
    `quiet: ${o.quiet}`,
    `tcp: ${o.tcp}`,
  ];
}

function cipherLines(o: SharedOptions): string[] {
  return [
    `encryption: ${o.crypt}`,
    `QPP: ${o.QPP}`,
    `QPP Count: ${o.QPPCount}`,
    `nodelay parameters: ${o.nodelay} ${o.interval} ${o.resend} ${o.nc}`,
  ];
}

function tuningLines(o: SharedOptions): string[] {
  return [
    `sndwnd: ${o.sndwnd} rcvwnd: ${o.rcvwnd}`,
    `compression: ${!o.nocomp}`,
    `mtu: ${o.mtu}`,
    `ratelimit: ${o.ratelimit}`,
    `datashard: ${o.datashard} parityshard: ${o.parityshard}`,
    `acknodelay: ${o.acknodelay}`,
    `dscp: ${o.dscp}`,
    `sockbuf: ${o.sockbuf}`,
    `smuxbuf: ${o.smuxbuf}`,
    `framesize: ${o.framesize}`,
    `streambuf: ${o.streambuf}`,
    `keepalive: ${o.keepalive}`,
  ];
}
