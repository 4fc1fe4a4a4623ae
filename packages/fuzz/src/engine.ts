// The fuzzer: mutates inputs of a corpus and keeps those that reach code which none has reached before. Coverage is read once per
// batch, because reading it takes as long as many runs; a batch that reached something new is run again, input by input, to find out which did.

import { Random } from '@kcptun/testkit';
import { mutate } from './mutate.ts';
import type { FuzzTarget } from './target.ts';

/** Tells what inputs reach; see `Coverage`. */
export interface Guide {
  /** Adds what was reached since the last call; returns how much of it is new. */
  take(): number;
  /** Whether something new was reached since the last call. */
  reachesNew(): boolean;
  /** Forgets what was reached since the last call. */
  skip(): void;
  /** Stops watching: from now on everything runs at its full speed. */
  stop(): void;
}

/** What to do. */
export interface FuzzOptions {
  readonly target: FuzzTarget;
  readonly coverage: Guide;
  readonly corpus: readonly Uint8Array[];
  readonly seed: number;
  /** Runs to do, at least. */
  readonly executions: number;
  /** How many of them are watched. The others start from what those have found, and are more than ten times as fast. */
  readonly guided: number;
}

/** What came of it. */
export interface FuzzResult {
  readonly executions: number;
  /** The given inputs, and those that reach something new each. */
  readonly corpus: readonly Uint8Array[];
  /** Input and error of the first failure; the fuzzer stops there. */
  readonly failure: { readonly input: Uint8Array; readonly error: unknown } | undefined;
}

const BATCH = 512;
/** A single run that takes longer hangs, or is on its way there, in ms. */
const SLOWEST_RUN = 2000;

/** Fuzzes one target. */
export function fuzz(options: FuzzOptions): FuzzResult {
  const { target, coverage } = options;
  const random = new Random(options.seed);
  const corpus: Uint8Array[] = [];
  let executions = 0;
  let failure: FuzzResult['failure'];
  const run = (input: Uint8Array): void => {
    executions += 1;
    const started = performance.now();
    try {
      // A target may change what it is given.
      target.run(input.slice());
      const took = performance.now() - started;
      if (took > SLOWEST_RUN) throw new Error(`the run took ${took.toFixed(0)} ms`);
    } catch (error) {
      failure ??= { input, error };
    }
  };
  const keepIfNew = (input: Uint8Array): void => {
    run(input);
    if (coverage.take() > 0 && failure === undefined) corpus.push(input);
  };

  coverage.skip();
  // Those that are given stay, whatever they reach: they may have failed once.
  for (const input of options.corpus) {
    run(input);
    corpus.push(input);
  }
  coverage.take();
  for (const input of target.seeds) keepIfNew(input);
  if (corpus.length === 0) corpus.push(new Uint8Array(1));
  let watching = true;
  while (failure === undefined && executions < options.executions) {
    if (watching && executions >= options.guided) {
      coverage.stop();
      watching = false;
    }
    const batch = Array.from({ length: BATCH }, () => mutate(random, corpus, target.maxLength));
    for (const input of batch) {
      run(input);
      if (failure !== undefined) break;
    }
    if (watching && failure === undefined && coverage.reachesNew()) for (const input of batch) keepIfNew(input);
  }
  if (failure !== undefined) failure = { input: shorten(target, failure.input), error: failure.error };
  return { executions, corpus, failure };
}

/** A shorter input that fails as well. */
function shorten(target: FuzzTarget, input: Uint8Array): Uint8Array {
  const fails = (candidate: Uint8Array): boolean => {
    try {
      target.run(candidate.slice());
      return false;
    } catch {
      return true;
    }
  };
  let shortest = input;
  for (let piece = Math.ceil(input.length / 2); piece >= 1; piece = piece === 1 ? 0 : Math.ceil(piece / 2)) {
    for (let at = 0; at < shortest.length; ) {
      const candidate = new Uint8Array(shortest.length - Math.min(piece, shortest.length - at));
      candidate.set(shortest.subarray(0, at));
      candidate.set(shortest.subarray(at + piece), at);
      if (fails(candidate)) shortest = candidate;
      else at += piece;
    }
  }
  return shortest;
}
