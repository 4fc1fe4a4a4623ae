// When the code of a simulated machine runs. A process can be frozen (stopped by a signal, starved of the processor): what is due meanwhile
// happens together when it goes on. A killed process never runs again, whatever was scheduled for it. Its clock can jump ahead of the world's,
// as that of a machine which slept.
//
// The world's clock stands still while an event runs. That of a process does not: each reading gives a
// later time than the one before, as a real clock does, so that code which compares two readings of one
// turn does here what it does there.

import type { VirtualClock, VirtualTimer } from './virtual-clock.ts';

/** A callback that a {@link SimProcess} is still to run. */
export interface SimTimer {
  /** Prevents the call; does nothing when it has come. */
  cancel(): void;
}

/** What happens between two readings of the clock takes at least this long, in ms. */
const STEP = 1 / 1024;

/** Runs the callbacks of one process on a virtual clock. */
export class SimProcess {
  readonly #clock: VirtualClock;
  #frozenUntil = Number.NEGATIVE_INFINITY;
  #ahead = 0;
  #lastRead = Number.NEGATIVE_INFINITY;
  #killed = false;
  #pending = 0;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** The time of the process in ms, for whoever watches it; never goes back. */
  get now(): number {
    return Math.max(this.#clock.now + this.#ahead, this.#lastRead);
  }

  /** The process looks at its clock: no two readings are equal. */
  readClock(): number {
    this.#lastRead = Math.max(this.#clock.now + this.#ahead, this.#lastRead + STEP);
    return this.#lastRead;
  }

  /** Whether it can run now. */
  get running(): boolean {
    return !this.#killed && this.#clock.now >= this.#frozenUntil;
  }

  /** Callbacks that are still to run. */
  get pending(): number {
    return this.#pending;
  }

  /** Runs nothing for `ms` from now on; what becomes due meanwhile runs then, in the order in which it became due. */
  freeze(ms: number): void {
    this.#frozenUntil = Math.max(this.#frozenUntil, this.#clock.now + ms);
  }

  /** Puts the process's clock forward by `ms`, timers stay where they are: the time of a machine that slept. */
  jump(ms: number): void {
    this.#ahead += ms;
  }

  /** Ends the process. */
  kill(): void {
    this.#killed = true;
    this.#pending = 0;
  }

  /** Runs `callback` in `delay` ms, or later when the process is frozen then. */
  after(delay: number, callback: () => void): SimTimer {
    if (this.#killed) return { cancel: () => {} };
    let timer: VirtualTimer | undefined;
    const fire = (): void => {
      if (this.#killed) return;
      if (!this.running) {
        timer = this.#clock.schedule(this.#frozenUntil, fire);
        return;
      }
      timer = undefined;
      this.#pending -= 1;
      callback();
    };
    this.#pending += 1;
    // From the time that the process knows: a timer never fires before its deadline.
    const behind = this.now - this.#ahead - this.#clock.now;
    timer = this.#clock.after(delay > 0 ? behind + delay : 0, fire);
    return {
      cancel: () => {
        if (timer === undefined) return;
        this.#clock.cancel(timer);
        timer = undefined;
        if (!this.#killed) this.#pending -= 1;
      },
    };
  }
}
