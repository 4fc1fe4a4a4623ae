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
      outstanding: fc.nat(70_000),
    });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 65_535 }),
        fc.double({ min: 0, max: 1e9, noNaN: true }),
        fc.array(step),
        (floor, start, steps) => {
          const limit = new InflightLimit(floor, 10);
          let now = start;
          for (const { elapsed, acked, lost, srtt, outstanding } of steps) {
            now += elapsed;
            limit.handleAcks(now, acked, lost, srtt, outstanding);
            expect(limit.limit).toBeGreaterThanOrEqual(Math.max(1, Math.floor(floor / 2)));
            expect(Number.isSafeInteger(limit.limit)).toBe(true);
          }
        },
      ),
      { numRuns: 300 },
    );
  });
});

test.each([0, 50_000])('the start of the clock does not matter: a path of 100 ms is filled from %i ms on', (start) => {
  const limit = new InflightLimit(FLOOR, 10);
  let now = start;
  for (let round = 0; round < 10; round++) {
    now += 100;
    limit.handleAcks(now, limit.limit, 0, 100, limit.limit);
  }
  expect(limit.limit).toBeGreaterThan(10 * FLOOR);
});

test('bursts of losses shrink the limit, quiet rounds restore it', () => {
  const limit = new InflightLimit(FLOOR, 10);
  let now = 0;
  for (let round = 0; round < 5; round++) limit.handleAcks((now += 20), 100, 100, 0, limit.limit);
  expect(limit.limit).toBe(FLOOR / 2);
  for (let round = 0; round < 5; round++) limit.handleAcks((now += 20), 100, 0, 0, limit.limit);
  expect(limit.limit).toBe(FLOOR);
});

test('the limit follows a path that becomes slow, but not a sender that has little to send', () => {
  const limit = new InflightLimit(FLOOR, 10);
  let now = 0;
  for (let round = 0; round < 10; round++) limit.handleAcks((now += 100), limit.limit, 0, 100, limit.limit);
  const grown = limit.limit;
  for (let round = 0; round < 10; round++) limit.handleAcks((now += 100), 10, 0, 100, 10);
  expect(limit.limit).toBe(grown);
  for (let round = 0; round < 10; round++) limit.handleAcks((now += 100), 10, 0, 100, limit.limit);
  expect(limit.limit).toBe(FLOOR);
});

const RTT = 100;
const MSS = 500 - 24;

/** A client that sends without an end, over 100 ms of round trip. */
function flow({ clock, network }: World, window: number, inflightFloor: number): { client: Site; reader: Reader } {
  const windows = { sndWnd: window, rcvWnd: window };
  const parameters = { nodelay: 1, interval: 10, mtu: 500, dataShards: 0, parityShards: 0, inflightFloor, ...windows };
  const reader = new Reader(1);
  const server = new Site(clock, network, 1, 'server', { parameters, onOpened: (session) => server.attach(session, reader, undefined) });
  const client = new Site(clock, network, 2, 'client', { parameters });
  client.open(1, undefined, new Writer(Number.MAX_SAFE_INTEGER, 1, 8192));
  return { client, reader };
}

/** Segments per round trip between two times. */
function rate(path: World, window: number, inflightFloor: number, from: number, to: number): number {
  const { reader } = flow(path, window, inflightFloor);
  path.clock.advanceTo(from);
  const before = reader.received;
  path.clock.advanceTo(to);
  return (((reader.received - before) / MSS) * RTT) / (to - from);
}

describe('over 100 ms', () => {
  test('a window of 8192 segments is filled to nine tenths within a second where nothing is lost', () => {
    expect(
      rate(
        world(1, (link) => link.setDelay(RTT / 2)),
        8192,
        FLOOR,
        1000,
        1500,
      ),
    ).toBeGreaterThanOrEqual(0.9 * 8192);
  });

  test('a window of 8192 segments does not leave at once', () => {
    // The peer's window is not known before it has answered, so the first round trip carries 32 segments.
    const path = world(1, (link) => link.setDelay(RTT / 2));
    const { client } = flow(path, 8192, FLOOR);
    path.clock.advanceTo(RTT * 1.5);
    // And the answer to the server's question.
    expect(client.datagrams).toBe(32 + FLOOR + 1);
  });

  test('a constant random loss of a fifth does not throttle the sender', () => {
    // How long the window waits for a segment that is lost again and again is luck, so it takes the mean of some runs.
    let limited = 0;
    let free = 0;
    for (let seed = 1; seed <= 3; seed++) {
      const lossy = (): World => world(seed, (link, from) => link.setDelay(RTT / 2).setLoss(from === 2 ? 0.2 : 0));
      limited += rate(lossy(), 1024, 128, 1000, 4000);
      free += rate(lossy(), 1024, 65_535, 1000, 4000);
    }
    expect(limited).toBeGreaterThan(0.9 * free);
  });
});
