// What can be wrong with a peer's compressed stream. The texts are those of the Go program, so that logs of both ends read alike.

import { KcptunError } from '@kcptun/common';

/** Stable reasons of {@link CompError}. */
export type CompErrorCode = 'KCPTUN_ERR_COMP_CORRUPT' | 'KCPTUN_ERR_COMP_UNSUPPORTED';

/** A compressed stream cannot be read on. It ends the session that carries it. */
export class CompError extends KcptunError {
  declare readonly code: CompErrorCode;

  /**
   * @param code - stable reason
   * @param message - `snappy: corrupt input` or `snappy: unsupported input`
   */
  constructor(code: CompErrorCode, message: string) {
    super(code, message);
  }
}
