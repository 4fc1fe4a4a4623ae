// What one session may have in flight and how long it waits for acknowledgements, from what was
// acknowledged: its own limit (inflight.ts), its part of what the sessions to one place may have
// together (flight-budget.ts), and the least retransmission timeout (rto-floor.ts). In mode `auto` the
// sender has found all of that itself, and only the room for the writer is decided here.

import type { Kcp } from '@kcptun/kcp-core';
import type { FlightBudget, FlightUser } from './flight-budget.ts';
import { InflightLimit } from './inflight.ts';
import type { SessionParameters } from './parameters.ts';
import { RtoFloor } from './rto-floor.ts';

/**
 * Segments that may wait unsent beyond what may be in flight: enough to fill the next flush, no more,
 * because they only add delay.
 */
const QUEUE_SLACK = 64;
/** In mode `auto`: so many segments, or what leaves in so many ms. */
const AUTO_QUEUE_LEAST = 16;
const AUTO_QUEUE_MS = 5;

/** The limits of one session's KCP that follow its path. */
export class SessionFlight implements FlightUser {
  flight = 0;
  granted = 0;
  inLine = false;
  closed = false;
  /** The budget lets the session send more. */
  readonly wake: () => void;
  readonly #kcp: Kcp;
  readonly #budget: FlightBudget | undefined;
  readonly #inflight: InflightLimit;
  readonly #rtoFloor: RtoFloor = new RtoFloor();
  readonly #minRto: number;
  #ackedBefore = 0;
  #retransBefore = 0;

  /** @param wake - called when the budget lets the session send more */
  constructor(kcp: Kcp, parameters: SessionParameters, budget: FlightBudget | undefined, wake: () => void) {
    this.#kcp = kcp;
    this.#budget = budget;
    this.wake = wake;
    this.#minRto = kcp.minRto;
    this.#inflight = new InflightLimit(parameters.inflightFloor, parameters.interval);
    if (kcp.auto === undefined) kcp.inflightLimit = this.#inflight.limit;
  }

  /** The session's own limit, in segments. */
  get limit(): number {
    return this.#kcp.auto?.controller.cwnd ?? this.#inflight.limit;
  }

  /** Segments that are welcome now; 0 or less: none. */
  get room(): number {
    const kcp = this.#kcp;
    if (kcp.auto !== undefined) {
      const queue = Math.max(AUTO_QUEUE_LEAST, kcp.auto.controller.pacing * AUTO_QUEUE_MS);
      return Math.floor(queue) - (kcp.waitSnd - kcp.inflight);
    }
    return Math.min(kcp.sndWnd, kcp.inflightLimit + Math.min(kcp.inflightLimit, QUEUE_SLACK)) - kcp.waitSnd;
  }

  /** Once per turn, before the flush: follows what was acknowledged. */
  adapt(now: number): void {
    const kcp = this.#kcp;
    if (kcp.auto !== undefined) return;
    const acked = kcp.delivered;
    const retrans = kcp.stats.retransSegs;
    if (acked === this.#ackedBefore && retrans === this.#retransBefore) return;
    const newlyAcked = acked - this.#ackedBefore;
    const outstanding = kcp.inflight - kcp.ackedAhead + newlyAcked;
    const lost = retrans - this.#retransBefore;
    this.#inflight.handleAcks(now, newlyAcked, lost, kcp.srtt, outstanding);
    this.#ackedBefore = acked;
    this.#retransBefore = retrans;
    const budget = this.#budget;
    if (budget !== undefined) {
      budget.handleAcks(now, newlyAcked, lost, kcp.srtt);
      budget.report(this, kcp.inflight - kcp.ackedAhead);
    }
    kcp.minRto = Math.max(this.#minRto, this.#rtoFloor.handleAcks(now, kcp.ackTimes) + kcp.interval);
  }

  /**
   * Sets how many segments may be in flight. The window reaches back to the first hole: what was
   * acknowledged behind it is not on the wire any more.
   */
  apply(): void {
    const kcp = this.#kcp;
    if (kcp.auto !== undefined) return;
    const own = this.#inflight.limit;
    const budget = this.#budget;
    kcp.inflightLimit = (budget === undefined ? own : Math.min(own, budget.allowance(this, kcp.waitSnd - kcp.ackedAhead))) + kcp.ackedAhead;
  }

  /**
   * After a flush: tells the budget what is in flight now, and whether more would be if others had
   * less. What goes to a peer that does not answer any more is not on the wire for long, and must
   * not keep others waiting.
   * @param doubted - whether the peer does not answer
   * @param wantsRoom - whether the writer waits for room
   */
  share(doubted: boolean, wantsRoom: boolean): void {
    const budget = this.#budget;
    const kcp = this.#kcp;
    if (budget === undefined || kcp.auto !== undefined) return;
    const outstanding = kcp.inflight - kcp.ackedAhead;
    budget.settle(this);
    budget.report(this, doubted ? 0 : outstanding);
    const more = wantsRoom || kcp.waitSnd > kcp.inflight;
    if (more && kcp.inflight >= kcp.inflightLimit && outstanding < this.#inflight.limit) budget.queue(this);
  }

  /** The session has ended: others get its part. */
  release(): void {
    this.closed = true;
    this.#budget?.settle(this);
    this.#budget?.report(this, 0);
  }
}
