// Sessions that share a budget: together they put no more on the wire than one alone, nobody waits for good, and small messages do not wait at all.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FlightBudget, type FlightUser } from '../src/flight-budget.ts';
import type { Session } from '../src/index.ts';
import { NO_FEC, Reader, Site, type SiteOptions, type World, Writer, world } from './world.ts';

const FLOOR = 256;
const SESSIONS = 40;
const EACH = 100_000;
const PARAMETERS = { mode: 'fast3', inflightFloor: FLOOR, ...NO_FEC } as const;

interface Crowd extends World {
  readonly readers: Reader[];
  readonly sessions: Session[];
  /** Opens a session of its own socket that sends `bytes` bytes to `node`. */
  begin(bytes: number, node?: number): void;
}

/** A server, node 1, and as many clients as are asked for; `delay` in ms is that of each way. */
function crowd(flight: FlightBudget | undefined, delay: number, parameters: SiteOptions['parameters'] = PARAMETERS): Crowd {
  const { clock, network } = world(1, (link) => link.setDelay(delay));
  const readers: Reader[] = [];
  const sessions: Session[] = [];
  const server: Site = new Site(clock, network, 1, 'server', {
    parameters,
    onOpened: (session) => {
      const reader = new Reader(session.path);
      readers.push(reader);
      server.attach(session, reader, undefined);
    },
  });
  const begin = (bytes: number, to = 1): void => {
    const node = sessions.length + 2;
    const client = new Site(clock, network, node, 'client', { parameters, ...(flight === undefined ? {} : { flight }) });
    sessions.push(client.open(to, undefined, new Writer(bytes, node)));
  };
  return { clock, network, readers, sessions, begin };
}

const inFlight = (sessions: readonly Session[]): number => sessions.reduce((sum, { kcp }) => sum + kcp.inflight, 0);
const received = (readers: readonly Reader[]): number => readers.reduce((sum, reader) => sum + reader.received, 0);

describe('sessions that begin at one time', () => {
  test('have together in flight what one may have, and all of their bytes arrive', () => {
    const it = crowd(new FlightBudget(FLOOR), 20);
    for (let index = 0; index < SESSIONS; index++) it.begin(EACH);
    expect(inFlight(it.sessions)).toBe(FLOOR);
    it.clock.runUntil(() => received(it.readers) === SESSIONS * EACH, 5000);
    expect(it.readers.map((reader) => reader.received)).toEqual(new Array(SESSIONS).fill(EACH));
  });

  test('have several times as much without the budget', () => {
    const it = crowd(undefined, 20);
    for (let index = 0; index < SESSIONS; index++) it.begin(EACH);
    expect(inFlight(it.sessions)).toBeGreaterThan(4 * FLOOR);
  });

  test('fill a long path all the same: the budget grows with what the path carries', () => {
    const it = crowd(new FlightBudget(FLOOR), 100);
    for (let index = 0; index < SESSIONS; index++) it.begin(EACH);
    let most = 0;
    const done = (): boolean => {
      most = Math.max(most, inFlight(it.sessions));
      return received(it.readers) === SESSIONS * EACH;
    };
    it.clock.runUntil(done, 5000);
    expect(most).toBeGreaterThan(3 * FLOOR);
  });

  test('are all served in turn', () => {
    const it = crowd(new FlightBudget(FLOOR), 20);
    for (let index = 0; index < SESSIONS; index++) it.begin(4 * EACH);
    it.clock.runUntil(() => received(it.readers) >= 2 * SESSIONS * EACH, 5000);
    expect(it.readers).toHaveLength(SESSIONS);
    for (const reader of it.readers) expect(reader.received).toBeGreaterThan(EACH / 2);
  });

  test('get on where the rate of each is limited', () => {
    const it = crowd(new FlightBudget(FLOOR), 5, { ...PARAMETERS, rateLimit: 1_000_000 });
    for (let index = 0; index < 10; index++) it.begin(EACH);
    it.clock.runUntil(() => received(it.readers) === 10 * EACH, 3000);
  });
});

test('a small message does not wait for those in line', () => {
  const it = crowd(new FlightBudget(FLOOR), 20);
  for (let index = 0; index < SESSIONS; index++) it.begin(EACH);
  it.begin(1000);
  expect(it.sessions.at(-1)?.kcp.inflight).toBe(1);
});

test('sessions whose peer does not answer hold up the others for less than a second', () => {
  const it = crowd(new FlightBudget(FLOOR), 5);
  for (let index = 0; index < 10; index++) it.begin(EACH, 1000 + index);
  expect(inFlight(it.sessions)).toBe(FLOOR);
  for (let index = 0; index < 10; index++) it.begin(EACH);
  it.clock.runUntil(() => received(it.readers) === 10 * EACH, 1000);
});

test('what a closed session had in flight or was promised is there for others', () => {
  const it = crowd(new FlightBudget(FLOOR), 20);
  for (let index = 0; index < SESSIONS; index++) it.begin(EACH);
  it.clock.runUntil(() => received(it.readers) > EACH, 1000);
  for (const session of it.sessions) session.close();
  // What is on its way still arrives.
  it.clock.advanceBy(100);
  const before = received(it.readers);
  it.begin(10 * EACH);
  it.clock.runUntil(() => received(it.readers) === before + 10 * EACH, 500);
});

test('whatever sessions report, the budget is not exceeded by grants, and the line gets empty', () => {
  const step = fc.record({ user: fc.nat(9), act: fc.constantFrom('send', 'acknowledge', 'close'), count: fc.nat(100) });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), fc.array(step, { maxLength: 200 }), (floor, steps) => {
      const budget = new FlightBudget(floor);
      const users = Array.from({ length: 10 }, () => ({ flight: 0, granted: 0, inLine: false, closed: false, woken: false, wake() {} }));
      for (const user of users) {
        user.wake = () => {
          user.woken = true;
        };
      }
      const total = (): number => users.reduce((sum, { flight, granted }) => sum + flight + granted, 0);
      const send = (user: FlightUser, count: number): void => {
        const allowed = Math.max(user.flight, Math.min(user.flight + count, budget.allowance(user, user.flight + count)));
        const wanted = user.flight + count;
        budget.settle(user);
        budget.report(user, allowed);
        if (allowed < wanted) budget.queue(user);
      };
      for (const { user: index, act, count } of steps) {
        const user = users[index] as (typeof users)[number];
        if (act === 'send' && !user.closed) send(user, count);
        else budget.report(user, Math.max(0, user.flight - count));
        if (act === 'close') {
          user.closed = true;
          budget.settle(user);
          budget.report(user, 0);
        }
        budget.grant();
        // Small messages do not wait, so that each session may have two beyond the limit.
        expect(total()).toBeLessThanOrEqual(floor + 64 + 2 * users.length);
      }
      for (let round = 0; round < 100 && users.some(({ inLine, closed }) => inLine && !closed); round++) {
        for (const user of users) {
          budget.settle(user);
          budget.report(user, 0);
        }
        budget.grant();
      }
      for (const user of users) if (!user.closed) expect(user.inLine).toBe(false);
    }),
    { numRuns: 200 },
  );
});
