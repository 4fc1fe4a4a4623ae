// A path that is throttled after a while is noticed, once; a line that is shared, disturbed, lossy or not
// used is not taken for one.

import { describe, expect, test } from 'vitest';
import { ThrottleWatch } from '../../src/auto/throttle-watch.ts';
import { SharedPath } from '../../src/index.ts';
import { Line, type LineOptions } from './line.ts';

const SENDER = { interval: 10, sndWnd: 65_535, mtu: 1322 } as const;
const RECEIVER = { mode: 'fast3', rcvWnd: 4096, mtu: 1322, repeatsAcks: true } as const;

function begin(options: LineOptions): { line: Line; path: SharedPath } {
  const line = new Line({ seed: 13, queue: 400, ...options });
  const path = new SharedPath();
  line.add({ ...SENDER, auto: { path } }, RECEIVER);
  return { line, path };
}

describe('on a line', () => {
  test.each([
    { what: 'a shaper', change: { rate: 8 } },
    { what: 'a policer', change: { rate: 8, queue: 12 } },
    { what: 'a shaper on a lossy path', change: { rate: 8 }, loss: 0.05 },
  ])('$what that holds a flow at a fifth after 12 s is noticed, once', ({ change, loss = 0 }) => {
    const { line, path } = begin({ rate: 40, rtt: 60, loss });
    line.run(12_000);
    expect(path.throttle.events).toBe(0);
    Object.assign(line.options, change);
    line.run(40_000);
    expect(path.throttle.events).toBe(1);
    expect(path.throttle.before).toBeGreaterThan(2.5);
    expect(path.throttle.after).toBeLessThan(1.3);
    line.run(60_000);
    expect(path.throttle.events).toBe(1);
    Object.assign(line.options, { rate: 40, queue: 400 });
    line.run(75_000);
    Object.assign(line.options, change);
    line.run(105_000);
    expect(path.throttle.events).toBe(2);
  });

  test.each([
    { what: 'losses', change: { loss: 0.15 } },
    { what: 'a longer route', change: { rtt: 150 } },
    { what: 'half of the rate', change: { rate: 20 } },
    { what: 'jitter', change: { jitter: 30 } },
  ])('$what from the 12th second on are no throttling', ({ change }) => {
    const { line, path } = begin({ rate: 40, rtt: 60 });
    line.run(12_000);
    Object.assign(line.options, change);
    line.run(40_000);
    expect(path.throttle.events).toBe(0);
  });

  test('neither is a blackout, a pause of the application, nor one that sends little', () => {
    const { line, path } = begin({ rate: 40, rtt: 60 });
    line.run(12_000);
    line.options.up = false;
    line.run(15_000);
    line.options.up = true;
    line.run(22_000);
    const flow = line.flows[0]!;
    flow.bulkUntil = line.now;
    line.run(28_000);
    for (let message = 0; message < 300; message++) {
      line.write(flow, new Uint8Array(5000));
      line.run(line.now + 50);
    }
    expect(path.throttle.events).toBe(0);
  });

  test('neither is another flow', () => {
    const { line, path } = begin({ rate: 40, rtt: 60 });
    line.add({ ...SENDER, auto: {} }, RECEIVER, 12_000);
    line.run(40_000);
    expect(path.throttle.events).toBe(0);
  });
});

test('a rate with an explanation, for a short time, or with too few rounds counts for nothing', () => {
  const watch = new ThrottleWatch();
  let now = 0;
  const go = (ms: number, bw: number, explained = false, every = 50): void => {
    for (const until = now + ms; now < until; now += every) watch.note(now, bw, explained);
  };
  go(20_000, 9);
  go(20_000, 1, true);
  expect(watch.events).toBe(0);
  go(5000, 9);
  go(6000, 1);
  go(5000, 9);
  expect(watch.events).toBe(0);
  go(20_000, 1, false, 1000);
  expect(watch.events).toBe(0);
  watch.interrupt();
  go(20_000, 1);
  expect(watch).toMatchObject({ events: 1, before: 9, after: 1 });
});
