// Where a layer reads or writes bytes without knowing who is on the other side: plain arguments, no objects per call.

/** Takes bytes in order: the stream side of a session, a compressor, a test's recorder. */
export interface ByteSink {
  /** How many bytes are welcome now; a writer stops at 0. One write may exceed it: nothing is refused or lost. */
  room(): number;
  /** Takes a copy of `length` bytes from `offset`. */
  write(bytes: Uint8Array, offset: number, length: number): void;
}

/** Fills `target` with random bytes that a peer cannot predict. */
export type RandomSource = (target: Uint8Array) => void;
