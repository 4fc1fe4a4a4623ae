// A flood of first packets from a hundred thousand made-up addresses: what lives goes on, memory is bounded, and honest newcomers get in,
// while it lasts and afterwards. Method `null` is the hard case, because there everybody can make first packets; so can whoever has the key.

import { PacketBatch } from '@kcptun/common';
import { describe, expect, test } from 'vitest';
import {
  HALF_OPEN_TIMEOUT,
  MAX_HALF_OPEN,
  MAX_SESSIONS,
  MAX_SESSIONS_PER_ADDRESS,
  type Session,
  SessionCensus,
  type SessionEvent,
} from '../src/index.ts';
import { deliver, segment } from './packets.ts';
import { Reader, Site, type World, Writer, world } from './world.ts';

const ADDRESSES = 100_000;
const PARAMETERS = { nodelay: 1, interval: 10, sndWnd: 64, rcvWnd: 64, dataShards: 4, parityShards: 2 };
const HONEST = 100;

interface Flooded extends World {
  readonly server: Site;
  /** What honest nodes have sent, by their numbers. */
  readonly readers: Map<number, Reader>;
  /** Most sessions and segments at any time. */
  most: { sessions: number; segments: number };
  /** Sends first packets from paths no session has, `count` of them. */
  flood(count: number): void;
  /** Lets an honest node send `bytes` to the server, in a session of its own. */
  join(node: number, bytes: number): Session;
}

function flooded(limits: { maxSessions?: number; maxSessionsPerAddress?: number } = {}): Flooded {
  const { clock, network } = world(1, (link) => link.setDelay(10));
  const readers = new Map<number, Reader>();
  const server: Site = new Site(clock, network, 1, 'server', {
    parameters: PARAMETERS,
    // Nodes below HONEST are honest; the made-up addresses have sixteen ports each.
    addressOf: (path) => (path < HONEST ? `honest ${path}` : `made up ${path >> 4}`),
    ...limits,
    onOpened: (session) => {
      const reader = readers.get(session.path);
      if (reader !== undefined) server.attach(session, reader, undefined);
    },
  });
  let next = 1 << 20;
  const opening = segment({ payload: new Uint8Array(100) });
  const batch = new PacketBatch();
  const it: Flooded = {
    clock,
    network,
    server,
    readers,
    most: { sessions: 0, segments: 0 },
    flood(count) {
      for (let sent = 1; sent <= count; sent++) {
        batch.addReceived(opening, next++);
        if (!batch.full && sent < count) continue;
        server.endpoint.handleDatagrams(batch, clock.now);
        batch.clear();
        server.turn();
        it.most.sessions = Math.max(it.most.sessions, server.endpoint.sessionCount);
        it.most.segments = Math.max(it.most.segments, server.endpoint.segments.used);
        if (sent % 1000 < 64) clock.advanceBy(1);
      }
    },
    join(node, bytes) {
      readers.set(node, new Reader(node));
      return new Site(clock, network, node, 'client', { parameters: PARAMETERS, seed: node }).open(1, undefined, new Writer(bytes, node));
    },
  };
  return it;
}

function errors(events: readonly SessionEvent[], nodes: (path: number) => boolean): string[] {
  return events.filter(({ type, session }) => type === 'closed' && nodes(session.path)).map(({ error }) => error?.code ?? 'none');
}

describe('a flood from made-up addresses', () => {
  test('pushes out no living session, grows nothing, and lets honest newcomers in', { timeout: 300_000 }, () => {
    const it = flooded();
    const living = Array.from({ length: 20 }, (_, index) => it.join(2 + index, 200_000));
    it.clock.advanceBy(100);
    it.flood(ADDRESSES / 2);
    const newcomer = it.join(50, 50_000);
    it.flood(ADDRESSES / 2);
    expect(it.most.sessions).toBe(MAX_HALF_OPEN + 21);
    // One segment a stranger, windows of those who live.
    expect(it.most.segments).toBeLessThanOrEqual(MAX_HALF_OPEN + 21 * 3 * 64);
    it.clock.runUntil(() => [...living, newcomer].every((session) => session.drained), 120_000);
    for (const [node, reader] of it.readers) expect(reader.received).toBe(node === 50 ? 50_000 : 200_000);
    expect(errors(it.server.events, (path) => path < HONEST)).toEqual([]);
    expect(new Set(errors(it.server.events, (path) => path >= HONEST))).toEqual(new Set(['KCPTUN_ERR_SESSION_CROWDED']));
    // Afterwards only those who live are left, and others get in.
    it.clock.advanceBy(HALF_OPEN_TIMEOUT);
    expect(it.server.endpoint.halfOpenCount).toBe(0);
    expect(it.server.endpoint.sessionCount).toBe(21);
    expect(it.server.endpoint.nextTimeout()).toBeUndefined();
    const later = it.join(60, 50_000);
    it.clock.runUntil(() => later.drained, 60_000);
    expect(it.readers.get(60)?.received).toBe(50_000);
    // The numbers of all paths but those of the living have been given back.
    expect(new Set(it.server.forgotten).size).toBe(ADDRESSES);
  });

  test('a server that is full of living sessions takes nobody, and somebody as soon as one ends', () => {
    const it = flooded({ maxSessions: 5 });
    for (let node = 2; node < 7; node++) it.join(node, 1000);
    it.clock.advanceBy(1000);
    it.flood(1000);
    expect(it.server.endpoint.sessionCount).toBe(5);
    expect(it.server.endpoint.counters.crowdedOut).toBe(1000);
    expect(errors(it.server.events, () => true)).toEqual([]);
    const [first] = it.server.endpoint.sessions();
    first?.close();
    it.server.turn();
    it.join(9, 1000);
    it.clock.advanceBy(1000);
    expect(it.readers.get(9)?.received).toBe(1000);
  });

  test('of strangers, the one that waits for longest gives way', () => {
    const it = flooded({ maxSessions: 3 });
    for (let path = 1001; path <= 1004; path++) deliver(it.server.endpoint, path, [segment()], it.clock.now);
    it.server.turn();
    expect([...it.server.endpoint.sessions()].map(({ path }) => path)).toEqual([1002, 1003, 1004]);
    // Nothing was sent to the one that had to go but the answer to what it sent, if it was due already.
    expect(it.server.datagrams).toBe(0);
  });
});

describe('the limit for one address', () => {
  test('holds, and others are not concerned', () => {
    const it = flooded({ maxSessionsPerAddress: 4 });
    // Sixteen paths of one address.
    for (let path = 1600; path < 1616; path++) {
      deliver(it.server.endpoint, path, [segment({ conv: path })], it.clock.now);
      it.server.turn();
    }
    expect(it.server.endpoint.sessionCount).toBe(4);
    deliver(it.server.endpoint, 3200, [segment()], it.clock.now);
    it.server.turn();
    expect(it.server.endpoint.sessionCount).toBe(5);
    for (const session of it.server.endpoint.sessions()) session.establish();
    for (let path = 1600; path < 1616; path++) deliver(it.server.endpoint, path, [segment({ conv: path })], it.clock.now);
    expect(it.server.endpoint.sessionCount).toBe(5);
    expect(it.server.endpoint.counters.crowdedOut).toBe(12);
  });

  test('is counted over all endpoints of a server', () => {
    const census = new SessionCensus({ maxSessions: 3, maxSessionsPerAddress: 2 });
    expect(census.crowded('a')).toBe(false);
    census.add('a');
    census.add('a');
    expect([census.crowded('a'), census.crowded('b'), census.full, census.addresses]).toEqual([true, false, false, 1]);
    census.add('b');
    expect(census.full).toBe(true);
    census.remove('a');
    census.remove('a');
    census.remove('b');
    expect([census.total, census.addresses]).toEqual([0, 0]);
  });

  test.each([0, MAX_SESSIONS + 1, 1.5])('%d is refused', (limit) => {
    expect(() => new SessionCensus({ maxSessionsPerAddress: limit })).toThrow(/maxSessionsPerAddress/);
  });

  test('the defaults', () => {
    const census = new SessionCensus();
    for (let count = 0; count < MAX_SESSIONS_PER_ADDRESS; count++) census.add('a');
    expect(census.crowded('a')).toBe(true);
    expect(census.crowded('')).toBe(false);
    for (let count = MAX_SESSIONS_PER_ADDRESS; count < MAX_SESSIONS; count++) {
      expect(census.full).toBe(false);
      census.add(`address ${count}`);
    }
    expect(census.full).toBe(true);
  });
});

test('a session that never says anything that makes sense ends by itself, and its peer may try again', () => {
  const { clock, network } = world();
  const server = new Site(clock, network, 1, 'server', { crypt: 'null' });
  deliver(server.endpoint, 7, [segment()], clock.now);
  server.turn();
  expect(server.endpoint.nextTimeout()).toBeLessThanOrEqual(clock.now + HALF_OPEN_TIMEOUT);
  clock.advanceBy(HALF_OPEN_TIMEOUT - 1);
  expect(server.endpoint.sessionCount).toBe(1);
  clock.advanceBy(1);
  expect(server.events.map(({ type, error }) => [type, error?.code])).toEqual([
    ['opened', undefined],
    ['closed', 'KCPTUN_ERR_SESSION_CROWDED'],
  ]);
  deliver(server.endpoint, 7, [segment()], clock.now);
  expect(server.endpoint.sessionCount).toBe(1);
});
