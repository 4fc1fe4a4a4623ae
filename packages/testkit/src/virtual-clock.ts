// An invented clock: time moves only when a test says so, from one scheduled event to the next. Events of equal time run
// in the order in which they were scheduled, so a run depends on nothing but its inputs. Every way of running is bounded:
// in virtual time by the caller, and in events per virtual millisecond here, which catches a loop that never moves on.

/** An event that is scheduled on a {@link VirtualClock}. */
export interface VirtualTimer {
  /** When it runs, in ms. */
  readonly at: number;
  /** Whether it is still to run: false once it runs or was cancelled. */
  readonly pending: boolean;
}

interface Event extends VirtualTimer {
  at: number;
  pending: boolean;
  order: number;
  run: () => void;
}

/** More events than this within one virtual millisecond mean that the code under test spins. */
const EVENTS_PER_MS_LIMIT = 1_000_000;

/** A clock in ms (fractions allowed) with a queue of events. */
export class VirtualClock {
  #now: number;
  #order = 0;
  #pending = 0;
  #running = false;
  #window = Number.NEGATIVE_INFINITY;
  #eventsInWindow = 0;
  readonly #heap: Event[] = [];

  /** @param start - the first time in ms (default 0) */
  constructor(start = 0) {
    this.#now = start;
  }

  /** The time in ms. */
  get now(): number {
    return this.#now;
  }

  /** Number of events that are still to run. */
  get pending(): number {
    return this.#pending;
  }

  /** When the next event runs, in ms; `undefined` when none is scheduled. */
  get next(): number | undefined {
    return this.#first()?.at;
  }

  /**
   * Schedules `run` at a time; a time that has passed means now, after everything that is already due.
   * @throws {RangeError} when `at` is no finite number
   */
  schedule(at: number, run: () => void): VirtualTimer {
    if (!Number.isFinite(at)) throw new RangeError(`at must be a finite time in ms, got ${at}`);
    const event: Event = { at: Math.max(at, this.#now), pending: true, order: this.#order++, run };
    this.#pending += 1;
    this.#push(event);
    return event;
  }

  /** Schedules `run` `delay` ms from now. */
  after(delay: number, run: () => void): VirtualTimer {
    return this.schedule(this.#now + delay, run);
  }

  /** Takes an event back; without effect once it ran. */
  cancel(timer: VirtualTimer | undefined): void {
    const event = timer as Event | undefined;
    if (event === undefined || !event.pending) return;
    event.pending = false;
    this.#pending -= 1;
  }

  /**
   * Runs everything that is due up to `time` and leaves the clock there.
   * @throws {RangeError} when `time` has passed
   */
  advanceTo(time: number): void {
    if (!(time >= this.#now)) throw new RangeError(`time must not be before ${this.#now}, got ${time}`);
    this.#run(time, undefined);
    this.#now = time;
  }

  /** Moves the clock on by `ms`; see {@link VirtualClock.advanceTo}. */
  advanceBy(ms: number): void {
    this.advanceTo(this.#now + ms);
  }

  /**
   * Runs until nothing is scheduled any more.
   * @param limit - the most virtual time in ms that this may take
   * @throws {Error} when something is still scheduled after that time
   */
  runUntilIdle(limit: number): void {
    const end = this.#now + limit;
    this.#run(end, undefined);
    if (this.#pending > 0) throw new Error(`still ${this.#pending} events after ${limit} ms of virtual time, the next at ${this.next} ms`);
  }

  /**
   * Runs until `condition` holds; it is asked before the first and after each event.
   * @param condition - of the state of the test
   * @param limit - the most virtual time in ms that this may take
   * @throws {Error} when the condition does not hold by then, or nothing is scheduled that could make it hold
   */
  runUntil(condition: () => boolean, limit: number): void {
    const end = this.#now + limit;
    if (this.#run(end, condition)) return;
    const why = this.#pending === 0 ? 'nothing is scheduled any more' : `the limit of ${limit} ms is reached`;
    throw new Error(`the condition does not hold at ${this.#now} ms and ${why}`);
  }

  #run(end: number, condition: (() => boolean) | undefined): boolean {
    if (this.#running) throw new Error('the clock is already running: an event must not run it');
    this.#running = true;
    try {
      for (;;) {
        if (condition?.() === true) return true;
        const event = this.#first();
        if (event === undefined || event.at > end) return false;
        this.#pop();
        this.#pending -= 1;
        event.pending = false;
        this.#now = event.at;
        this.#checkProgress();
        event.run();
      }
    } finally {
      this.#running = false;
    }
  }

  #checkProgress(): void {
    if (this.#now >= this.#window + 1) {
      this.#window = this.#now;
      this.#eventsInWindow = 0;
    }
    this.#eventsInWindow += 1;
    if (this.#eventsInWindow > EVENTS_PER_MS_LIMIT) {
      throw new Error(`more than ${EVENTS_PER_MS_LIMIT} events within 1 ms of virtual time at ${this.#now} ms`);
    }
  }

  /** The earliest event that was not cancelled; cancelled ones leave the heap when they come up. */
  #first(): Event | undefined {
    for (;;) {
      const event = this.#heap[0];
      if (event === undefined || event.pending) return event;
      this.#pop();
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (isBefore(heap[parent] as Event, event)) break;
      heap[index] = heap[parent] as Event;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Event;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = index * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child += 1;
      if (isBefore(last, heap[child] as Event)) break;
      heap[index] = heap[child] as Event;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
