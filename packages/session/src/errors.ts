// Why a session ended. Nothing of this is told to the peer: KCP has no FIN and no reset.

import { KcptunError } from '@kcptun/common';

/** Codes of {@link SessionError}. */
export type SessionErrorCode =
  | 'KCPTUN_ERR_SESSION_REPLACED'
  | 'KCPTUN_ERR_SESSION_CROWDED'
  | 'KCPTUN_ERR_SESSION_DEAD_PEER'
  | 'KCPTUN_ERR_SESSION_IDLE'
  | 'KCPTUN_ERR_SESSION_MTU';

/** The typed error of this package; match on `code`. */
export class SessionError extends KcptunError {
  declare readonly code: SessionErrorCode;

  constructor(code: SessionErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}
