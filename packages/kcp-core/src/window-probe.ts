// When to ask for the peer's closed window (PROTOCOL kcp §8.2): first after 500 ms, then at waits that grow by half.

import { PROBE_INIT, PROBE_LIMIT } from './constants.ts';

/** The probe timer of one conversation. */
export class WindowProbe {
  /** Wait until the next question in ms, 0 while the peer's window is open. */
  wait = 0;
  /** When the next question is due, ms. */
  at = 0;

  /** Looks at the timer in the course of a flush; returns whether to ask now. */
  poll(cur: number, rmtWnd: number): boolean {
    if (rmtWnd !== 0) {
      this.wait = 0;
      this.at = 0;
      return false;
    }
    const first = this.wait === 0;
    if (!first && cur < this.at) return false;
    this.wait = first ? PROBE_INIT : Math.min(this.wait + (this.wait >>> 1), PROBE_LIMIT);
    this.at = cur + this.wait;
    return !first;
  }
}
