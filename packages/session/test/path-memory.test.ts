// What is remembered of paths: by address, for a time, within bounds.

import { describe, expect, test } from 'vitest';
import { KNOWN_PATH_AGE, KNOWN_PATHS_MOST, PathMemory } from '../src/path-memory.ts';
import { Reader, Site, type World, Writer, world } from './world.ts';

const PATH = { rate: 9, roundTrip: 100, loss: 0.02 } as const;

test('what was noted last is recalled, for its own address only', () => {
  const memory = new PathMemory();
  memory.remember('192.0.2.1', { ...PATH, rate: 5 }, 0);
  memory.remember('192.0.2.1', PATH, 10);
  expect(memory.recall('192.0.2.1', 20)).toMatchObject(PATH);
  expect(memory.recall('192.0.2.2', 20)).toBeUndefined();
});

test('an entry that is too old is forgotten', () => {
  const memory = new PathMemory();
  memory.remember('192.0.2.1', PATH, 1000);
  expect(memory.recall('192.0.2.1', 1000 + KNOWN_PATH_AGE)).toBeDefined();
  expect(memory.recall('192.0.2.1', 1001 + KNOWN_PATH_AGE)).toBeUndefined();
  expect(memory.size).toBe(0);
});

test('there is room for so many addresses: the one that was written longest ago gives way', () => {
  const memory = new PathMemory();
  for (let index = 0; index < KNOWN_PATHS_MOST; index++) memory.remember(`a${index}`, PATH, index);
  memory.remember('a0', PATH, KNOWN_PATHS_MOST);
  memory.remember('new', PATH, KNOWN_PATHS_MOST);
  expect(memory.size).toBe(KNOWN_PATHS_MOST);
  expect(memory.recall('a0', KNOWN_PATHS_MOST)).toBeDefined();
  expect(memory.recall('a1', KNOWN_PATHS_MOST)).toBeUndefined();
});

test('forged values stay within bounds, and what makes no sense is not noted', () => {
  const memory = new PathMemory();
  memory.remember('liar', { rate: Number.POSITIVE_INFINITY, roundTrip: 1e12, loss: 7 }, 0);
  expect(memory.recall('liar', 0)).toMatchObject({ rate: 1000, roundTrip: 2000, loss: 1 });
  for (const bad of [Number.NaN, 0, -1]) memory.remember('other', { ...PATH, rate: bad, roundTrip: bad }, 0);
  memory.remember('other', { ...PATH, loss: Number.NaN }, 0);
  memory.remember('', PATH, 0);
  expect(memory.size).toBe(1);
});

describe('sessions in mode auto', () => {
  const AUTO = { auto: true, sndWnd: 4096, rcvWnd: 4096, dataShards: 0, parityShards: 0 } as const;
  /** 20 Mbit/s and 40 ms. */
  const LINE = 2_500_000;

  /** Opens a session and sends 2 MB; returns the pace at its begin and what was found, both ends being asked. */
  function send(at: World, client: Site, server: Site): { first: number; found: number } {
    const session = client.open(1, undefined, new Writer(2_000_000, 1));
    const first = session.kcp.auto!.controller.pacing;
    at.clock.runUntil(() => session.drained, at.clock.now + 20_000);
    expect(session.drained).toBe(true);
    const found = session.kcp.auto!.controller.bw;
    session.close();
    for (const other of [...server.endpoint.sessions()]) other.close();
    client.turn();
    server.turn();
    at.clock.advanceBy(1000);
    return { first, found };
  }

  function sites(memory: PathMemory, serverMemory = new PathMemory()): { at: World; client: Site; server: Site } {
    const at = world(1, (link) => link.setDelay(20).setRate(LINE, 2_000_000));
    const server: Site = new Site(at.clock, at.network, 1, 'server', {
      parameters: AUTO,
      pathMemory: serverMemory,
      addressOf: (path) => `a${path}`,
      onOpened: (session) => server.attach(session, new Reader(1), new Writer(1_000_000, 2)),
    });
    const client = new Site(at.clock, at.network, 2, 'client', { parameters: AUTO, pathMemory: memory, addressOf: (path) => `a${path}` });
    return { at, client, server };
  }

  test('the second begins with half of what the first has found', () => {
    const memory = new PathMemory();
    const serverMemory = new PathMemory();
    const { at, client, server } = sites(memory, serverMemory);
    const one = send(at, client, server);
    expect(one.found * 1000 * 1350).toBeGreaterThan(0.85 * LINE);
    expect(send(at, client, server).first).toBeCloseTo(one.found / 2, 1);
    // The server remembers its client, not others.
    expect(serverMemory.recall('a2', at.clock.now)?.rate).toBeGreaterThan(0.5 * one.found);
    expect(serverMemory.size).toBe(1);
  });

  test('after a long time it begins as the first did', () => {
    const { at, client, server } = sites(new PathMemory());
    const one = send(at, client, server);
    at.clock.advanceBy(KNOWN_PATH_AGE + 1);
    expect(send(at, client, server).first).toBe(one.first);
  });

  test('one that goes on for long has written down what it found', () => {
    const memory = new PathMemory();
    const { at, client } = sites(memory);
    client.open(1, undefined, new Writer(1e9, 1));
    at.clock.advanceBy(12_000);
    expect(memory.recall('a1', at.clock.now)!.rate * 1000 * 1350).toBeGreaterThan(0.85 * LINE);
  });
});
