// The in-flight limit: it must not let a whole large window out at once, and it must never hold back a long path.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InflightLimit } from '../src/inflight.ts';
import { Reader, Site, type World, Writer, world } from './world.ts';

const FLOOR = 2048;

describe('whatever is acknowledged', () => {
  test('the limit is never below half the floor, and finite', () => {
    const step = fc.record({
      elapsed: fc.double({ min: 0, max: 2000, noNaN: true }),
      acked: fc.nat(5000),
      lost: fc.nat(5000),
      srtt: fc.nat(1000),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 65_535 }), fc.double({ min: 0, max: 1e9, noNaN: true }), fc.array(step), (floor, start, steps) => {
        const limit = new InflightLimit(floor, 10);
        let now = start;
        for (const { elapsed, acked, lost, srtt } of steps) {
          now += elapsed;
          limit.handleAcks(now, acked, lost, srtt);
          expect(limit.limit).toBeGreaterThanOrEqual(Math.max(1, Math.floor(floor / 2)));
          expect(Number.isSafeInteger(limit.limit)).toBe(true);
        }
      }),
      { numRuns: 300 },
    );
  });
});

test.each([0, 50_000])('the start of the clock does not matter: a path of 100 ms is filled from %i ms on', (start) => {
  const limit = new InflightLimit(FLOOR, 10);
  let now = start;
  for (let round = 0; round < 10; round++) {
    now += 100;
    limit.handleAcks(now, limit.limit, 0, 100);
  }
  expect(limit.limit).toBeGreaterThan(10 * FLOOR);
});

test('bursts of losses shrink the limit, quiet rounds restore it', () => {
  const limit = new InflightLimit(FLOOR, 10);
  let now = 0;
  for (let round = 0; round < 5; round++) limit.handleAcks((now += 20), 100, 100, 0);
  expect(limit.limit).toBe(FLOOR / 2);
  for (let round = 0; round < 5; round++) limit.handleAcks((now += 20), 100, 0, 0);
  expect(limit.limit).toBe(FLOOR);
});

interface Flow {
  readonly client: Site;
  readonly reader: Reader;
}

const WINDOW = 8192;
const RTT = 100;
const MSS = 500 - 24;

/** A client that sends without an end, through windows of 8192 segments and 100 ms of round trip. */
function flow({ clock, network }: World, inflightFloor: number): Flow {
  const parameters = { nodelay: 1, interval: 10, mtu: 500, sndWnd: WINDOW, rcvWnd: WINDOW, dataShards: 0, parityShards: 0, inflightFloor };
  const reader = new Reader(1);
  const server = new Site(clock, network, 1, 'server', { parameters, onOpened: (session) => server.attach(session, reader, undefined) });
  const client = new Site(clock, network, 2, 'client', { parameters });
  client.open(1, undefined, new Writer(Number.MAX_SAFE_INTEGER, 1, 8192));
  return { client, reader };
}

/** Segments per round trip between two times. */
function rate(path: World, inflightFloor: number, from: number, to: number): number {
  const { reader } = flow(path, inflightFloor);
  path.clock.advanceTo(from);
  const before = reader.received;
  path.clock.advanceTo(to);
  return (((reader.received - before) / MSS) * RTT) / (to - from);
}

describe('a window of 8192 segments over 100 ms', () => {
  test('is filled to nine tenths within a second where nothing is lost', () => {
    expect(rate(world(1, (link) => link.setDelay(RTT / 2)), FLOOR, 1000, 2000)).toBeGreaterThanOrEqual(0.9 * WINDOW);
  });

  test('does not leave at once', () => {
    // The peer's window is not known before it has answered, so the first round trip carries 32 segments.
    const path = world(1, (link) => link.setDelay(RTT / 2));
    const { client } = flow(path, FLOOR);
    path.clock.advanceTo(RTT * 1.5);
    expect(client.datagrams).toBe(32 + FLOOR);
  });

  test('is not throttled by a constant random loss of a fifth', () => {
    const lossy = (): World => world(2, (link, from) => link.setDelay(RTT / 2).setLoss(from === 2 ? 0.2 : 0));
    const limited = rate(lossy(), FLOOR, 1000, 2500);
    const free = rate(lossy(), 65_535, 1000, 2500);
    expect(limited).toBeGreaterThan(0.9 * free);
  });
});
