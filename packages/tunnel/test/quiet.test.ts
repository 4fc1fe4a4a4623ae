// How many lines a server with --quiet writes while peers that know the key come and go.

import type { Logger } from '@kcptun/common';
import type { ByteConnection } from '@kcptun/transport';
import { TunnelClient } from '@kcptun/tunnel';
import { expect, test } from 'vitest';
import { Party, SECOND, SERVER, Simulation } from './simulation.ts';

const PEERS = 300;
/** A server has a limit for the sessions of one address. */
const MACHINES = 5;

test('a session has two lines when it begins and one when it ends, and in a minute there is a limit to both', async () => {
  const lines: string[] = [];
  const write = (text: string): void => void lines.push(text);
  const logger: Logger = { debug: () => {}, info: write, warn: write, error: write };
  const simulation = await Simulation.start({ server: { logger, quiet: true } });
  const { world } = simulation;
  // Not the client of the simulation.
  world.clock.advanceBy(SECOND);
  simulation.client.stop();
  world.clock.advanceBy(100 * SECOND);
  let number = 0;
  /** A client comes, uses streams, and is gone without a word. */
  const visit = async (streams: number): Promise<void> => {
    const host = world.host(`10.1.0.${number % MACHINES}`);
    number += 1;
    const client = new TunnelClient({
      key: 'k',
      host,
      listen: { host: '', port: 12_948 },
      remote: { host: SERVER, minPort: 29_900, maxPort: 29_900 },
    });
    await client.start();
    const before = simulation.targets.length;
    for (let stream = 0; stream < streams; stream++) {
      host.connect({ host: host.address, port: 12_948 }, (_error, connection) => {
        new Party(connection as ByteConnection).send(10);
      });
    }
    simulation.run(() => simulation.targets.length === before + streams, SECOND);
    expect(simulation.targets).toHaveLength(before + streams);
    client.stop();
  };
  const begun = lines.length;
  const since = (from: number, pattern: RegExp): number => lines.slice(from).filter((line) => pattern.test(line)).length;

  // However many streams it has.
  await visit(20);
  expect(lines.slice(begun)).toEqual([
    expect.stringMatching(/^remote address: 10\.1\.0\.0:\d+$/),
    expect.stringMatching(/^smux version: 2 on connection: .* -> 10\.1\.0\.0:\d+$/),
  ]);
  world.clock.advanceBy(100 * SECOND);
  expect(lines.slice(begun + 2)).toEqual([expect.stringMatching(/^10\.1\.0\.0:\d+: /)]);

  // A crowd within one minute.
  const crowd = lines.length;
  const started = world.clock.now;
  for (let peer = 0; peer < PEERS; peer++) await visit(1);
  expect(world.clock.now - started).toBeLessThan(60 * SECOND);
  expect(since(crowd, /^remote address/)).toBe(200);
  expect(since(crowd, /^smux version/)).toBe(200);
  world.clock.advanceBy(100 * SECOND);
  expect(simulation.server.stats().links).toEqual([]);
  expect(since(crowd, /^10\.1\./)).toBeLessThanOrEqual(60);
  expect(lines.length - crowd).toBeLessThanOrEqual(200 + 200 + 60);

  // The next one tells how many were left out.
  await visit(1);
  expect(lines.filter((line) => line.startsWith('remote address')).at(-1)).toMatch(/ \(100 more lines like this were left out\)$/);
  world.clock.advanceBy(60 * SECOND);
  simulation.stop();
}, 120_000);
