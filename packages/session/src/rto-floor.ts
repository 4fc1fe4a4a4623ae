// A floor for the retransmission timeout. KCP's estimator takes one RTT sample a packet and forgets variation within a few; where acknowledgements
// come in bursts (a receiver that reads 32 datagrams at a time, a process that had to wait for the processor) the timeout then runs out for segments
// that have long arrived: 29 % of all segments were sent twice over loopback on a busy machine. The floor is the longest time that an acknowledged
// transmission took within the last one to two seconds. Losses do not raise it, because an acknowledgement carries the time of its own transmission.
//
// Late acknowledgements, those that come after that of a later transmission, count only while they are many, because the path reorders. Few of them are
// segments that the peer's FEC rebuilt, as late as their parity: in a quiet conversation that raised the timeout from one round trip to half a second,
// and with it the wait for whatever was lost next.

import { AckTimes } from '@kcptun/kcp-core';

const PERIOD_MS = 1000;
/** A peer that echoes nonsense cannot raise the floor beyond this, in ms. */
const MOST = 3000;
/** Late acknowledgements count when they are more than one in this many. */
const LATE_ONE_IN = 4;

/** Keeps the longest acknowledgement time of the last one to two seconds. */
export class RtoFloor {
  #now: AckTimes = new AckTimes();
  #before: AckTimes = new AckTimes();
  #since = 0;

  /**
   * Takes the acknowledgements of a turn, resets them, and decides whether late ones are samples of the round-trip time.
   * @returns the floor in whole ms
   */
  handleAcks(now: number, times: AckTimes): number {
    if (now - this.#since >= PERIOD_MS) this.#turn(now);
    const period = this.#now;
    const before = this.#before;
    period.add(times);
    times.reset();
    times.samplesLate = (period.late + before.late) * LATE_ONE_IN > period.count + before.count;
    let floor = Math.max(period.slowest, before.slowest);
    if (times.samplesLate) floor = Math.max(floor, period.slowestLate, before.slowestLate);
    return Math.min(MOST, floor);
  }

  #turn(now: number): void {
    const ended = this.#now;
    this.#now = this.#before;
    this.#before = ended;
    this.#now.reset();
    if (now - this.#since >= 2 * PERIOD_MS) this.#before.reset();
    this.#since = now;
  }
}
