// The scheduler: one timer for all tasks, none when nothing waits.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Scheduler, type Task } from '../src/index.ts';
import { simWorld } from './sim-host.ts';

class Recorder implements Task {
  deadline = 0;
  deadlineIndex = -1;
  readonly due: number[] = [];
  action: (() => void) | undefined;

  onDue(now: number): void {
    this.due.push(now);
    this.action?.();
  }
}

test('tasks are called when they are due, with one timer at a time', () => {
  const world = simWorld();
  const scheduler = new Scheduler(world.host);
  const tasks = [new Recorder(), new Recorder(), new Recorder()] as const;
  scheduler.set(tasks[0], 1030);
  scheduler.set(tasks[1], 1010.5);
  scheduler.set(tasks[2], 1020);
  expect([world.timers, scheduler.length]).toEqual([1, 3]);
  world.clock.advanceTo(1020);
  expect(tasks.map(({ due }) => due)).toEqual([[], [1010.5], [1020]]);
  expect(world.timers).toBe(1);
  world.clock.advanceTo(2000);
  expect([tasks[0].due, world.timers, scheduler.length]).toEqual([[1030], 0, 0]);
});

test('nothing waits: no timer', () => {
  const world = simWorld();
  const scheduler = new Scheduler(world.host);
  const task = new Recorder();
  scheduler.set(task, 1500);
  scheduler.set(task, undefined);
  expect([world.timers, world.clock.pending]).toEqual([0, 0]);
});

test('moving a deadline on costs no timer, moving it nearer does', () => {
  const world = simWorld();
  let set = 0;
  const scheduler = new Scheduler({
    ...world.host,
    setTimer: (delay, callback) => {
      set += 1;
      return world.host.setTimer(delay, callback);
    },
  });
  const task = new Recorder();
  for (let index = 0; index < 100; index++) scheduler.set(task, 1100 + index);
  expect(set).toBe(1);
  scheduler.set(task, 1050);
  expect([set, world.timers]).toEqual([2, 1]);
  scheduler.set(task, 1300);
  world.clock.advanceTo(1299);
  expect(task.due).toEqual([]);
  world.clock.advanceTo(1300);
  expect(task.due).toEqual([1300]);
});

test('a task that asks for the same time again waits for the next timer', () => {
  const world = simWorld();
  const scheduler = new Scheduler(world.host);
  const task = new Recorder();
  let left = 3;
  task.action = () => {
    left -= 1;
    if (left > 0) scheduler.set(task, world.clock.now);
  };
  scheduler.set(task, 1005);
  world.clock.advanceTo(1005);
  expect(task.due).toEqual([1005, 1005, 1005]);
  expect(world.timers).toBe(0);
});

test('a task may withdraw and set others', () => {
  const world = simWorld();
  const scheduler = new Scheduler(world.host);
  const first = new Recorder();
  const second = new Recorder();
  const third = new Recorder();
  first.action = () => {
    scheduler.set(second, undefined);
    scheduler.set(third, 1020);
  };
  scheduler.set(first, 1010);
  scheduler.set(second, 1015);
  world.clock.advanceTo(1100);
  expect([first.due, second.due, third.due]).toEqual([[1010], [], [1020]]);
});

test('a task that throws does not stop the others for good', () => {
  const world = simWorld();
  const scheduler = new Scheduler(world.host);
  const bad = new Recorder();
  const good = new Recorder();
  bad.action = () => {
    throw new Error('bad');
  };
  scheduler.set(bad, 1010);
  scheduler.set(good, 1020);
  expect(() => world.clock.advanceTo(1010)).toThrow('bad');
  world.clock.advanceTo(1020);
  expect(good.due).toEqual([1020]);
});

test('a deadline beyond the longest timer of Node is kept', () => {
  const world = simWorld();
  const delays: number[] = [];
  const scheduler = new Scheduler({
    ...world.host,
    setTimer: (delay, callback) => {
      delays.push(delay);
      return world.host.setTimer(delay, callback);
    },
  });
  const task = new Recorder();
  scheduler.set(task, 1000 + 5e9);
  world.clock.advanceTo(1000 + 4.9e9);
  expect(task.due).toEqual([]);
  world.clock.advanceTo(1000 + 5e9);
  expect(task.due).toEqual([1000 + 5e9]);
  expect(Math.max(...delays)).toBeLessThanOrEqual(0x7fff_ffff);
});

test('whatever is set and withdrawn, each task is called at its last deadline, once', () => {
  const step = fc.record({ task: fc.nat(4), at: fc.option(fc.integer({ min: 0, max: 100 })), pass: fc.nat(10) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const world = simWorld();
      const scheduler = new Scheduler(world.host);
      const tasks = [0, 1, 2, 3, 4].map(() => new Recorder());
      const expected: number[][] = tasks.map(() => []);
      const deadlines: (number | undefined)[] = tasks.map(() => undefined);
      const advance = (to: number): void => {
        world.clock.advanceTo(to);
        for (const [index, deadline] of deadlines.entries()) {
          if (deadline === undefined || deadline > to) continue;
          expected[index]?.push(deadline);
          deadlines[index] = undefined;
        }
      };
      for (const { task, at, pass } of steps) {
        const deadline = at === null ? undefined : world.clock.now + at;
        scheduler.set(tasks[task] as Recorder, deadline);
        deadlines[task] = deadline;
        expect(world.timers).toBeLessThanOrEqual(1);
        advance(world.clock.now + pass);
      }
      advance(world.clock.now + 200);
      expect(tasks.map(({ due }) => due)).toEqual(expected);
      expect(world.timers).toBe(0);
    }),
    { numRuns: 200 },
  );
});
