// When a segment is sent more than once at a time. A copy is the same transmission once more: it costs
// load, and nothing waits for it.
//
//   a retransmission   when the hole would close the window before another round trip can repair it
//   the end of a burst when nothing follows that could tell of its loss

/** Most copies of a retransmission. */
const COPIES_MOST = 3;
/** Round trips that a hole must leave, so that no copy is needed; below `URGENT` it closes the window soon. */
const PATIENT = 1.5;
const URGENT = 0.8;
/** With copies, a further miss is at most this likely. */
const MISS = 0.05;
const MISS_URGENT = 0.0005;
/** Loss that is assumed at least. */
const LOSS_LEAST = 0.001;
/** Share of the rate, and full datagrams at once, that copies of the ends of bursts may take. */
const TAIL_SHARE = 0.05;
const TAIL_MOST = 6;
/** The end of a burst is copied above this loss, twice above the other. */
const TAIL_LOSS = 0.002;
const TAIL_LOSS_HIGH = 0.005;

/**
 * Copies of a retransmission.
 * @param left - round trips until the hole closes the window
 * @param loss - share that the path loses, 0..1
 */
export function retransmissionCopies(left: number, loss: number): number {
  if (!(left < PATIENT)) return 0;
  const miss = left < URGENT ? MISS_URGENT : MISS;
  const needed = Math.ceil(Math.log(miss) / Math.log(Math.max(loss, LOSS_LEAST)));
  return Math.min(COPIES_MOST, needed - 1);
}

/** Copies of a segment at the end of a burst. */
export function tailCopies(loss: number): number {
  if (loss < TAIL_LOSS) return 0;
  return loss > TAIL_LOSS_HIGH ? 2 : 1;
}

/** What copies of the ends of bursts may still cost, in full datagrams. */
export class TailBudget {
  #left: number = TAIL_MOST;
  #at = 0;

  /** Earns a share of what `rate` has brought since the last call. */
  refill(now: number, rate: number): void {
    this.#left = Math.min(TAIL_MOST, this.#left + (now - this.#at) * rate * TAIL_SHARE);
    this.#at = now;
  }

  /** Spends `cost`; returns false when there is not enough. */
  spend(cost: number): boolean {
    if (this.#left < cost) return false;
    this.#left -= cost;
    return true;
  }
}
