// A turn has one time. The clock goes on while it runs, so that what is read in a turn is later than its
// time: nothing may hand a session the one and then the other.

import { Endpoint } from '@kcptun/session';
import { SmuxSession } from '@kcptun/smux';
import { afterEach, expect, test, vi } from 'vitest';
import { SECOND, Simulation } from './simulation.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

/** Watches a method whose parameter `at` is the time; tells how often it went back for one object. */
function watch(times: Map<object, number>, faults: string[], prototype: object, name: string, at: number): void {
  const methods = prototype as Record<string, (...args: unknown[]) => unknown>;
  const original = methods[name] as (...args: unknown[]) => unknown;
  vi.spyOn(methods, name).mockImplementation(function (this: object, ...args: unknown[]) {
    const now = args[at] as number;
    const before = times.get(this) ?? Number.NEGATIVE_INFINITY;
    if (now < before) faults.push(`${name}: ${now} after ${before}`);
    times.set(this, now);
    return original.apply(this, args);
  });
}

test('time never goes back for a session, whatever begins and ends within a turn', async () => {
  const times = new Map<object, number>();
  const faults: string[] = [];
  for (const [name, at] of [
    ['open', 1],
    ['handleDatagrams', 1],
    ['handleTimeout', 0],
    ['flush', 0],
    ['close', 0],
  ] as const) {
    watch(times, faults, Endpoint.prototype, name, at);
  }
  for (const [name, at] of [
    ['handleData', 3],
    ['handleTimeout', 0],
    ['openStream', 0],
  ] as const) {
    watch(times, faults, SmuxSession.prototype, name, at);
  }
  const simulation = await Simulation.start({
    client: { connections: 3, autoExpire: 7 * SECOND, scavengeTtl: 5 * SECOND },
    shared: { smux: { keepAliveInterval: SECOND, keepAliveTimeout: 4 * SECOND } },
    link: (link) => {
      link.setDelay(20);
      link.setLoss(0.05);
    },
  });
  const { clock } = simulation.world;
  for (let round = 0; round < 20; round++) {
    const app = simulation.connect();
    app.send(30_000);
    clock.advanceBy(900);
    app.connection.destroy(round % 2 === 0);
    if (round === 10) await simulation.killServer();
  }
  clock.advanceBy(30 * SECOND);
  simulation.stop();
  expect(times.size).toBeGreaterThan(10);
  expect(faults).toEqual([]);
});
