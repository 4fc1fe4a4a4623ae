// One log line about datagrams that fail the integrity check or make no sense, not one per datagram: the usual reason is a --key or --crypt
// that differs.

import type { Logger } from '@kcptun/common';
import { formatAddress, type SocketAddress } from '@kcptun/transport';

/** At most one line in this time, in ms. */
const REPORT_INTERVAL = 60_000;

/** Reports refused datagrams. */
export class RefusalReport {
  readonly #logger: Logger;
  #reportedAt = Number.NEGATIVE_INFINITY;
  #reported = 0;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /**
   * @param refused - how many datagrams were refused so far
   * @param remote - where one of the newest came from
   */
  note(now: number, refused: number, remote: SocketAddress | undefined): void {
    if (now - this.#reportedAt < REPORT_INTERVAL) return;
    const from = remote === undefined ? 'an unknown address' : formatAddress(remote.address, remote.port);
    const count = refused - this.#reported;
    this.#reportedAt = now;
    this.#reported = refused;
    this.#logger.warn(
      `${count} datagram${count === 1 ? '' : 's'} from ${from} failed the integrity check: --key or --crypt differs between the ends, or it is no kcptun`,
      { refused: count, from },
    );
  }
}
