// Sessions of mode auto to one address: what they share, and what is left for the next.

import { PATH_MEMBERS_MOST } from '@kcptun/kcp-core';
import { describe, expect, test } from 'vitest';
import { SharedPaths } from '../src/index.ts';
import { KNOWN_PATH_AGE } from '../src/path-memory.ts';
import { Reader, Site, type World, Writer, world } from './world.ts';

test('sessions to one address share a path, up to so many, and those to others do not', () => {
  const paths = new SharedPaths();
  const first = paths.join('a', 0);
  first.path.join();
  expect(paths.join('a', 0).path).toBe(first.path);
  expect(paths.join('b', 0).path).not.toBe(first.path);
  expect(paths.join('', 0).path).not.toBe(paths.join('', 0).path);
  for (let index = 1; index < PATH_MEMBERS_MOST; index++) first.path.join();
  expect(paths.join('a', 0).path).not.toBe(first.path);
});

test('a path that nobody uses is let go', () => {
  const paths = new SharedPaths();
  const use = paths.join('a', 0);
  const member = use.path.join();
  use.leave(0);
  expect(paths.size).toBe(1);
  use.path.leave(member);
  use.path.leave(member);
  use.leave(0);
  expect(paths.size).toBe(0);
  // Nothing was found, so nothing is remembered.
  expect(paths.memory.size).toBe(0);
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

  function sites(paths: SharedPaths, serverPaths = new SharedPaths()): { at: World; client: Site; server: Site } {
    const at = world(1, (link) => link.setDelay(20).setRate(LINE, 2_000_000));
    const server: Site = new Site(at.clock, at.network, 1, 'server', {
      parameters: AUTO,
      paths: serverPaths,
      addressOf: (path) => `a${path}`,
      onOpened: (session) => server.attach(session, new Reader(1), new Writer(1_000_000, 2)),
    });
    const client = new Site(at.clock, at.network, 2, 'client', { parameters: AUTO, paths, addressOf: (path) => `a${path}` });
    return { at, client, server };
  }

  test('the second begins with half of what the first has found', () => {
    const paths = new SharedPaths();
    const serverPaths = new SharedPaths();
    const { at, client, server } = sites(paths, serverPaths);
    const one = send(at, client, server);
    expect(one.found * 1000 * 1350).toBeGreaterThan(0.85 * LINE);
    expect(send(at, client, server).first).toBeCloseTo(one.found / 2, 1);
    // The server remembers its client, not others.
    expect(serverPaths.memory.recall('a2', at.clock.now)?.rate).toBeGreaterThan(0.5 * one.found);
    expect(serverPaths.memory.size).toBe(1);
  });

  test('after a long time it begins as the first did', () => {
    const { at, client, server } = sites(new SharedPaths());
    const one = send(at, client, server);
    at.clock.advanceBy(KNOWN_PATH_AGE + 1);
    expect(send(at, client, server).first).toBe(one.first);
  });

  test('one that goes on for long has written down what it found', () => {
    const paths = new SharedPaths();
    const { at, client } = sites(paths);
    client.open(1, undefined, new Writer(1e9, 1));
    at.clock.advanceBy(12_000);
    expect(paths.memory.recall('a1', at.clock.now)!.rate * 1000 * 1350).toBeGreaterThan(0.85 * LINE);
  });
});
