// What is fuzzed: a function of bytes that throws when something is wrong, and nothing else.

/** One thing that reads what others wrote. */
export interface FuzzTarget {
  readonly name: string;
  /** Longest input that makes sense, in bytes. */
  readonly maxLength: number;
  /** Its share of the executions, 1 or less: what is slow and small gets less. */
  readonly share: number;
  /** Inputs to start from, besides the corpus. */
  readonly seeds: readonly Uint8Array[];
  /**
   * Runs one input from a fresh state, so that its outcome depends on nothing else.
   * @throws when a rule is broken: the failure to report
   */
  run(input: Uint8Array): void;
}

/** Fails a run. */
export function insist(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(`broken rule: ${what}`);
}
