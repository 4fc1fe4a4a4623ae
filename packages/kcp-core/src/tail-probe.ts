// When the end of a burst is looked after before its timeout. Segments at the end have none behind them whose acknowledgements would have them sent
// again early, and with FEC their group has no parity yet. That is where transfers wait: the sender has used up the peer's window, or a single
// message was all there was to send; and a timeout is many round trips where the path is short, because its floor allows for the slowest
// acknowledgement. A probe is a segment that is sent again without being taken for lost:
//
//   last transmission or progress + max(2 srtt, srtt + max(interval, 4 rttvar)) x 1, 2, 4, ... until something is acknowledged
//
// The original has nothing like it; its timers stay as they are, and what the peer sees is a retransmission.

import type { RttEstimator } from './rtt.ts';

/** Doublings of the wait after which timeouts alone go on. */
const MOST_PROBES = 8;

/** The probe timer of one sender. */
export class TailProbe {
  /** When to probe, ms; `Infinity`: not at all. */
  at: number = Number.POSITIVE_INFINITY;
  /** When anything was transmitted last, ms. */
  lastSent = 0;
  #delivered = 0;
  #since = 0;
  #count = 0;

  /**
   * Ends a full flush: sets {@link at} anew.
   * @param delivered - segments acknowledged so far
   * @returns whether a probe is due now
   */
  poll(cur: number, delivered: number, rtt: RttEstimator, interval: number): boolean {
    if (delivered !== this.#delivered) {
      this.#delivered = delivered;
      this.#since = cur;
      this.#count = 0;
    }
    // Without a sample nothing is known of the path.
    if (delivered === 0 || this.#count >= MOST_PROBES) {
      this.at = Number.POSITIVE_INFINITY;
      return false;
    }
    const wait = Math.max(2 * rtt.srtt, rtt.srtt + Math.max(interval, 4 * rtt.rttvar));
    this.at = Math.max(this.lastSent, this.#since) + wait * 2 ** this.#count;
    if (cur < this.at) return false;
    this.#count += 1;
    this.at = this.#count < MOST_PROBES ? cur + wait * 2 ** this.#count : Number.POSITIVE_INFINITY;
    return true;
  }

  /** Nothing is in flight. */
  rest(): void {
    this.at = Number.POSITIVE_INFINITY;
  }
}
