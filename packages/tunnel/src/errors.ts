// What a tunnel refuses or fails with.

import { KcptunError } from '@kcptun/common';

/** Codes of {@link TunnelError}. */
export type TunnelErrorCode =
  | 'KCPTUN_ERR_TUNNEL_CONFIG'
  | 'KCPTUN_ERR_TUNNEL_LISTEN'
  | 'KCPTUN_ERR_TUNNEL_DIAL'
  | 'KCPTUN_ERR_TUNNEL_FAKE_TCP'
  | 'KCPTUN_ERR_TUNNEL_PEER_CLOSED'
  | 'KCPTUN_ERR_TUNNEL_PEER_GONE'
  | 'KCPTUN_ERR_TUNNEL_EXPIRED'
  | 'KCPTUN_ERR_TUNNEL_STATE'
  | 'KCPTUN_ERR_TUNNEL_STOPPED';

/** The typed error of this package; match on `code`. */
export class TunnelError extends KcptunError {
  declare readonly code: TunnelErrorCode;

  constructor(code: TunnelErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}
