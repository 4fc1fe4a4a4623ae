// Log lines in the form of Go's standard logger, `2006/01/02 15:04:05 message` in local time, which tools around kcptun search for.

import type { Logger } from '@kcptun/common';

/** Options of {@link createLog}. */
export interface LogOptions {
  /** Takes a whole line with its end (default: standard error). */
  readonly write?: (line: string) => void;
  /** The time of a line (default: the system's clock). */
  readonly now?: () => Date;
  /** Whether debug lines are written (default false). */
  readonly debug?: boolean;
}

/** Makes the logger of a program. Fields are left out: the message says it all. */
export function createLog(options: LogOptions = {}): Logger {
  const write = options.write ?? ((line) => process.stderr.write(line));
  const now = options.now ?? (() => new Date());
  const log = (message: string): void => {
    // A message can quote what the system or a peer said; it stays one line.
    write(`${formatTime(now())} ${message.replace(/[\r\n]+/g, ' ')}\n`);
  };
  return {
    debug: options.debug === true ? log : () => {},
    info: log,
    warn: (message) => log(`WARNING: ${message}`),
    error: log,
  };
}

/** `2006/01/02 15:04:05`, local time. */
export function formatTime(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = `${String(time.getFullYear()).padStart(4, '0')}/${two(time.getMonth() + 1)}/${two(time.getDate())}`;
  return `${date} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}
