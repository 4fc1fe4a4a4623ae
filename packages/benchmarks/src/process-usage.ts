// What a running process has used, read from /proc (Linux).

import { readFileSync } from 'node:fs';

const TICKS_PER_SECOND = 100;

/** CPU time and memory of a process. */
export interface Usage {
  /** User and system time in seconds. */
  readonly cpu: number;
  /** Largest resident size so far, in MiB. */
  readonly peakRss: number;
  /** Present resident size in MiB. */
  readonly rss: number;
}

/** Reads the usage of a live process. */
export function readUsage(pid: number): Usage {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kilobytes = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1024;
  return { cpu: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND, peakRss: kilobytes('VmHWM'), rss: kilobytes('VmRSS') };
}
