// What the sessions of a client may have on the wire together. Each has a limit of its own (inflight.ts), but a thousand of them that begin at one
// time overflow the one socket buffer that all of their datagrams go to: whole trains are lost, and waited for until they time out.
//
//   room for all                  every session sends what its own limit lets out
//   none left                     whoever has more than SMALL segments to send waits in line for a QUANTUM
//   acknowledgements make room    those in front are woken, one for each QUANTUM: few sessions with long trains, not all with short ones
//
// Small messages never wait. What is on the way to a peer that does not answer does not count, so that nobody is held up for good.

import { Ring } from '@kcptun/common';
import { InflightLimit } from './inflight.ts';

/** A session with so few segments to send does not wait. */
const SMALL = 2;
/** Segments that a session gets at a time while others wait: with parity more than the longest train. */
const QUANTUM = 64;

/** A session, as the budget sees it. */
export interface FlightUser {
  /** Segments in flight that the budget knows of. */
  flight: number;
  /** Segments it may send beyond those, once. */
  granted: number;
  /** Whether it stands in line. */
  inLine: boolean;
  readonly closed: boolean;
  /** It may send more now: `granted` was set. */
  wake(): void;
}

/** The common limit of sessions with the same destination. */
export class FlightBudget {
  readonly #limit: InflightLimit;
  readonly #line: Ring<FlightUser> = new Ring();
  #outstanding = 0;
  #promised = 0;

  /** @param floor - segments that are always allowed together, as long as no burst of losses is seen */
  constructor(floor: number) {
    // Without the peer's interval: among many sessions some packet always makes it answer at once, or its time is part of the RTT.
    this.#limit = new InflightLimit(floor, 0);
  }

  /**
   * Segments that a session may have in flight now.
   * @param waiting - those it has sent and not heard of, and those that it has to send
   */
  allowance(user: FlightUser, waiting: number): number {
    if (user.granted > 0) return user.flight + user.granted;
    const free = this.#line.length > 0 ? 0 : this.#limit.limit - this.#outstanding - this.#promised;
    if (free <= 0) return waiting <= SMALL ? SMALL : 0;
    return user.flight + free;
  }

  /** A session has so many segments in flight now. */
  report(user: FlightUser, outstanding: number): void {
    this.#outstanding += outstanding - user.flight;
    user.flight = outstanding;
  }

  /** A session has used what it was granted, or does not need it. */
  settle(user: FlightUser): void {
    this.#promised -= user.granted;
    user.granted = 0;
  }

  /** A session has more to send than it is allowed. */
  queue(user: FlightUser): void {
    if (user.inLine) return;
    user.inLine = true;
    this.#line.push(user);
  }

  /** Takes what one turn of a session has seen acknowledged; it is what the limit of each session gets too. */
  handleAcks(now: number, acked: number, lost: number, srtt: number): void {
    this.#limit.handleAcks(now, acked, lost, srtt, this.#outstanding);
  }

  /** Wakes those in front of the line while there is room. */
  grant(): void {
    const limit = this.#limit.limit;
    const least = Math.min(QUANTUM, limit);
    while (this.#line.length > 0 && limit - this.#outstanding - this.#promised >= least) {
      const user = this.#line.shift() as FlightUser;
      user.inLine = false;
      if (user.closed) continue;
      user.granted = QUANTUM;
      this.#promised += QUANTUM;
      user.wake();
    }
  }
}
