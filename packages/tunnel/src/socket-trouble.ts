// What a datagram socket reports while it goes on, in the log: single datagrams that could not be sent belong to the life of a network and are
// for debugging; that a socket works with smaller means from now on is said once.

import { isKcptunError, type Logger } from '@kcptun/common';

/** Writes one line. */
export function logSocketTrouble(logger: Logger, error: Error): void {
  if (isKcptunError(error, 'KCPTUN_ERR_TRANSPORT_OFFLOAD')) logger.warn(`udp: ${error.message}`);
  else logger.debug(`udp: ${error.message}`);
}
