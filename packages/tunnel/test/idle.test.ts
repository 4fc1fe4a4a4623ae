// What an idle tunnel does: its keepalives, and between them nothing at all.

import { expect, test } from 'vitest';
import { SECOND, Simulation } from './simulation.ts';

test.each([1, 2] as const)('an idle session arms no timer but for its keepalive, smux %i', async (version) => {
  const simulation = await Simulation.start({ link: (link) => link.setDelay(20), shared: { smux: { version } } });
  const { clock } = simulation.world;
  const app = simulation.connect();
  app.send(10_000);
  simulation.run(() => simulation.targets[0]?.received === 10_000, SECOND);
  clock.advanceBy(30 * SECOND);
  // Everything that happens in the world for a minute: timers of both ends, and datagrams that arrive.
  const start = clock.now;
  const times: number[] = [];
  while (clock.next !== undefined && clock.next < start + 60 * SECOND) {
    const { next } = clock;
    clock.advanceTo(next);
    times.push(next);
  }
  simulation.stop();
  // Six NOPs of each end: each a timer, a datagram, its acknowledgement and the timers around it, parity now and then.
  expect(times.length).toBeGreaterThan(20);
  expect(times.length).toBeLessThan(12 * 10);
  let before = start;
  let quiet = 0;
  for (const at of [...times, start + 60 * SECOND]) {
    if (at - before > SECOND) quiet += at - before;
    before = at;
  }
  expect(quiet).toBeGreaterThan(50 * SECOND);
});

test('the heartbeats of many sessions, which began one after the other, wake both ends a few times only', async () => {
  const instants = new Set<number>();
  let now = (): number => 0;
  const tap = { sent: () => instants.add(now()), arrived: () => {} };
  const simulation = await Simulation.start({ tap, client: { connections: 50 } });
  const { clock } = simulation.world;
  for (let count = 0; count < 50; count++) {
    simulation.connect().send(100);
    clock.advanceBy(31);
  }
  simulation.run(() => simulation.targets.length === 50, SECOND);
  expect(simulation.client.stats().links).toHaveLength(50);
  clock.advanceBy(15 * SECOND);
  instants.clear();
  now = () => clock.now;
  clock.advanceBy(10 * SECOND);
  simulation.stop();
  // 50 sessions that began within 2.1 s: at most nine quarters of a second at each end, in each a NOP and the acknowledgement of it.
  expect(instants.size).toBeGreaterThan(0);
  expect(instants.size).toBeLessThanOrEqual(9 * 4);
});
