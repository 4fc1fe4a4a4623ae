// When the code of a simulated machine runs. A process can be frozen (stopped by a signal, starved of the processor): what is due meanwhile
// happens together when it goes on. A killed process never runs again, whatever was scheduled for it. Its clock can jump ahead of the world's,
// as that of a machine which slept.

import type { VirtualClock, VirtualTimer } from './virtual-clock.ts';

/** A callback that a {@link SimProcess} is still to run. */
export interface SimTimer {
  /** Prevents the call; does nothing when it has come. */
  cancel(): void;
}

/** Runs the callbacks of one process on a virtual clock. */
export class SimProcess {
  readonly #clock: VirtualClock;
  #frozenUntil = Number.NEGATIVE_INFINITY;
  #ahead = 0;
  #killed = false;
  #pending = 0;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** What the process takes for the time, in ms; never goes back. */
  get now(): number {
    return this.#clock.now + this.#ahead;
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
    timer = this.#clock.after(delay, fire);
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
