// The keepalive timers of the kernel, as Linux shows them in /proc/net/tcp.

import { readFileSync } from 'node:fs';

/** Ticks a second there. */
const TICKS = 100;
const ESTABLISHED = '01';
const KEEPALIVE = '02';

/**
 * Seconds until the keepalive timers of IPv4 connections to a port fire, at either end: those that have none are left out.
 * @returns `accepted` at the end that listens, `connected` at the other
 */
export function keepAliveTimers(port: number): { readonly accepted: number[]; readonly connected: number[] } {
  const name = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  const secondsOf = (row: readonly string[]): number[] => {
    const [kind, ticks = ''] = (row[5] ?? '').split(':');
    return row[3] === ESTABLISHED && kind === KEEPALIVE ? [Number.parseInt(ticks, 16) / TICKS] : [];
  };
  return {
    accepted: rows.filter((row) => row[1]?.endsWith(name)).flatMap(secondsOf),
    connected: rows.filter((row) => row[2]?.endsWith(name)).flatMap(secondsOf),
  };
}
