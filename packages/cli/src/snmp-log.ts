// The file of `--snmplog` (PROTOCOL tunnel §12): a line of counters every `--snmpperiod` seconds, columns as of the Go program of 2026. The name of
// the file is made anew for each line, so that a date in it starts a new file.

import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';
import type { Logger } from '@kcptun/common';
import { LineBudget, type SnmpSnapshot } from '@kcptun/tunnel';
import { formatGoTime, localGoTime } from './go-time.ts';

/** Options of {@link startSnmpLog}. */
export interface SnmpLogOptions {
  /** Path of the file; the part behind the last slash is a time layout of Go. */
  readonly path: string;
  /** Seconds between two lines; 0 writes none. */
  readonly period: number;
  readonly logger: Logger;
  /** The counters now. */
  readonly snapshot: () => SnmpSnapshot;
}

/** Writes lines as long as the process lives, which this does not prolong. */
export function startSnmpLog({ path, period, logger, snapshot }: SnmpLogOptions): void {
  if (path === '' || period === 0) return;
  const failures = new LineBudget();
  setInterval(() => {
    try {
      appendSnmpLine(path, new Date(), snapshot());
    } catch (error) {
      // A full disk or a missing folder may be gone at the next line.
      const more = failures.take(performance.now());
      if (more !== undefined) logger.error(`snmp logger: ${(error as Error).message}${more}`);
    }
  }, period * 1000).unref();
}

/**
 * Appends one line, behind a header when the file is empty or new.
 * @throws what node:fs throws
 */
export function appendSnmpLine(path: string, time: Date, snapshot: SnmpSnapshot): void {
  const columns = { Unix: Math.floor(time.getTime() / 1000), ...snapshot };
  const descriptor = openSync(snmpFileName(path, time), 'a', 0o666);
  try {
    const header = fstatSync(descriptor).size === 0 ? `${Object.keys(columns).join(',')}\n` : '';
    writeSync(descriptor, `${header}${Object.values(columns).join(',')}\n`);
  } finally {
    closeSync(descriptor);
  }
}

/** The file that a time belongs to: the folder as it stands, the name as Go formats it. */
function snmpFileName(path: string, time: Date): string {
  const end = Math.max(path.lastIndexOf('/'), process.platform === 'win32' ? path.lastIndexOf('\\') : -1) + 1;
  return path.slice(0, end) + formatGoTime(path.slice(end), localGoTime(time));
}
