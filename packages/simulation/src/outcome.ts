// What comes out of a run.

/** An oracle that did not hold. */
export interface Violation {
  /** Which oracle: failures of the same one are taken for the same while a plan is reduced. */
  readonly oracle: string;
  /** What was found. */
  readonly text: string;
  /** When, in ms of the world's clock. */
  readonly at: number;
}

/** The result of a run. */
export interface Outcome {
  readonly violations: readonly Violation[];
  /** Of every datagram, its times and bytes: equal for equal runs. */
  readonly digest: string;
  /** Virtual time that passed, in ms. */
  readonly elapsed: number;
  /** Datagrams sent between the ends. */
  readonly datagrams: number;
  /** Bytes that applications and targets received. */
  readonly delivered: number;
}
