// Standard input, output and error of a program, which may go away while it runs: a terminal that is
// closed, a reader that leaves or stops reading, a full disk. None of that may end the program in
// disorder, or let its memory grow.

import { closeSync, fstatSync, openSync } from 'node:fs';
import { devNull } from 'node:os';
import { isatty } from 'node:tty';

/** What may wait for a reader who does not read, in bytes; lines beyond that are left out. */
const MOST_WAITING = 1024 * 1024;

const DESCRIPTORS = [0, 1, 2] as const;

/** The standard streams of this process. Make one, before anything is written. */
export class Stdio {
  /** Descriptors that were a terminal at start. */
  readonly #terminals: readonly number[] = DESCRIPTORS.filter((descriptor) => isatty(descriptor));
  readonly #out: LossyWriter = new LossyWriter(() => process.stdout);
  readonly #error: LossyWriter = new LossyWriter(() => process.stderr);

  constructor() {
    if (process.platform !== 'win32') process.on('exit', releaseTerminals);
  }

  /** Writes to standard output; what it does not take is lost. */
  print(text: string): void {
    this.#out.write(text);
  }

  /** Writes to standard error; what it does not take is lost. */
  complain(text: string): void {
    this.#error.write(text);
  }

  /**
   * Whether the program was started in a terminal that does not exist any more. `nohup` leaves none of
   * the three descriptors to a terminal: for what it started, this is never true.
   */
  get terminalIsGone(): boolean {
    return this.#terminals.some((descriptor) => !isatty(descriptor));
  }

  /** Whether the program was started in a terminal. */
  get hasTerminal(): boolean {
    return this.#terminals.length > 0;
  }
}

/** A stream that may fail at any time, and may not take what it is given. */
class LossyWriter {
  #stream: NodeJS.WriteStream | undefined;
  #lost = 0;

  constructor(open: () => NodeJS.WriteStream) {
    try {
      this.#stream = open();
      // Whoever reads our output may go away: that is no reason to end.
      this.#stream.on('error', () => {});
    } catch {
      // Node cannot open a terminal that is gone already.
      this.#stream = undefined;
    }
  }

  write(text: string): void {
    const stream = this.#stream;
    if (stream === undefined) return;
    if (stream.writableLength > MOST_WAITING) {
      this.#lost += 1;
      return;
    }
    const missed = this.#lost === 0 ? '' : `(${this.#lost} lines are missing here: nobody read them)\n`;
    try {
      stream.write(missed + text);
      this.#lost = 0;
    } catch {
      // A file on a full disk fails here.
    }
  }
}

/**
 * At its end Node gives each terminal back its settings, and crashes when one of them is gone by then. A
 * descriptor that belongs to another file by then it leaves alone, and we never change a setting. All
 * devices are replaced, so that a terminal that goes away at this very moment makes no difference. Their
 * numbers stay in use: who opens something later in the exit, as the firewall of fake TCP does, must not
 * get one of them, because libuv aborts when it has to close it.
 */
function releaseTerminals(): void {
  for (const descriptor of DESCRIPTORS) {
    try {
      if (!fstatSync(descriptor).isCharacterDevice()) continue;
      closeSync(descriptor);
      // The lowest free number, which is that of the one just closed.
      openSync(devNull, 'r+');
    } catch {
      // Closed already.
    }
  }
}
