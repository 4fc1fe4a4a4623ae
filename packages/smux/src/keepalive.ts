// When to send NOP and when to give the peer up (PROTOCOL smux §6). The only timers of a session; both are fixed periods
// from the start of the session, and a check that comes late is not made up for: a process or machine that slept has heard nobody.

import type { SmuxConfig } from './config.ts';

/** A check that comes this much too late, in ms, blames nobody. */
const OVERSLEPT = 2000;

/** The two periods of a session. */
export class Keepalive {
  readonly #interval: number;
  readonly #timeout: number;
  #nextNop: number;
  #nextCheck: number;
  #heard = false;

  constructor(config: SmuxConfig, now: number) {
    this.#interval = config.keepAliveInterval;
    this.#timeout = config.keepAliveTimeout;
    this.#nextNop = now + this.#interval;
    this.#nextCheck = now + this.#timeout;
  }

  /** When to come back, in ms; `undefined` when keepalive is off. */
  get next(): number | undefined {
    return this.#interval === 0 ? undefined : Math.min(this.#nextNop, this.#nextCheck);
  }

  /** A frame header or some payload has arrived. */
  heard(): void {
    this.#heard = true;
  }

  /** Whether a NOP is due. */
  nopDue(now: number): boolean {
    if (this.#interval === 0 || now < this.#nextNop) return false;
    this.#nextNop = later(this.#nextNop, this.#interval, now);
    return true;
  }

  /** Whether the check is due and finds the peer dead; `listening` is false while the session itself takes no input. */
  peerDead(now: number, listening: boolean): boolean {
    if (this.#interval === 0 || now < this.#nextCheck) return false;
    const overslept = now - this.#nextCheck > OVERSLEPT;
    this.#nextCheck = later(this.#nextCheck, this.#timeout, now);
    const heard = this.#heard;
    this.#heard = false;
    return listening && !heard && !overslept;
  }
}

function later(due: number, period: number, now: number): number {
  return due + period > now ? due + period : now + period;
}
