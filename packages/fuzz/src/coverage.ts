// Which characters of our code have run, from V8 itself: no instrumented copy, so what is fuzzed is what is shipped. Characters and not the ranges
// that V8 reports: it leaves out a range whose count is that of the one around it, so a branch that the only run takes would not be seen.

import { type Profiler, Session } from 'node:inspector';
import type { Guide } from './engine.ts';

/** What is known of a function. */
interface Known {
  /** 1 for each character that has run. */
  readonly seen: Uint8Array;
  /** Characters that have not. */
  left: number;
}

/** Watches the modules whose address matches. */
export class Coverage implements Guide {
  readonly #session: Session = new Session();
  readonly #modules: RegExp;
  readonly #functions: Map<string, Known> = new Map();
  #size = 0;

  /** @param modules - which module URLs count */
  constructor(modules: RegExp) {
    this.#modules = modules;
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Characters that have run so far. */
  get size(): number {
    return this.#size;
  }

  /** Adds what ran since the last call; returns how many characters of it are new. */
  take(): number {
    const before = this.#size;
    for (const { known, ran } of this.#news()) {
      for (let at = 0; at < ran.length; at++) {
        if (ran[at] === 0 || known.seen[at] === 1) continue;
        known.seen[at] = 1;
        known.left -= 1;
        this.#size += 1;
      }
    }
    return this.#size - before;
  }

  /** Whether something ran since the last call that was never added. Nothing is added. */
  reachesNew(): boolean {
    for (const { known, ran } of this.#news()) if (ran.some((character, at) => character === 1 && known.seen[at] === 0)) return true;
    return false;
  }

  /** Forgets what ran since the last call. */
  skip(): void {
    this.#collect();
  }

  stop(): void {
    this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }

  /** Functions that ran since the last visit and have not run whole before, with a 1 for each character that did. */
  *#news(): Iterable<{ readonly known: Known; readonly ran: Uint8Array }> {
    for (const script of this.#collect()) {
      if (!this.#modules.test(script.url)) continue;
      for (const { ranges } of script.functions) {
        const [whole, ...inside] = ranges;
        if (whole === undefined || whole.count === 0) continue;
        const key = `${script.scriptId}:${whole.startOffset}:${whole.endOffset}`;
        const length = whole.endOffset - whole.startOffset;
        const known = this.#functions.get(key) ?? { seen: new Uint8Array(length), left: length };
        this.#functions.set(key, known);
        if (known.left === 0) continue;
        const ran = new Uint8Array(length).fill(1);
        // Inner ranges come behind those around them.
        for (const { startOffset, endOffset, count } of inside) {
          ran.fill(count > 0 ? 1 : 0, startOffset - whole.startOffset, endOffset - whole.startOffset);
        }
        yield { known, ran };
      }
    }
  }

  #collect(): Profiler.ScriptCoverage[] {
    let result: Profiler.ScriptCoverage[] = [];
    // The session lives on this thread: the answer comes before `post` returns.
    this.#session.post('Profiler.takePreciseCoverage', (error, answer) => {
      if (error !== null) throw error;
      result = answer.result;
    });
    return result;
  }
}
