// When the code of a simulated machine runs. A process can be frozen (stopped by a signal, starved of the processor): what is due meanwhile
// happens together when it goes on. A killed process never runs again, whatever was scheduled for it. Its clock can jump ahead of the world's,
// as that of a machine which slept. One that sleeps with its monotonic clock, as Linux does, finds its
// timers as far away as they were; only the time of day tells it.
//
// The world's clock stands still while an event runs. That of a process does not: each reading gives a
// later time than the one before, as a real clock does, so that code which compares two readings of one
// turn does here what it does there.

import type { Random } from './random.ts';
import type { VirtualClock, VirtualTimer } from './virtual-clock.ts';

/** A callback that a {@link SimProcess} is still to run. */
export interface SimTimer {
  /** Prevents the call; does nothing when it has come. */
  cancel(): void;
}

/** What happens between two readings of the clock takes at least this long, in ms. */
const STEP = 1 / 1024;
/** The shortest wait in ms: with less, rounding could keep the clock where it is. */
const LEAST_WAIT = 1e-6;

/** Runs the callbacks of one process on a virtual clock. */
export class SimProcess {
  readonly #clock: VirtualClock;
  #frozenUntil = Number.NEGATIVE_INFINITY;
  /** How far the clock is ahead of the world's, and how much of that it has jumped. */
  #ahead = 0;
  #jumped = 0;
  /** Until when the clock stands still, in the world's time. */
  #standsUntil = Number.NEGATIVE_INFINITY;
  #lastRead = Number.NEGATIVE_INFINITY;
  #killed = false;
  #pending = 0;
  #lateness: { readonly random: Random; readonly least: number; readonly most: number } | undefined;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  /** Time of day of the machine in ms: the world's time, and what the machine has jumped ahead. */
  get wallTime(): number {
    return this.#clock.now + this.#jumped;
  }

  /** The time of the process in ms, for whoever watches it; never goes back. */
  get now(): number {
    return Math.max(Math.max(this.#clock.now, this.#standsUntil) + this.#ahead, this.#lastRead);
  }

  /** The process looks at its clock: no two readings are equal. */
  readClock(): number {
    this.#lastRead = Math.max(this.now, this.#lastRead + STEP);
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

  /**
   * Timers fire late from now on, as those of real programs do: each by `least` to `most` ms, drawn from `random`.
   * What has no delay (what came in) is not late.
   */
  beLate(random: Random, least: number, most: number): void {
    this.#lateness = { random, least, most };
  }

  /** Puts the process's clock forward by `ms`, timers stay where they are: the time of a machine that slept. */
  jump(ms: number): void {
    this.#ahead += ms;
    this.#jumped += ms;
  }

  /** The machine sleeps for `ms`: nothing runs, its clock and timers stand still, the time of day goes on. */
  suspend(ms: number): void {
    const from = Math.max(this.#clock.now, this.#standsUntil);
    this.#standsUntil = Math.max(this.#standsUntil, this.#clock.now + ms);
    this.#ahead -= this.#standsUntil - from;
    this.freeze(ms);
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
    const late = this.#lateness;
    const wait = late === undefined || delay === 0 ? delay : delay + late.least + (late.most - late.least) * late.random.float();
    const due = this.now + wait;
    const fire = (): void => {
      if (this.#killed) return;
      if (!this.running) {
        timer = this.#clock.schedule(this.#frozenUntil, fire);
        return;
      }
      if (this.#standsUntil > Number.NEGATIVE_INFINITY && this.now < due) {
        timer = this.#clock.after(Math.max(LEAST_WAIT, due - this.now), fire);
        return;
      }
      timer = undefined;
      this.#pending -= 1;
      callback();
    };
    this.#pending += 1;
    // From the time that the process knows: a timer never fires before its deadline.
    const behind = due - wait - this.#ahead - this.#clock.now;
    timer = this.#clock.after(wait > 0 ? Math.max(LEAST_WAIT, behind + wait) : 0, fire);
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
