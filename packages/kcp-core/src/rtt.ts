// Round-trip estimation and the retransmission timeout (PROTOCOL kcp §7): the integer form of RFC 6298 that kcp-go uses.
// All arithmetic is signed 32-bit, because the golden traces depend on the roundings.

import { RTO_DEF, RTO_MAX, RTO_MIN } from './constants.ts';

/** Smoothed round-trip time, its variation and the timeout that follows from them. */
export class RttEstimator {
  /** Smoothed round-trip time in ms, 0 before the first sample. */
  srtt = 0;
  /** Variation of the round-trip time in ms. */
  rttvar = 0;
  /** Retransmission timeout of a segment that is sent now, in ms. */
  rto: number = RTO_DEF;
  /** Least timeout in ms. */
  minrto: number = RTO_MIN;

  /** Takes a sample of `rtt` >= 0 ms; `interval` is the flush interval in ms, the least allowance for the peer's delay. */
  update(rtt: number, interval: number): void {
    if (this.srtt === 0) {
      this.srtt = rtt;
      this.rttvar = rtt >> 1;
    } else {
      const delta = (rtt - this.srtt) | 0;
      this.srtt = (this.srtt + (delta >> 3)) | 0;
      const distance = delta < 0 ? -delta | 0 : delta;
      // A sample far below the mean must not widen the timeout much: 1/32 instead of 1/4.
      const shift = rtt < ((this.srtt - this.rttvar) | 0) ? 5 : 2;
      this.rttvar = (this.rttvar + (((distance - this.rttvar) | 0) >> shift)) | 0;
    }
    const margin = Math.max(interval, (this.rttvar << 2) >>> 0);
    const rto = ((this.srtt >>> 0) + margin) >>> 0;
    this.rto = Math.min(Math.max(this.minrto, rto), RTO_MAX);
  }
}
