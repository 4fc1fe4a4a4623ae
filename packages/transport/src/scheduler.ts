// One timer of the host for everything that waits: sockets with their sessions, keepalives, re-dials. Nothing waits: no timer.

import { Deadlines, type HasDeadline } from '@kcptun/common';
import type { Host, HostTimer } from './host.ts';

/** The longest timer that Node can set, in ms; a later deadline takes more than one. */
const LONGEST_TIMER = 0x7fff_ffff;

/** Something that wants to be called at a time. */
export interface Task extends HasDeadline {
  /** The deadline has come; the task has none now and may set another. It may have been withdrawn just before, by a task that was due too. */
  onDue(now: number): void;
}

/** Calls tasks when they are due, with one timer. */
export class Scheduler {
  readonly #host: Host;
  readonly #tasks: Deadlines<Task> = new Deadlines();
  #timer: HostTimer | undefined;
  #armedFor = Number.POSITIVE_INFINITY;
  #running = false;

  constructor(host: Host) {
    this.#host = host;
  }

  /** Number of tasks that wait. */
  get length(): number {
    return this.#tasks.length;
  }

  /** Sets, moves or (with `undefined`) removes the deadline of a task, in ms of the host's clock. */
  set(task: Task, deadline: number | undefined): void {
    this.#tasks.set(task, deadline);
    if (!this.#running) this.#arm();
  }

  #arm(): void {
    const next = this.#tasks.next;
    if (next === undefined) {
      this.#disarm();
      return;
    }
    // A timer that is armed for an earlier time is left alone: it finds nothing due and arms itself anew. Moving deadlines on, which
    // happens on every batch, thus costs no timer operation.
    if (this.#armedFor <= next) return;
    this.#disarm();
    this.#armedFor = next;
    this.#timer = this.#host.setTimer(Math.min(LONGEST_TIMER, Math.max(0, next - this.#host.now())), this.#fire);
  }

  #disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
  }

  readonly #fire = (): void => {
    this.#timer = undefined;
    this.#armedFor = Number.POSITIVE_INFINITY;
    const now = this.#host.now();
    // All that is due first, so that a task which asks for the same time again waits for the next timer.
    const due: Task[] = [];
    for (let task = this.#tasks.pollDue(now); task !== undefined; task = this.#tasks.pollDue(now)) due.push(task);
    this.#running = true;
    let next = 0;
    try {
      while (next < due.length) (due[next++] as Task).onDue(now);
    } finally {
      this.#running = false;
      // After an exception of one the others are still due.
      for (const task of due.slice(next)) if (task.deadlineIndex < 0) this.#tasks.set(task, now);
      this.#arm();
    }
  };
}
