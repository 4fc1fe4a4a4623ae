// Time that only moves when asked: order, cancelling, and the bounds that stop a run which would never end.

import { fc, test } from '@fast-check/vitest';
import { VirtualClock } from '@kcptun/testkit';
import { describe, expect } from 'vitest';

describe('VirtualClock', () => {
  test.prop([fc.array(fc.tuple(fc.nat(20), fc.boolean()), { maxLength: 60 })])('runs by time, then by order of scheduling', (plan) => {
    const clock = new VirtualClock();
    const ran: number[] = [];
    const timers = plan.map(([at], index) => clock.schedule(at / 4, () => ran.push(index)));
    for (const [index, [, cancelled]] of plan.entries()) if (cancelled) clock.cancel(timers[index]);
    const expected = plan
      .map(([at, cancelled], index) => ({ at, cancelled, index }))
      .filter(({ cancelled }) => !cancelled)
      .sort((a, b) => a.at - b.at || a.index - b.index)
      .map(({ index }) => index);
    expect(clock.pending).toBe(expected.length);
    clock.runUntilIdle(100);
    expect(ran).toEqual(expected);
    expect(clock.pending).toBe(0);
  });

  test('shows each event its own time and ends where it was told', () => {
    const clock = new VirtualClock(10);
    const times: number[] = [];
    clock.schedule(12.25, () => times.push(clock.now));
    clock.after(1, () => times.push(clock.now));
    clock.schedule(3, () => times.push(clock.now));
    clock.schedule(21, () => times.push(clock.now));
    clock.advanceTo(20);
    expect(times).toEqual([10, 11, 12.25]);
    expect(clock.now).toBe(20);
    expect(clock.next).toBe(21);
    clock.advanceBy(1);
    expect(times).toEqual([10, 11, 12.25, 21]);
    expect(clock.next).toBeUndefined();
  });

  test('runs what an event schedules, in the same run', () => {
    const clock = new VirtualClock();
    const ran: string[] = [];
    clock.schedule(5, () => {
      ran.push('first');
      clock.schedule(0, () => ran.push('third'));
    });
    clock.schedule(5, () => ran.push('second'));
    clock.advanceTo(5);
    expect(ran).toEqual(['first', 'second', 'third']);
  });

  test('forgets a cancelled event, and cancelling twice or late does nothing', () => {
    const clock = new VirtualClock();
    let runs = 0;
    const timer = clock.schedule(1, () => runs++);
    const kept = clock.schedule(2, () => runs++);
    clock.cancel(timer);
    clock.cancel(timer);
    clock.cancel(undefined);
    expect([timer.pending, kept.pending, clock.pending, clock.next]).toEqual([false, true, 1, 2]);
    clock.advanceTo(3);
    clock.cancel(kept);
    expect([runs, clock.pending]).toEqual([1, 0]);
  });

  test('runs until a condition holds, and no further', () => {
    const clock = new VirtualClock();
    let ticks = 0;
    const tick = (): void => {
      ticks += 1;
      clock.after(1, tick);
    };
    clock.after(1, tick);
    clock.runUntil(() => ticks === 7, 100);
    expect([ticks, clock.now]).toEqual([7, 7]);
    expect(() => clock.runUntil(() => false, 10)).toThrow(/limit of 10 ms/);
    expect(() => clock.runUntilIdle(10)).toThrow(/still 1 events/);
  });

  test('says that a condition cannot come true any more', () => {
    const clock = new VirtualClock();
    clock.after(1, () => {});
    expect(() => clock.runUntil(() => false, 100)).toThrow(/nothing is scheduled/);
  });

  test('catches a loop that never moves on, also in tiny steps', () => {
    for (const step of [0, 1e-9]) {
      const clock = new VirtualClock();
      const spin = (): void => {
        clock.after(step, spin);
      };
      spin();
      expect(() => clock.advanceTo(5)).toThrow(/within 1 ms/);
    }
  });

  test('refuses times that are none, to go back, and to be run by an event', () => {
    const clock = new VirtualClock(5);
    expect(() => clock.schedule(Number.NaN, () => {})).toThrow(RangeError);
    expect(() => clock.schedule(Number.POSITIVE_INFINITY, () => {})).toThrow(RangeError);
    expect(() => clock.advanceTo(4)).toThrow(RangeError);
    expect(() => clock.advanceTo(Number.NaN)).toThrow(RangeError);
    clock.after(0, () => clock.advanceBy(1));
    expect(() => clock.advanceBy(1)).toThrow(/already running/);
  });
});
