// What the upper layers log through. Libraries never print: the application hands a Logger in, and `cli` formats text.

/** Values that may stand beside a log message. Never keys or payload. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/** Receives log lines. The message is complete in itself; `fields` repeats its facts for machines. */
export interface Logger {
  /** Detail for whoever looks for a fault. */
  debug(message: string, fields?: LogFields): void;
  /** What happens in the ordinary course. */
  info(message: string, fields?: LogFields): void;
  /** Something to look at; the work goes on. */
  warn(message: string, fields?: LogFields): void;
  /** Something failed. */
  error(message: string, fields?: LogFields): void;
}

const ignore = (): void => {};

/** A logger that drops everything. */
export const SILENT_LOGGER: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
