// A spawned program under test: its output is kept, waiting is bounded, an early death fails whoever waits and shows the
// output, and nothing outlives the tests.

import { type ChildProcess, spawn } from 'node:child_process';

/** How a program ended. */
export interface ExitStatus {
  /** The exit code; `null` when a signal ended it. */
  readonly code: number | null;
  /** The signal that ended it, or `null`. */
  readonly signal: NodeJS.Signals | null;
}

/** Options of {@link Program}. */
export interface ProgramOptions {
  /** What it is called in messages (default: the command). */
  readonly name?: string;
  /** Added to the environment of the tests; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** The working directory (default: that of the tests). */
  readonly cwd?: string;
}

const OUTPUT_LIMIT = 1024 * 1024;
const DEFAULT_WAIT_MS = 30_000;
const DEFAULT_GRACE_MS = 2000;

const living = new Set<ChildProcess>();

/** A running program. Stop it in the clean-up of the test: `onTestFinished(() => program.stop())`. */
export class Program {
  readonly #name: string;
  readonly #child: ChildProcess;
  readonly #watchers = new Set<() => void>();
  readonly #exited: Promise<ExitStatus>;
  #output = '';
  #dropped = 0;
  #status: ExitStatus | undefined;
  #spawnError: Error | undefined;

  /** Starts `command` without a shell. A command that cannot be started counts as an early death. */
  constructor(command: string, args: readonly string[], options: ProgramOptions = {}) {
    stopAllOnExit();
    this.#name = options.name ?? command;
    const env = { ...process.env, ...options.env };
    const child = spawn(command, [...args], { cwd: options.cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    this.#child = child;
    living.add(child);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (text: string) => this.#append(text));
    }
    this.#exited = new Promise((resolve) => {
      // 'close' comes after the last output, 'exit' might come before it.
      child.once('close', (code, signal) => resolve(this.#end({ code, signal })));
      child.once('error', (error) => {
        this.#spawnError = error;
        resolve(this.#end({ code: null, signal: null }));
      });
    });
  }

  /** The process id; `undefined` when it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Everything it has written so far to both streams (the last 1 MiB of it). */
  get output(): string {
    return this.#output;
  }

  /** Where the output ends now; give it to {@link Program.waitFor} to look only at what comes later. */
  get mark(): number {
    return this.#dropped + this.#output.length;
  }

  /** How it ended, once it ended. */
  get exited(): Promise<ExitStatus> {
    return this.#exited;
  }

  /** Whether it still runs. */
  get running(): boolean {
    return this.#status === undefined;
  }

  /**
   * Waits until the output matches.
   * @param pattern - without the flags g and y
   * @param options - `timeoutMs` (default 30 s); `from`: a {@link Program.mark} (default: the whole output)
   * @returns the first match
   * @throws {Error} with the output, when the program ends before that or the time is over
   */
  waitFor(pattern: RegExp, options: { readonly timeoutMs?: number; readonly from?: number } = {}): Promise<RegExpMatchArray> {
    const timeoutMs = options.timeoutMs ?? DEFAULT_WAIT_MS;
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        clearTimeout(timer);
        this.#watchers.delete(look);
      };
      const look = (): void => {
        const match = this.#output.slice(Math.max(0, (options.from ?? 0) - this.#dropped)).match(pattern);
        if (match !== null) {
          finish();
          resolve(match);
        } else if (this.#status !== undefined) {
          finish();
          reject(this.#failure(`${this.#howItEnded()} before ${pattern} was written`));
        }
      };
      const timer = setTimeout(() => {
        finish();
        reject(this.#failure(`${pattern} was not written within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#watchers.add(look);
      look();
    });
  }

  /**
   * Waits for some work that needs the program.
   * @returns what `work` gives
   * @throws {Error} what `work` throws, with the output added; or, at once, that the program ended
   */
  async during<T>(work: Promise<T>): Promise<T> {
    const death = this.#exited.then(() => {
      throw this.#failure(this.#howItEnded());
    });
    try {
      return await Promise.race([work, death]);
    } catch (error) {
      if (error instanceof Error && error.message.includes(`output of ${this.#name}:`)) throw error;
      throw this.#failure(String(error), error);
    } finally {
      death.catch(() => {});
      work.catch(() => {});
    }
  }

  /** Sends a signal; false when it has already ended. */
  signal(signal: NodeJS.Signals): boolean {
    return this.running && this.#child.kill(signal);
  }

  /** Closes the reading ends of both streams, as a pager does that is left: what it writes from now on fails. */
  closeOutput(): void {
    this.#child.stdout?.destroy();
    this.#child.stderr?.destroy();
  }

  /** Ends it: SIGTERM, and SIGKILL when it still runs after `graceMs` (default 2 s). May be called again. */
  async stop(graceMs: number = DEFAULT_GRACE_MS): Promise<ExitStatus> {
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), graceMs);
    const status = await this.#exited;
    clearTimeout(timer);
    return status;
  }

  #append(text: string): void {
    this.#output += text;
    const excess = this.#output.length - OUTPUT_LIMIT;
    if (excess > 0) {
      this.#output = this.#output.slice(excess);
      this.#dropped += excess;
    }
    this.#wake();
  }

  #end(status: ExitStatus): ExitStatus {
    this.#status = status;
    living.delete(this.#child);
    this.#wake();
    return status;
  }

  #wake(): void {
    for (const watcher of [...this.#watchers]) watcher();
  }

  #howItEnded(): string {
    if (this.#spawnError !== undefined) return `could not be started (${this.#spawnError.message})`;
    const status = this.#status;
    return status?.signal == null ? `ended with exit code ${status?.code}` : `was ended by ${status.signal}`;
  }

  #failure(what: string, cause?: unknown): Error {
    return new Error(`${this.#name}: ${what}\noutput of ${this.#name}:\n${this.#output || '(none)'}`, { cause });
  }
}

let stopping = false;

/** A test process that ends takes its programs with it, however it ends short of SIGKILL. */
function stopAllOnExit(): void {
  if (stopping) return;
  stopping = true;
  const killAll = (): void => {
    for (const child of living) child.kill('SIGKILL');
  };
  process.once('exit', killAll);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      killAll();
      process.kill(process.pid, signal);
    });
  }
}
