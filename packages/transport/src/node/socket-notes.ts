// What a socket's owner is told when the system does not grant what was asked for: what was asked, what there is, and the command that helps.

import type { BufferSizes } from '../host.ts';

/** What of a buffer's size FreeBSD and macOS count as overhead: 256 bytes for each 2048 of payload. */
const BSD_OVERHEAD = 9 / 8;

/**
 * The line about buffers that are smaller than wanted; none when they are not.
 * @param wanted - the size that was asked for in bytes
 * @param sizes - what the kernel says it is
 * @param platform - `process.platform`
 */
export function shortfallNote(wanted: number | undefined, sizes: BufferSizes, platform: NodeJS.Platform): string[] {
  if (wanted === undefined) return [];
  // Linux doubles what it is asked for, as room for its own headers, and says the double.
  const scale = platform === 'linux' ? 2 : 1;
  const short = (['receive', 'send'] as const).filter((side) => Math.floor((sizes[side] ?? Number.POSITIVE_INFINITY) / scale) < wanted);
  if (short.length === 0) return [];
  const granted = short.map((side) => `${Math.floor(Number(sizes[side]) / scale)} to ${side}`).join(' and ');
  const cure = raiseLimit(wanted, short, platform);
  return [`--sockbuf ${wanted}: the kernel grants ${granted}${cure === undefined ? '' : `; for more run: ${cure}`}`];
}

function raiseLimit(wanted: number, short: readonly ('receive' | 'send')[], platform: NodeJS.Platform): string | undefined {
  if (platform === 'linux') {
    return `sysctl -w ${short.map((side) => `net.core.${side === 'receive' ? 'r' : 'w'}mem_max=${wanted}`).join(' ')}`;
  }
  if (platform === 'darwin' || platform === 'freebsd') return `sysctl kern.ipc.maxsockbuf=${Math.ceil(wanted * BSD_OVERHEAD)}`;
  return undefined;
}

/** The line about a code point that is not in the packets; none when there is nothing to set. */
export function dscpNote(dscp: number | undefined, reason: string): string[] {
  return dscp === undefined || dscp === 0 ? [] : [`--dscp ${dscp} is not set on packets: ${reason}`];
}

/**
 * The line about answers that may leave from another address than the one that was called; none
 * where the machine has but one of each family.
 * @param addresses - of the machine, each with its family
 */
export function sourceNote(addresses: readonly { readonly family: string; readonly internal: boolean }[]): string[] {
  const outside = addresses.filter(({ internal }) => !internal).map(({ family }) => family);
  if (new Set(outside).size === outside.length) return [];
  return [
    'this machine has several addresses, and node:dgram cannot choose from which one it answers: clients that call another one than ' +
      'the route gives, and hear only that, get no answer; name the address with --listen, or install koffi (Linux)',
  ];
}
