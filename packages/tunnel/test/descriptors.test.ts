// One client with the key opens all the streams it can: the server keeps descriptors for the others, answers what it
// refuses, and its log stays readable.

import { afterEach, expect, it, vi } from 'vitest';
import { TunnelClient } from '../src/index.ts';
import { CLIENT, type Party, SECOND, SERVER, type Setting, Simulation } from './simulation.ts';

afterEach(() => vi.restoreAllMocks());

/** Opens connections through the tunnel all at once, each with some bytes. */
async function crowd(count: number, setting: Setting): Promise<{ simulation: Simulation; parties: Party[] }> {
  const simulation = await Simulation.start(setting);
  const parties: Party[] = [];
  for (let made = 0; made < count; made++) {
    const party = simulation.connect(4);
    party.send(10);
    parties.push(party);
  }
  return { simulation, parties };
}

it('keeps room for others, tells the refused, and writes few lines', async () => {
  const { simulation, parties } = await crowd(500, { serverFiles: 600 });
  const { world, far, serverLines } = simulation;
  world.clock.advanceBy(5 * SECOND);
  const { connectionBudget } = far;
  const { open, limit } = connectionBudget;
  expect(open).toBe(Math.ceil(limit / 2));
  expect(simulation.targets.length).toBe(open);
  expect(parties.filter(({ closed }) => closed).length).toBe(500 - open);
  expect(serverLines.lines[0]).toMatch(/^a stream of .* is refused: it has its share of the \d+ connections that the limit of open files/);
  expect(serverLines.lines.length).toBeLessThanOrEqual(20);

  // Another client, from another address.
  const other = world.host('10.0.0.3');
  const client = new TunnelClient({
    key: 'k',
    host: other,
    listen: { host: '', port: 12_948 },
    remote: { host: SERVER, minPort: 29_900, maxPort: 29_900 },
  });
  await client.start();
  const before = simulation.targets.length;
  other.connect({ host: '10.0.0.3', port: 12_948 }, (_error, connection) => connection?.write(new Uint8Array(10), () => {}));
  world.clock.advanceBy(2 * SECOND);
  expect(simulation.targets.length).toBe(before + 1);
  client.stop();

  // Who goes makes room.
  for (const party of parties) if (!party.closed) party.connection.destroy(true);
  world.clock.advanceBy(5 * SECOND);
  expect(connectionBudget.open).toBe(0);
  simulation.stop();
});

it('says in few lines that a target cannot be reached', async () => {
  const { simulation, parties } = await crowd(500, { targetHost: '10.0.0.1' });
  simulation.world.clock.advanceBy(20 * SECOND);
  expect(parties.every(({ closed }) => closed)).toBe(true);
  expect(simulation.serverLines.lines.length).toBe(20);
  expect(simulation.far.connectionBudget.open).toBe(0);
  simulation.stop();
});

it('begins only so many connections to the target in a turn, and all of them soon', async () => {
  const simulation = await Simulation.start();
  const { far } = simulation;
  let inTurn = 0;
  let most = 0;
  const after = far.process.after.bind(far.process);
  vi.spyOn(far.process, 'after').mockImplementation((delay, callback) =>
    after(delay, () => {
      inTurn = 0;
      callback();
    }),
  );
  const connect = far.connect.bind(far);
  vi.spyOn(far, 'connect').mockImplementation((...args) => {
    inTurn += 1;
    most = Math.max(most, inTurn);
    return connect(...args);
  });
  simulation.connect(4);
  simulation.world.clock.advanceBy(SECOND);
  // Their SYNs fit into few packets.
  for (let made = 0; made < 1000; made++) simulation.near.connect({ host: CLIENT, port: 12_948 }, () => {});
  simulation.run(() => simulation.targets.length === 1001, 2 * SECOND);
  expect(simulation.targets.length).toBe(1001);
  expect(most).toBe(2);
});
