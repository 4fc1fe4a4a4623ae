// What the auto strategy keeps of each segment of the window, in rings like those of the window.

import { moved } from '../ring-column.ts';
import type { SendWindow } from '../send-window.ts';

/** The last transmission of each segment, and two marks. Call {@link fit} before the arrays are read. */
export class SegmentMarks {
  /** Index mask of all arrays: the window's. */
  mask: number;
  /** Number of the last transmission. */
  last: Float64Array;
  /** 1: taken for lost, and waits to be sent again. */
  lost: Uint8Array;
  /** 1: copied, so that a late acknowledgement may be that of the copy. */
  copied: Uint8Array;
  readonly #window: SendWindow;

  constructor(window: SendWindow) {
    this.#window = window;
    this.mask = window.mask;
    this.last = new Float64Array(this.mask + 1);
    this.lost = new Uint8Array(this.mask + 1);
    this.copied = new Uint8Array(this.mask + 1);
  }

  /** Follows the window's rings when they have been replaced. */
  fit(): void {
    const window = this.#window;
    const { mask } = window;
    if (mask === this.mask) return;
    const from = window.una & this.mask;
    const to = window.una & mask;
    const count = Math.min(window.inflight, mask + 1, this.mask + 1);
    this.last = moved(this.last, new Float64Array(mask + 1), from, to, count);
    this.lost = moved(this.lost, new Uint8Array(mask + 1), from, to, count);
    this.copied = moved(this.copied, new Uint8Array(mask + 1), from, to, count);
    this.mask = mask;
  }
}
