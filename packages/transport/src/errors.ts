// What can go wrong below a session: names, ports, sockets.

import { KcptunError } from '@kcptun/common';

/** Codes of {@link TransportError}. */
export type TransportErrorCode =
  | 'KCPTUN_ERR_TRANSPORT_ADDRESS'
  | 'KCPTUN_ERR_TRANSPORT_RESOLVE'
  | 'KCPTUN_ERR_TRANSPORT_BIND'
  | 'KCPTUN_ERR_TRANSPORT_SOCKET'
  | 'KCPTUN_ERR_TRANSPORT_OFFLOAD'
  | 'KCPTUN_ERR_TRANSPORT_CONNECT'
  | 'KCPTUN_ERR_TRANSPORT_CLOSED'
  | 'KCPTUN_ERR_TRANSPORT_ABORTED';

/** The typed error of this package; match on `code`. `cause` is the error of Node where there is one. */
export class TransportError extends KcptunError {
  declare readonly code: TransportErrorCode;

  constructor(code: TransportErrorCode, message: string, options?: ErrorOptions) {
    super(code, message, options);
  }
}
