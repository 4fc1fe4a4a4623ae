// The congestion window of kcp-go and ikcp for nc = 0 (PROTOCOL kcp §8.6, §9): slow start, then about one segment per
// round trip; halved on fast retransmission, down to one segment on timeout. u32 arithmetic, its wraps included.

import type { CongestionController } from './congestion.ts';
import { THRESH_MIN } from './constants.ts';

/** kcp-go's window, exactly. The default controller while nc = 0. */
export class RenoCongestion implements CongestionController {
  /** Congestion window in segments; 0 until the first flush. */
  cwnd = 0;
  /** Slow start threshold in segments. */
  ssthresh: number = THRESH_MIN;
  /** The window in bytes, as far as it has grown towards the next segment. */
  incr = 0;

  /** Lets the window grow once per packet that acknowledged something. */
  onInputEnd(unaAdvanced: boolean, rmtWnd: number, mss: number): void {
    if (!unaAdvanced || this.cwnd >= rmtWnd) return;
    if (this.cwnd < this.ssthresh) {
      this.cwnd = (this.cwnd + 1) >>> 0;
      this.incr = (this.incr + mss) >>> 0;
    } else {
      if (this.incr < mss) this.incr = mss;
      this.incr = (this.incr + Math.floor((mss * mss) / this.incr) + (mss >>> 4)) >>> 0;
      if (Math.imul(this.cwnd + 1, mss) >>> 0 <= this.incr) {
        this.cwnd = Math.floor(((this.incr + mss - 1) >>> 0) / mss);
      }
    }
    if (this.cwnd > rmtWnd) {
      this.cwnd = rmtWnd;
      this.incr = Math.imul(rmtWnd, mss) >>> 0;
    }
  }

  /** Shrinks the window after losses. */
  onFlushEnd(fast: number, early: number, timeouts: number, inflight: number, window: number, resent: number, mss: number): void {
    if (fast + early > 0) {
      this.ssthresh = Math.max(inflight >>> 1, THRESH_MIN);
      this.cwnd = (this.ssthresh + resent) >>> 0;
      this.incr = Math.imul(this.cwnd, mss) >>> 0;
    }
    if (timeouts > 0) {
      this.ssthresh = Math.max(window >>> 1, THRESH_MIN);
      this.cwnd = 1;
      this.incr = mss;
    }
    if (this.cwnd < 1) {
      this.cwnd = 1;
      this.incr = mss;
    }
  }
}
