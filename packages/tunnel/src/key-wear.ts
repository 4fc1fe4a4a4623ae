// Says when a cipher has been used for so much traffic under one key that nonces or blocks repeat by chance. The key of a
// tunnel never changes by itself; only the user can change it, at both ends.

import type { Logger } from '@kcptun/common';
import { type CryptMethod, repeatsAfter } from '@kcptun/crypt';
import type { SnmpSnapshot } from '@kcptun/session';

/** Logs one line when the traffic of this process reaches the bound of its cipher, and one at each doubling. */
export class KeyWear {
  readonly #logger: Logger;
  readonly #crypt: CryptMethod;
  readonly #counts: 'bytes' | 'datagrams' | undefined;
  #next: number;

  constructor(logger: Logger, crypt: CryptMethod) {
    const bound = repeatsAfter(crypt);
    this.#logger = logger;
    this.#crypt = crypt;
    this.#counts = bound?.of;
    this.#next = bound?.count ?? Number.POSITIVE_INFINITY;
  }

  /** Looks at the counters: with every heartbeat is often enough. */
  check(totals: SnmpSnapshot): void {
    if (this.#counts === undefined) return;
    const used = this.#counts === 'bytes' ? totals.InBytes + totals.OutBytes : totals.InPkts + totals.OutPkts;
    if (used < this.#next) return;
    while (this.#next <= used) this.#next *= 2;
    const amount = this.#counts === 'bytes' ? `${Math.floor(used / 1e9)} GB` : `${Math.floor(used / 1e6)} million datagrams`;
    this.#logger.warn(
      `${amount} under one key: with --crypt ${this.#crypt} an onlooker finds repetitions in that; choose another --key, or aes-128-gcm or aes`,
      { event: 'key.wear', used },
    );
  }
}
