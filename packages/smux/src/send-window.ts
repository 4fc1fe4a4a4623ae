// Version 2, sending side of a stream: how much the peer lets us send (PROTOCOL smux §5). Counters are u32 and wrap, so a
// stream may carry more than 4 GiB; only differences are looked at. Version 1 has no window: the limit never moves.

import { serialDiff } from '@kcptun/common';
import { START_WINDOW } from './frame.ts';

/** What was sent on a stream against what the peer has announced. */
export class SendWindow {
  readonly #limited: boolean;
  #numWritten = 0;
  #peerConsumed = 0;
  #peerWindow = START_WINDOW;

  /** @param limited - true with version 2 */
  constructor(limited: boolean) {
    this.#limited = limited;
  }

  /** Payload bytes that may be sent now; 0 or less: wait for UPD. */
  get available(): number {
    if (!this.#limited) return Number.MAX_SAFE_INTEGER;
    return this.#peerWindow - serialDiff(this.#numWritten, this.#peerConsumed);
  }

  /** Counts payload bytes that were sent. */
  sent(length: number): void {
    this.#numWritten = (this.#numWritten + length) >>> 0;
  }

  /** Takes the values of an UPD; returns false when the peer claims to have consumed more than was sent. */
  update(consumed: number, window: number): boolean {
    this.#peerConsumed = consumed;
    this.#peerWindow = window | 0;
    return serialDiff(this.#numWritten, consumed) >= 0;
  }
}
