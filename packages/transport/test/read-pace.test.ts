// When reads wait, on an invented clock.

import { describe, expect, test } from 'vitest';
import { ReadPace } from '../src/node/read-pace.ts';

/** Reads as they come: `datagrams` each, `gap` ms apart, for `duration` ms; returns the state behind. */
function run(pace: ReadPace, clock: { now: number }, datagrams: number, gap: number, duration: number): boolean {
  for (const end = clock.now + duration; clock.now < end; ) {
    clock.now += gap;
    pace.handleRead(datagrams, clock.now);
  }
  return pace.waiting;
}

describe('ReadPace', () => {
  test.each([
    ['single datagrams, an echo', 1, 1, false],
    ['a slow stream of small reads', 4, 1, false],
    ['a fast stream of small reads', 4, 0.05, true],
    ['trains', 48, 0.1, false],
    ['far more than can be put off', 20, 0.02, false],
  ])('%s', (_, datagrams, gap, waits) => {
    expect(run(new ReadPace(), { now: 0 }, datagrams, gap, 100)).toBe(waits);
  });

  test('goes on waiting while the stream is fast, though the reads are large then', () => {
    const pace = new ReadPace();
    const clock = { now: 0 };
    run(pace, clock, 4, 0.05, 20);
    expect(run(pace, clock, 100, 1.2, 100)).toBe(true);
    expect(run(pace, clock, 9, 1.2, 20)).toBe(false);
  });

  test('stops at once when nothing comes', () => {
    const pace = new ReadPace();
    const clock = { now: 0 };
    expect(run(pace, clock, 4, 0.05, 20)).toBe(true);
    expect(pace.handleRead(0, clock.now + 1)).toBe(false);
  });
});
