// How much a conversation may transmit, for whoever paces it. Nothing waits behind a pacer: what the quota does not cover stays in the window,
// unsent, and later flushes find it there.

import { OVERHEAD } from './constants.ts';

/** The bytes that flushes may still transmit; unlimited unless somebody sets it. */
export class SendQuota {
  /** Bytes of segments with their headers, counted down. What leaves may exceed it by the last segment. */
  bytes: number = Number.POSITIVE_INFINITY;
  /** Segments of the window that the last full flush would have transmitted for the first time but for the quota. */
  kept = 0;
  /** Whether nothing may leave that `bytes` does not cover as a whole. */
  strict = false;
  /**
   * Whether the last full flush kept anything back. `nextTimeout` then tells of acknowledgements and window messages only, because it does not know when
   * data may leave. Whoever paces may also set it, instead of a full flush; the next one decides anew.
   */
  held = false;

  /** @internal Whether a segment with `length` bytes of payload may not leave. */
  refuses(length: number): boolean {
    return this.bytes <= 0 || (this.strict && this.bytes < OVERHEAD + length);
  }

  /** @internal Acknowledgements and window messages always leave. They count, but never take the place of the first data segment. */
  spendOnControl(segments: number): void {
    if (segments === 0) return;
    const before = this.bytes;
    this.bytes = before - segments * OVERHEAD;
    if (!this.strict && before > 0 && this.bytes <= 0) this.bytes = 1;
  }
}
