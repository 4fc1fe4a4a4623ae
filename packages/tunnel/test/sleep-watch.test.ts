// The arithmetic of two clocks; that the client does the right thing is in recovery.test.ts.

import { describe, expect, it } from 'vitest';
import { SleepWatch } from '../src/sleep-watch.ts';

const PERIOD = 10_000;

describe('SleepWatch', () => {
  it('notices a clock that stood still', () => {
    const watch = new SleepWatch(PERIOD, 500, 1_000_000);
    expect(watch.look(1500, 1_001_000)).toBe(false);
    expect(watch.look(1600, 1_061_100)).toBe(true);
    expect(watch.look(1700, 1_061_200)).toBe(false);
  });

  it('notices a look that comes late', () => {
    const watch = new SleepWatch(PERIOD, 500, 1_000_000);
    expect(watch.look(500 + PERIOD + 250, 1_000_000 + PERIOD + 250)).toBe(false);
    expect(watch.look(500 + 3 * PERIOD, 1_000_000 + 3 * PERIOD)).toBe(true);
  });

  it('expects no look where none is due', () => {
    const watch = new SleepWatch(Number.POSITIVE_INFINITY, 0, 0);
    expect(watch.look(1e9, 1e9)).toBe(false);
    expect(watch.look(1e9, 2e9)).toBe(true);
  });

  it('takes a clock that is slewed, or set back, for no sleep', () => {
    const watch = new SleepWatch(PERIOD, 0, 0);
    for (let now = 0; now < 3_600_000; now += 10_000) expect(watch.look(now, now * 1.0005)).toBe(false);
    expect(watch.look(3_600_000, 100)).toBe(false);
  });
});
