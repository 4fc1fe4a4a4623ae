// A start on a path of which something is known: it is found sooner, slow lines get no long queue, and
// what is wrong does no harm.

import { expect, test } from 'vitest';
import { firstFlight } from '../../src/auto/known-path.ts';
import { type KnownPath, SharedPath } from '../../src/index.ts';
import { Line, type LineOptions } from './line.ts';

interface Start {
  /** Bytes that were read until then. */
  readonly received: number;
  /** The longest queue, ms, and datagrams that found no room in it. */
  readonly queue: number;
  readonly overflowed: number;
}

/** Datagrams of 1370 bytes with headers per ms. */
const datagrams = (megabits: number): number => (megabits * 125) / 1370;

function start(options: LineOptions, until: number, known?: KnownPath): Start {
  const line = new Line({ queue: 1000, seed: 11, ...options });
  const flow = line.add(
    { auto: { path: new SharedPath(known) }, interval: 10, sndWnd: 65_535, mtu: 1322 },
    { mode: 'fast3', rcvWnd: 16_384, mtu: 1322, repeatsAcks: true },
  );
  let queue = 0;
  line.onTick = (_now, ms) => {
    queue = Math.max(queue, ms);
  };
  line.run(until);
  return { received: flow.received, queue, overflowed: line.forth.overflowed };
}

test('a fast line is filled sooner', () => {
  const line = { rate: 400, rtt: 100, queue: 4000 };
  const known = { rate: datagrams(400), roundTrip: 100, loss: 0 };
  const second = start(line, 500, known);
  expect(second.received).toBeGreaterThan(1.3 * start(line, 500).received);
  // One bandwidth-delay product: no more than a start without an entry leaves.
  expect(second.queue).toBeLessThan(120);
});

test('a slow line gets no queue from the first flight', () => {
  const line = { rate: 5, rtt: 80, queue: 400 };
  const first = start(line, 4000);
  const second = start(line, 4000, { rate: datagrams(5), roundTrip: 80, loss: 0 });
  expect(first.queue).toBeGreaterThan(350);
  expect(second.queue).toBeLessThan(120);
  expect(second.received).toBeGreaterThan(0.97 * first.received);
});

test.each([2, 20, 100])('an entry that is ten times too high does no harm at %i Mbit/s', (rate) => {
  const line = { rate, rtt: 100, queue: 2000 };
  const first = start(line, 5000);
  const second = start(line, 5000, { rate: datagrams(10 * rate), roundTrip: 100, loss: 0 });
  expect(second.queue).toBeLessThan(Math.max(300, 2 * first.queue));
  expect(second.overflowed).toBe(0);
  expect(second.received).toBeGreaterThan(0.9 * first.received);
});

test.each([1, 0.1])('an entry of %f Mbit/s for a line of 100 costs some round trips', (rate) => {
  const line = { rate: 100, rtt: 100 };
  const second = start(line, 5000, { rate: datagrams(rate), roundTrip: 100, loss: 0 });
  expect((second.received * 8) / 1000 / 5000).toBeGreaterThan(55);
});

test('half is believed, within bounds', () => {
  expect(firstFlight({ rate: 9, roundTrip: 100, loss: 0.1 })).toEqual({ pacing: 4.5, flight: 450, loss: 0.05 });
  expect(firstFlight({ rate: 1e9, roundTrip: 1e9, loss: 1 })).toEqual({ pacing: 1000, flight: 512, loss: 0.2 });
  expect(firstFlight({ rate: 1e-9, roundTrip: 1e-9, loss: -1 })).toEqual({ pacing: 0.05, flight: 16, loss: 0.01 });
  for (const bad of [Number.NaN, 0, -1]) {
    expect(firstFlight({ rate: bad, roundTrip: 100, loss: 0 })).toEqual(firstFlight());
    expect(firstFlight({ rate: 9, roundTrip: bad, loss: 0 })).toEqual(firstFlight());
  }
});
