// Log lines in one of two forms: that of Go's standard logger, `2006/01/02 15:04:05 message` in local time, which tools around kcptun search for,
// or one JSON object a line, for machines: time (RFC 3339, UTC), level, msg and the facts of the message as fields.

import type { LogFields, Logger } from '@kcptun/common';

/** From what is said most often to what is said most rarely. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
/** How much a line matters. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** The forms of a line: `go` is that of the Go programs. */
export const LOG_FORMATS = ['go', 'json'] as const;
/** The form of a line. */
export type LogFormat = (typeof LOG_FORMATS)[number];

/** Options of {@link createLog}. */
export interface LogOptions {
  /** Takes a whole line with its end (default: standard error). */
  readonly write?: (line: string) => void;
  /** The time of a line (default: the system's clock). */
  readonly now?: () => Date;
  /** The least level that is written (default `info`). */
  readonly level?: LogLevel;
  /** The form of the lines (default `go`). */
  readonly format?: LogFormat;
}

/** Makes the logger of a program. The form `go` leaves the fields out: the message says it all. */
export function createLog(options: LogOptions = {}): Logger {
  const write = options.write ?? ((line) => process.stderr.write(line));
  const now = options.now ?? (() => new Date());
  const format = options.format === 'json' ? jsonLine : goLine;
  const least = LOG_LEVELS.indexOf(options.level ?? 'info');
  const at = (level: LogLevel): Logger['info'] => {
    if (LOG_LEVELS.indexOf(level) < least) return () => {};
    return (message, fields) => write(format(now(), level, message, fields));
  };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function goLine(time: Date, level: LogLevel, message: string): string {
  // A message can quote what the system or a peer said; it stays one line.
  const text = message.replace(/[\r\n]+/g, ' ');
  return `${formatTime(time)} ${level === 'warn' ? 'WARNING: ' : ''}${text}\n`;
}

function jsonLine(time: Date, level: LogLevel, message: string, fields?: LogFields): string {
  // The three that every line has come first and win over fields of the same name.
  const head = { time: time.toISOString(), level, msg: message };
  return `${JSON.stringify({ ...head, ...fields, ...head })}\n`;
}

/** `2006/01/02 15:04:05`, local time. */
export function formatTime(time: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const date = `${String(time.getFullYear()).padStart(4, '0')}/${two(time.getMonth() + 1)}/${two(time.getDate())}`;
  return `${date} ${two(time.getHours())}:${two(time.getMinutes())}:${two(time.getSeconds())}`;
}
