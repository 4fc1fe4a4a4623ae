// A floor for the retransmission timeout. KCP's estimator takes one RTT sample a packet and forgets variation within a few; where acknowledgements
// come in bursts (a receiver that reads 32 datagrams at a time, a process that had to wait for the processor) the timeout then runs out for segments
// that have long arrived: 29 % of all segments were sent twice over loopback on a busy machine. The floor is the longest time that an acknowledged
// transmission took within the last one to two seconds. Losses do not raise it, because an acknowledgement carries the time of its own transmission.

const PERIOD_MS = 1000;
/** A peer that echoes nonsense can not raise the floor beyond this, in ms. */
const MOST = 3000;

/** Keeps the longest acknowledgement time of the last one to two seconds. */
export class RtoFloor {
  #now = 0;
  #before = 0;
  #since = 0;

  /**
   * Takes the longest acknowledgement time of a turn.
   * @param slowest - ms, 0 when nothing was acknowledged
   * @returns the floor in whole ms
   */
  handleAck(now: number, slowest: number): number {
    if (now - this.#since >= PERIOD_MS) {
      this.#before = now - this.#since >= 2 * PERIOD_MS ? 0 : this.#now;
      this.#now = 0;
      this.#since = now;
    }
    this.#now = Math.max(this.#now, Math.min(MOST, slowest));
    return Math.max(this.#now, this.#before);
  }
}
