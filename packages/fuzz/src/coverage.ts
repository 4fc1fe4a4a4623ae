// Which blocks of our code have run, from V8 itself: no instrumented copy, so what is fuzzed is what is shipped.

import { type Profiler, Session } from 'node:inspector';
import type { Guide } from './engine.ts';

/** Watches the blocks of the modules whose address matches. */
export class Coverage implements Guide {
  readonly #session: Session = new Session();
  readonly #modules: RegExp;
  /** The blocks seen so far, a number each. */
  readonly #seen: Set<string> = new Set();

  /** @param modules - which module URLs count */
  constructor(modules: RegExp) {
    this.#modules = modules;
    this.#session.connect();
    this.#session.post('Profiler.enable');
    this.#session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Blocks seen so far. */
  get size(): number {
    return this.#seen.size;
  }

  /** Adds the blocks that ran since the last call; returns how many of them are new. */
  take(): number {
    const before = this.#seen.size;
    this.#visit((block) => {
      this.#seen.add(block);
      return false;
    });
    return this.#seen.size - before;
  }

  /** Whether a block ran since the last call that was never added. Nothing is added. */
  reachesNew(): boolean {
    return this.#visit((block) => !this.#seen.has(block));
  }

  /** Forgets what ran since the last call. */
  skip(): void {
    this.#collect();
  }

  stop(): void {
    this.#session.post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }

  /** Calls for each block that ran since the last visit, until a call returns true. */
  #visit(visitor: (block: string) => boolean): boolean {
    for (const script of this.#collect()) {
      if (!this.#modules.test(script.url)) continue;
      for (const { ranges } of script.functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          if (count > 0 && visitor(`${script.scriptId}:${startOffset}:${endOffset}`)) return true;
        }
      }
    }
    return false;
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
