// What both ends say when they can not understand each other, and when: within 3 s of virtual time. The
// clock of the simulated world moves within a turn, as a real one does.

import type { TunnelOptions } from '@kcptun/tunnel';
import { describe, expect, test } from 'vitest';
import { SECOND, Simulation } from './simulation.ts';

const NOTHING = /nothing comes back: is the server running, is UDP let through, are --key and --crypt the same at both ends\?$/;
const INTEGRITY = /failed the integrity check: --key or --crypt differs/;
const SMUXVER = /the peer speaks smux version \d, this end \d: make --smuxver equal at both ends\)$/;
const COMPRESSES = /the peer compresses, this end does not: make --nocomp equal at both ends\)$/;
const PLAIN = /the peer does not compress, this end does: make --nocomp equal at both ends\)$/;
const EXPLANATIONS = /nothing comes back|integrity check|--smuxver|--nocomp|started over|acknowledges our packets/;

interface Case {
  readonly name: string;
  readonly client?: Partial<TunnelOptions>;
  readonly server?: Partial<TunnelOptions>;
  readonly clientSays: RegExp;
  readonly serverSays: RegExp;
}

const CASES: readonly Case[] = [
  { name: 'another key at the client', client: { key: 'other' }, clientSays: NOTHING, serverSays: INTEGRITY },
  { name: 'another key at the server', server: { key: 'other' }, clientSays: NOTHING, serverSays: INTEGRITY },
  { name: 'another cipher at the client', client: { crypt: 'salsa20' }, clientSays: NOTHING, serverSays: INTEGRITY },
  { name: 'another cipher at the server', server: { crypt: 'null' }, clientSays: NOTHING, serverSays: INTEGRITY },
  { name: 'smux 1 at the client', client: { smux: { version: 1 } }, clientSays: SMUXVER, serverSays: SMUXVER },
  { name: 'smux 1 at the server', server: { smux: { version: 1 } }, clientSays: SMUXVER, serverSays: SMUXVER },
  { name: 'no compression at the client', client: { compression: false }, clientSays: COMPRESSES, serverSays: PLAIN },
  { name: 'no compression at the server', server: { compression: false }, clientSays: PLAIN, serverSays: COMPRESSES },
];

describe('within 3 s of the first connection, at both ends, once and nothing else', () => {
  test.each(CASES)('$name', async ({ client = {}, server = {}, clientSays, serverSays }) => {
    const simulation = await Simulation.start({ client, server });
    const { clientLines, serverLines, world } = simulation;
    simulation.connect().send(100);
    world.clock.advanceBy(3 * SECOND);
    const client3 = clientLines.lines.filter((line) => EXPLANATIONS.test(line));
    const server3 = serverLines.lines.filter((line) => EXPLANATIONS.test(line));
    expect(client3).toEqual([expect.stringMatching(clientSays)]);
    expect(server3).toEqual([expect.stringMatching(serverSays)]);
    // Whatever comes later is not another explanation.
    world.clock.advanceBy(60 * SECOND);
    expect(clientLines.lines.filter((line) => EXPLANATIONS.test(line) && !clientSays.test(line))).toEqual([]);
    expect(serverLines.lines.filter((line) => EXPLANATIONS.test(line) && !serverSays.test(line))).toEqual([]);
    simulation.stop();
  });

  test('nobody listens', async () => {
    const simulation = await Simulation.start();
    simulation.server.stop();
    simulation.connect().send(100);
    simulation.world.clock.advanceBy(3 * SECOND);
    expect(simulation.clientLines.lines.filter((line) => EXPLANATIONS.test(line))).toEqual([expect.stringMatching(NOTHING)]);
  });
});

test('a server that is only slow to speak is blamed for nothing', async () => {
  const simulation = await Simulation.start();
  simulation.connect().send(100);
  simulation.world.clock.advanceBy(60 * SECOND);
  expect(simulation.clientLines.lines).toEqual([]);
  simulation.stop();
});
