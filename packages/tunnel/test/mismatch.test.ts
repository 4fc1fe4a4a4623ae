// What both ends say when they cannot understand each other, and when: within 3 s of virtual time. The
// clock of the simulated world moves within a turn, as a real one does.

import type { TunnelOptions } from '@kcptun/tunnel';
import { describe, expect, test } from 'vitest';
import { DroppingServer } from './dropping-server.ts';
import { CLIENT, SECOND, SERVER, Simulation } from './simulation.ts';

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

test('a client that is stopped the moment its session ends has no socket left, whose datagrams nobody could open', async () => {
  const simulation = await Simulation.start({ server: { smux: { version: 1 } } });
  const { client, near, world } = simulation;
  let left = -1;
  client.once('sessionClosed', () => {
    // After the turn in which it ended, before the sockets of ended sessions are closed.
    near.defer(() => {
      client.stop();
      left = near.open;
    });
  });
  simulation.connect().send(100);
  world.clock.advanceBy(3 * SECOND);
  expect(left).toBe(0);
  simulation.stop();
});

test('a server that is only slow to speak is blamed for nothing', async () => {
  const simulation = await Simulation.start();
  simulation.connect().send(100);
  simulation.world.clock.advanceBy(60 * SECOND);
  expect(simulation.clientLines.lines).toEqual([]);
  simulation.stop();
});

const DROPPED =
  /ended: the server does not know it any more, and has sent nothing .*: it has started over, or --smuxver or --nocomp is not the same at both ends$/;

describe('a server that drops what it cannot read without a word, as a Go server does', () => {
  /** How long after the first connection the client says why, in ms; nothing else may be said. */
  async function explained(delay: number, loss: number, life: number, upload: number, seed: number): Promise<number> {
    const simulation = await Simulation.start({ seed, link: (link) => link.setDelay(delay).setLoss(loss) });
    const { clientLines, world } = simulation;
    simulation.server.stop();
    const server = new DroppingServer(simulation.far, () => life);
    const begun = world.clock.now;
    simulation.connect().send(upload);
    simulation.run(() => clientLines.lines.length > 0, 30 * SECOND);
    const time = world.clock.now - begun;
    world.clock.advanceBy(SECOND);
    expect(clientLines.lines.filter((line) => EXPLANATIONS.test(line) && !DROPPED.test(line))).toEqual([]);
    expect(clientLines.lines.filter((line) => DROPPED.test(line))).not.toEqual([]);
    server.close();
    simulation.client.stop();
    return time;
  }

  // 1050 and 1400: just after the first look, whose NOP the doomed session still acknowledges.
  const lives = [0, 5, 60, 300, 1000, 1050, 1400];
  test.each([0.2, 20, 150, 400])('after %s ms on the way each: said within 3 s, however long it takes to drop it', async (delay) => {
    for (const [index, life] of lives.entries()) {
      // A ping after the end is answered within that time only if the way there and the life leave enough of it.
      if (4 * delay + life > 1700) continue;
      const upload = index % 2 === 0 ? 10 : 100_000;
      expect(await explained(delay, 0, life, upload, index)).toBeLessThanOrEqual(3 * SECOND);
    }
  });

  test('on a line that loses 30 % each way: said in the end, and nothing else', async () => {
    for (let seed = 1; seed <= 7; seed++) {
      const life = lives[seed % lives.length] as number;
      expect(await explained(20, 0.3, life, seed % 2 === 0 ? 10 : 100_000, seed)).toBeLessThan(9 * SECOND);
    }
  });
});

test('a line that loses 30 % each way, or nothing gets through for 3 s: no setting is said to differ', async () => {
  for (let seed = 1; seed <= 8; seed++) {
    const simulation = await Simulation.start({ seed, link: (link) => link.setDelay(50).setLoss(seed % 4 === 0 ? 1 : 0.3) });
    simulation.connect().send(1000);
    simulation.world.clock.advanceBy(3 * SECOND);
    for (const [from, to] of [
      [CLIENT, SERVER],
      [SERVER, CLIENT],
    ] as const)
      simulation.world.link(from, to).setLoss(0);
    simulation.world.clock.advanceBy(30 * SECOND);
    // That nothing comes back is true then, and what it may mean is a question.
    expect(simulation.clientLines.lines.filter((line) => EXPLANATIONS.test(line) && !NOTHING.test(line))).toEqual([]);
    expect(simulation.serverLines.lines).toEqual([]);
    expect(simulation.targets).toHaveLength(1);
    simulation.stop();
  }
});
