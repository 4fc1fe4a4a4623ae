// How many segments may be on the wire unanswered, beside the windows. A window of 8192 put on the wire in one turn overflows
// the peer's socket buffer (measured: 246 MB/s with a cap of 2048 segments where there is no segmentation offload, 91 to 136 without),
// and every queued packet adds to the RTT, which ends in spurious retransmits.
//
//   limit = shrink x max(floor, 2 x rate x (least RTT + interval)),   shrink = 1 ... 1/2, smaller after bursts of losses
//
// The least RTT of the last ten seconds, not the smoothed one: that grows with the queue which the limit is to prevent.
// Factor 2 lets the limit double each round trip, so that it never holds a long path back: the floor alone fills 2048 segments a round trip,
// and whatever is delivered of it raises the limit. A path which always loses a fifth of everything must not be throttled further and
// further: the rate counts lost segments too, the shrinking ends at one half, and a round in which something else held the sender back (the
// window waiting for one segment that was lost again and again, or nothing to send) does not lower the limit.

const RTT_WINDOW_MS = 10_000;
const MIN_SAMPLE_MS = 10;
/** A round with more than this share of its delivered segments lost counts as a burst. */
const LOSS_BURST = 0.2;
const SHRINK_STEP = 0.8;
const SHRINK_LEAST = 0.5;

/** Estimates the in-flight limit of one session from what is acknowledged. */
export class InflightLimit {
  /** The present limit in segments. */
  limit: number;
  readonly #floor: number;
  readonly #interval: number;
  #leastRtt: number = Number.POSITIVE_INFINITY;
  #leastRttNext: number = Number.POSITIVE_INFINITY;
  #leastRttSince: number = Number.NEGATIVE_INFINITY;
  #sampleStart: number = Number.NEGATIVE_INFINITY;
  #delivered = 0;
  #lost = 0;
  #mostOutstanding = 0;
  #shrink = 1;

  /**
   * @param floor - segments that are always allowed, as long as no burst of losses is seen
   * @param interval - ms between periodic flushes: acknowledgements may wait that long at the peer
   */
  constructor(floor: number, interval: number) {
    this.#floor = floor;
    this.#interval = interval;
    this.limit = floor;
  }

  /**
   * Takes what one batch of datagrams acknowledged.
   * @param acked - segments newly acknowledged
   * @param lost - segments retransmitted since the last call
   * @param srtt - smoothed RTT in ms
   * @param outstanding - segments that were on the wire unacknowledged before
   */
  handleAcks(now: number, acked: number, lost: number, srtt: number, outstanding: number): void {
    this.#mostOutstanding = Math.max(this.#mostOutstanding, outstanding);
    this.#delivered += acked;
    this.#lost += lost;
    this.#leastRttNext = Math.min(this.#leastRttNext, srtt);
    if (now - this.#leastRttSince > RTT_WINDOW_MS) {
      this.#leastRtt = this.#leastRttNext;
      this.#leastRttNext = srtt;
      this.#leastRttSince = now;
    } else {
      this.#leastRtt = Math.min(this.#leastRtt, srtt);
    }
    const elapsed = now - this.#sampleStart;
    if (elapsed < Math.max(MIN_SAMPLE_MS, srtt)) return;
    const burst = this.#lost > 16 && this.#lost > this.#delivered * LOSS_BURST;
    this.#shrink = burst ? Math.max(SHRINK_LEAST, this.#shrink * SHRINK_STEP) : Math.min(1, this.#shrink / SHRINK_STEP);
    // A sample that covers an idle time says nothing about the path.
    if (elapsed < 4 * Math.max(MIN_SAMPLE_MS, srtt)) {
      const rate = (this.#delivered + this.#lost) / elapsed;
      const wanted = Math.max(this.#floor, 2 * rate * (this.#leastRtt + this.#interval));
      const next = Math.floor(wanted * this.#shrink);
      if (next > this.limit || this.#mostOutstanding >= this.limit) this.limit = next;
    }
    this.#mostOutstanding = 0;
    this.#sampleStart = now;
    this.#delivered = 0;
    this.#lost = 0;
  }
}
