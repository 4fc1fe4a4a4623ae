// Everything that can go wrong in a smux session, by code. Messages that upstream prints in its log are kept word for
// word, so that a log line reads the same with either program (PROTOCOL smux §7, §8).

import { KcptunError } from '@kcptun/common';

/** The reasons of a {@link SmuxError}; the table in the package's README explains each. */
export type SmuxErrorCode =
  | 'KCPTUN_ERR_SMUX_CONFIG'
  | 'KCPTUN_ERR_SMUX_INVALID_PROTOCOL'
  | 'KCPTUN_ERR_SMUX_TIMEOUT'
  | 'KCPTUN_ERR_SMUX_SESSION_CLOSED'
  | 'KCPTUN_ERR_SMUX_STREAM_IDS'
  | 'KCPTUN_ERR_SMUX_TOO_MANY_STREAMS'
  | 'KCPTUN_ERR_SMUX_CONSUMED'
  | 'KCPTUN_ERR_SMUX_RESET'
  | 'KCPTUN_ERR_SMUX_WRITE_AFTER_END'
  | 'KCPTUN_ERR_SMUX_CONNECTION';

/** What a protocol error saw, so that two ends with different `--smuxver` can be told so. */
export interface SmuxErrorOptions extends ErrorOptions {
  /** Version byte of the refused frame, 0 to 255. */
  readonly seenVersion?: number;
  /** Version that this end speaks, 1 or 2. */
  readonly expectedVersion?: number;
}

/** An error of the smux layer. Match on `code`. */
export class SmuxError extends KcptunError {
  declare readonly code: SmuxErrorCode;
  /** Version byte of the refused frame (`KCPTUN_ERR_SMUX_INVALID_PROTOCOL` only); another value than 1 and 2 is no smux at all. */
  readonly seenVersion: number | undefined;
  /** Version that this end speaks (`KCPTUN_ERR_SMUX_INVALID_PROTOCOL` only). */
  readonly expectedVersion: number | undefined;

  /**
   * @param code - stable reason
   * @param message - upstream's text where upstream has one
   * @param options - `cause`, and the versions of a protocol error
   */
  constructor(code: SmuxErrorCode, message: string, options: SmuxErrorOptions = {}) {
    super(code, message, options);
    this.seenVersion = options.seenVersion;
    this.expectedVersion = options.expectedVersion;
  }
}
