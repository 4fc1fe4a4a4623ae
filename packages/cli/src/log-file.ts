// The file of `--log`: lines are appended one by one, so that a crash loses none and a reader sees whole ones. What can go wrong with it (a full
// disk, a folder that was removed) is told once on standard error and never stops the program.

import { closeSync, openSync, writeSync } from 'node:fs';

/** An open log file. */
export class LogFile {
  readonly #path: string;
  readonly #complain: (problem: string) => void;
  #descriptor: number;
  /** Lines that were lost since the file last took one. */
  #lost = 0;
  /** The last line is there in part: the next one must not continue it. */
  #torn = false;

  /**
   * Opens the file, or makes it with mode 0666 less the umask.
   * @param complain - takes a text for standard error, without an end of line
   * @throws what node:fs throws when it cannot be opened
   */
  constructor(path: string, complain: (problem: string) => void) {
    this.#path = path;
    this.#complain = complain;
    this.#descriptor = openForAppending(path);
  }

  /** Appends a line with its end. */
  write(line: string): void {
    const missed = this.#lost === 0 ? '' : `(${this.#lost} lines of the log are missing here)\n`;
    const bytes = Buffer.from(`${this.#torn ? '\n' : ''}${missed}${line}`);
    let written = 0;
    try {
      while (written < bytes.length) written += writeSync(this.#descriptor, bytes, written);
      this.#lost = 0;
      this.#torn = false;
    } catch (error) {
      if (this.#lost === 0) this.#complain(`the log file ${this.#path} takes no more: ${(error as Error).message}`);
      this.#lost += 1;
      if (written > 0) this.#torn = true;
    }
  }

  /**
   * Closes the file and opens what has its name now, because a rotation has moved it away.
   * @returns whether that was possible; the old one stays in use when it was not
   */
  reopen(): boolean {
    try {
      const descriptor = openForAppending(this.#path);
      closeSync(this.#descriptor);
      this.#descriptor = descriptor;
      this.#torn = false;
      return true;
    } catch (error) {
      this.#complain(`the log file ${this.#path} cannot be re-opened: ${(error as Error).message}`);
      return false;
    }
  }
}

function openForAppending(path: string): number {
  return openSync(path, 'a', 0o666);
}
