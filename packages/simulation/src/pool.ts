// Threads that run plans. A run that never returns is a finding like any other: its thread is ended and replaced.

import { Worker } from 'node:worker_threads';
import type { LinePlan } from './lines/plan.ts';
import type { Outcome } from './outcome.ts';
import type { Plan } from './plan.ts';

/** A run that takes longer than this, in ms of real time, spins. */
const HANG_TIME = 120_000;

/** Runs plans on several threads. */
export class Pool {
  readonly #idle: Worker[] = [];
  readonly #waiting: ((worker: Worker) => void)[] = [];
  readonly #all: Set<Worker> = new Set();

  /** @param size - number of threads */
  constructor(size: number) {
    for (let index = 0; index < size; index++) this.#idle.push(this.#create());
  }

  /** Runs a plan on the next thread that is free. */
  async run(plan: Plan | LinePlan): Promise<Outcome> {
    let worker = this.#idle.pop() ?? (await new Promise<Worker>((resolve) => this.#waiting.push(resolve)));
    try {
      return await outcomeOf(worker, plan);
    } catch (error) {
      this.#all.delete(worker);
      void worker.terminate();
      worker = this.#create();
      const text = error instanceof Error ? error.message : String(error);
      return { violations: [{ oracle: 'hang', text, at: 0 }], digest: '', elapsed: 0, datagrams: 0, delivered: 0 };
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#idle.push(worker);
      else next(worker);
    }
  }

  /** Ends all threads. */
  async close(): Promise<void> {
    await Promise.all([...this.#all].map((worker) => worker.terminate()));
  }

  #create(): Worker {
    const worker = new Worker(new URL('./worker.js', import.meta.url));
    this.#all.add(worker);
    return worker;
  }
}

function outcomeOf(worker: Worker, plan: Plan | LinePlan): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      worker.off('message', done);
      worker.off('error', failed);
      act();
    };
    const done = (outcome: Outcome): void => settle(() => resolve(outcome));
    const failed = (error: Error): void => settle(() => reject(error));
    const timer = setTimeout(() => failed(new Error(`no end after ${HANG_TIME / 1000} s`)), HANG_TIME);
    worker.on('message', done);
    worker.on('error', failed);
    worker.postMessage(plan);
  });
}
