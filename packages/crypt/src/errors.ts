// The errors of this package. Nothing that a peer sends raises one: refused packets are dropped and counted.

import { KcptunError } from '@kcptun/common';

/** Stable reasons of {@link CryptError}. */
export type CryptErrorCode =
  /** `seal` or `open` was called after `close`. */
  | 'KCPTUN_ERR_CRYPT_CLOSED'
  /** A packet to be sealed would be longer than the largest datagram. */
  | 'KCPTUN_ERR_CRYPT_PACKET_TOO_LONG'
  /** OpenSSL, called by FFI, lacks a cipher or failed; the packets of the call must not be used. */
  | 'KCPTUN_ERR_CRYPT_NATIVE';

/** A mistake in the use of a packet cipher, or a failure of OpenSSL. */
export class CryptError extends KcptunError {
  declare readonly code: CryptErrorCode;

  /**
   * @param code - stable reason
   * @param message - what was expected and what was got; never a key or payload
   */
  constructor(code: CryptErrorCode, message: string) {
    super(code, message);
  }
}
