// What an exception of one receiver or task may cost: that one's turn, never a timer or the others.

import { SimWorld } from '@kcptun/testkit';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { ReceiveQueue } from '../src/node/receive-queue.ts';
import { Scheduler, type Task } from '../src/scheduler.ts';

const thrown: string[] = [];
let listeners: NodeJS.UncaughtExceptionListener[] = [];
beforeEach(() => {
  thrown.length = 0;
  listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => thrown.push(error.message));
});
afterEach(() => {
  process.removeAllListeners('uncaughtException');
  for (const listener of listeners) process.on('uncaughtException', listener);
});

/** Blocks until timers of 0 ms that exist now are due: they then fire in one phase of the event loop. */
const passTimers = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);

const failing = (text: string) => ({
  deliver: () => {
    throw new Error(text);
  },
});

it('calls a timer behind a receiver that throws, once, and the other receivers before it', async () => {
  const queue = new ReceiveQueue();
  const calls: string[] = [];
  await new Promise<void>((done) => {
    queue.setTimer(0, () => {
      calls.push('timer');
      done();
    });
    // In the same phase as the timer, so that it is the timer that drains.
    setTimeout(() => {
      queue.wake(failing('one'));
      queue.wake({ deliver: () => calls.push('other') });
    }, 0);
    passTimers();
  });
  expect(calls).toEqual(['other', 'timer']);
  expect(thrown).toEqual(['one']);
});

it('calls no timer that was cancelled between', async () => {
  const queue = new ReceiveQueue();
  const called = vi.fn();
  const timer = queue.setTimer(0, called);
  await new Promise<void>((done) => {
    setTimeout(() => {
      queue.wake({
        deliver: () => {
          timer.cancel();
          setTimeout(done, 5);
          throw new Error('one');
        },
      });
    }, 0);
    passTimers();
  });
  expect(called).not.toHaveBeenCalled();
  expect(thrown).toEqual(['one']);
});

it('takes in a receiver although the crowd before it throws', async () => {
  const queue = new ReceiveQueue();
  for (let index = 0; index < 8; index++) queue.wake(failing(`early ${index}`));
  const delivered = new Promise<void>((done) => {
    expect(() => queue.add({ deliver: done })).toThrow('early 0');
  });
  await delivered;
  expect(thrown).toEqual(Array.from({ length: 7 }, (_, index) => `early ${index + 1}`));
});

it('calls all tasks that are due, whichever of them throw', () => {
  const world = new SimWorld({ seed: 1 });
  const host = world.host('10.0.0.1');
  const scheduler = new Scheduler(host);
  const calls: number[] = [];
  const tasks = Array.from(
    { length: 5 },
    (_, index): Task => ({
      deadline: 0,
      deadlineIndex: -1,
      onDue: () => {
        calls.push(index);
        if (index % 2 === 0) throw new Error(`task ${index}`);
      },
    }),
  );
  for (const task of tasks) scheduler.set(task, host.now() + 10);
  let errors = 0;
  for (let round = 0; round < 10; round++) {
    try {
      world.clock.advanceBy(20);
    } catch {
      errors += 1;
    }
  }
  expect(calls.sort()).toEqual([0, 1, 2, 3, 4]);
  expect(errors).toBe(3);
  expect(scheduler.length).toBe(0);
});
