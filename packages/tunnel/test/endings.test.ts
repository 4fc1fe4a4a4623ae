// Sessions with many connections end: those end in pieces, and whoever else is served has a turn in between. Work is
// counted, not time.

import { afterEach, expect, it, vi } from 'vitest';
import { CLIENT, SECOND, SERVER, Simulation } from './simulation.ts';

afterEach(() => vi.restoreAllMocks());

const COUNT = 1000;

/** Counts the most of something that happen in one turn of a machine. */
function mostInTurn(process: { after: Simulation['far']['process']['after'] }): { add(): void; readonly most: number } {
  let inTurn = 0;
  let most = 0;
  const after = process.after.bind(process);
  vi.spyOn(process, 'after').mockImplementation((delay, callback) =>
    after(delay, () => {
      inTurn = 0;
      callback();
    }),
  );
  return {
    add: () => {
      inTurn += 1;
      most = Math.max(most, inTurn);
    },
    get most() {
      return most;
    },
  };
}

it.each(['server', 'client'] as const)('the connections of a vanished peer end in pieces at the %s', async (end) => {
  const simulation = await Simulation.start();
  const { world, near, far } = simulation;
  const turns = mostInTurn((end === 'server' ? far : near).process);
  simulation.connect(4);
  for (let made = 1; made < COUNT; made++) near.connect({ host: CLIENT, port: 12_948 }, () => {});
  simulation.run(() => simulation.targets.length === COUNT, 10 * SECOND);
  expect(simulation.targets.length).toBe(COUNT);

  let ended = 0;
  simulation[end].on('streamClosed', () => {
    ended += 1;
    turns.add();
  });
  const { now } = world.clock;
  for (const link of [world.link(CLIENT, SERVER), world.link(SERVER, CLIENT)]) link.blackOut(now, now + 1000 * SECOND);
  simulation.run(() => ended > 0, 900 * SECOND);
  expect(turns.most).toBe(64);
  // All of them soon: no turn is waited for longer than it takes.
  world.clock.advanceBy(SECOND);
  expect([ended, turns.most, simulation[end].stats().streams]).toEqual([COUNT, 64, 0]);
  simulation.stop();
});

it('a tunnel that is stopped meanwhile ends the rest', async () => {
  const simulation = await Simulation.start();
  simulation.connect(4);
  for (let made = 1; made < COUNT; made++) simulation.near.connect({ host: CLIENT, port: 12_948 }, () => {});
  simulation.run(() => simulation.targets.length === COUNT, 10 * SECOND);
  let ended = 0;
  simulation.server.on('streamClosed', () => {
    ended += 1;
  });
  for (const link of simulation.server.stats().links) link.close(new Error('for a test'));
  expect(ended).toBe(64);
  simulation.server.stop();
  expect(ended).toBe(COUNT);
  simulation.world.clock.advanceBy(SECOND);
  expect(simulation.far.connectionBudget.open).toBe(0);
  simulation.stop();
});
