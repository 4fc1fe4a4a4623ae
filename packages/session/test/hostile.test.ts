// Hostile input: any datagram is dropped and counted; nothing throws, spins, or grows beyond the named limits. Without a cipher's checksum
// everything goes through to KCP, FEC and demultiplexing, so `null` is the hardest case.

import { PacketBatch } from '@kcptun/common';
import type { CryptMethod } from '@kcptun/crypt';
import { DEFAULT_POOL_SLOTS, FEC_TYPE_DATA, FEC_TYPE_OOB, FEC_TYPE_PARITY, POOL_SLOT_SIZE } from '@kcptun/fec';
import { createTestMemory, Random } from '@kcptun/testkit';
import { describe, expect, test } from 'vitest';
import type { Session } from '../src/index.ts';
import { deliver, fec, segment } from './packets.ts';
import { Reader, Site, transfer, Writer, world } from './world.ts';

const WINDOW = 64;
const PARAMETERS = { nodelay: 1, interval: 10, sndWnd: WINDOW, rcvWnd: WINDOW, dataShards: 4, parityShards: 2 };
const KEY_ONE = new Uint8Array(32).fill(1);
const KEY_TWO = new Uint8Array(32).fill(2);

/** Datagrams of a real transfer: what a fuzzer starts from. */
function corpus(crypt: CryptMethod, seed: number): Uint8Array[] {
  const datagrams: Uint8Array[] = [];
  const side = { crypt, key: KEY_ONE, parameters: PARAMETERS, onDatagram: (bytes: Uint8Array) => datagrams.push(bytes) };
  transfer(
    world(seed, (link) => link.setDelay(5).setLoss(0.1)),
    { seed, upload: 20_000, download: 20_000, client: side, server: side },
  ).run(60_000);
  return datagrams;
}

/** A changed, cut, extended, repeated or invented datagram. */
function mutate(random: Random, datagrams: readonly Uint8Array[], convs: readonly number[]): Uint8Array {
  const base = random.pick(datagrams);
  switch (random.integer(0, 9)) {
    case 0:
      return base;
    case 1:
      return base.subarray(0, random.integer(0, base.length));
    case 2:
      return random.bytes(random.integer(0, 1600));
    case 3: {
      const longer = random.bytes(base.length + random.integer(1, 300));
      longer.set(base);
      return longer;
    }
    case 4:
    case 5: {
      const changed = base.slice();
      for (let flip = random.integer(1, 8); flip > 0; flip--) {
        const at = random.chance(0.8) ? random.integer(0, Math.min(40, changed.length - 1)) : random.integer(0, changed.length - 1);
        changed[at] = random.chance(0.5) ? random.pick([0, 1, 0x7f, 0x80, 0xff]) : random.integer(0, 255);
      }
      return changed;
    }
    case 6:
    case 7:
      return invented(random, convs);
    case 8:
      return fec(invented(random, convs), seqidOf(random), random.pick([FEC_TYPE_DATA, FEC_TYPE_PARITY, FEC_TYPE_OOB]));
    default:
      return fec(random.bytes(random.integer(0, 1500)), seqidOf(random), random.pick([FEC_TYPE_DATA, FEC_TYPE_PARITY]));
  }
}

function seqidOf(random: Random): number {
  return random.chance(0.7) ? random.integer(0, 400) : random.u32();
}

/** A packet of up to 20 segments with plausible and wild fields, cut at 1500 bytes. */
function invented(random: Random, convs: readonly number[]): Uint8Array {
  const packet = new Uint8Array(1500);
  let length = 0;
  const wild = (): number => (random.chance(0.7) ? random.integer(0, 3 * WINDOW) : random.u32());
  for (let count = random.integer(1, 20); count > 0; count--) {
    const part = segment({
      conv: random.chance(0.9) ? random.pick(convs) : random.u32(),
      cmd: random.chance(0.9) ? random.integer(81, 84) : random.integer(0, 255),
      frg: random.integer(0, 255),
      wnd: random.pick([0, 1, 128, 65_535]),
      ts: wild(),
      sn: wild(),
      una: wild(),
      payload: random.bytes(random.chance(0.7) ? random.integer(0, 50) : 0),
    });
    const fitting = part.subarray(0, packet.length - length);
    packet.set(fitting, length);
    length += fitting.length;
  }
  return packet.subarray(0, length);
}

/** Segments that a session may hold: its send window with what may exceed it in a turn, twice the receive window (in order and not). */
const SEGMENTS_MOST = WINDOW + 64 + 2 * WINDOW;
/** Bytes that FEC may take of a memory. */
const FEC_MOST = (DEFAULT_POOL_SLOTS + 1) * POOL_SLOT_SIZE + 16_384;

describe.each(['null', 'none', 'aes'] as const)('a storm of datagrams, method %s', (crypt) => {
  const count = crypt === 'null' ? 20_000 : 4000;
  const maxSessions = 20;

  test.each([1, 2])('hits a server, seed %i', (seed) => {
    const random = new Random(seed);
    const memory = createTestMemory(8 << 20);
    const { clock, network } = world(seed, (link) => link.setDelay(5));
    const reader = new Reader(seed);
    const accepted: Session[] = [];
    const server: Site = new Site(clock, network, 1, 'server', {
      crypt,
      key: KEY_ONE,
      parameters: PARAMETERS,
      memory,
      maxSessions,
      onOpened: (session) => {
        accepted.push(session);
        server.attach(session, session.path === 2 ? reader : random.chance(0.5) ? new Reader() : undefined, undefined);
      },
    });
    const before = memory.used;
    const client = new Site(clock, network, 2, 'client', { crypt, key: KEY_ONE, parameters: PARAMETERS, seed });
    const writer = new Writer(100_000, seed);
    client.open(1, undefined, writer);
    const datagrams = corpus(crypt, seed);
    for (let sent = 0; sent < count; sent += 10) {
      const path = 100 + random.integer(0, 2 * maxSessions);
      const convs = [...server.endpoint.sessions()].map((session) => session.conv);
      const storm: Uint8Array[] = [];
      for (let index = 0; index < 10; index++) storm.push(mutate(random, datagrams, [...convs, 1]));
      deliver(server.endpoint, path, storm, clock.now);
      server.turn();
      clock.advanceBy(random.pick([0, 0, 1, 7]));
      expect(server.endpoint.sessionCount).toBeLessThanOrEqual(maxSessions);
      expect(server.endpoint.segments.used).toBeLessThanOrEqual(maxSessions * SEGMENTS_MOST);
      expect(memory.used).toBeLessThanOrEqual(before + FEC_MOST);
    }
    // The session on another path has not noticed.
    clock.runUntil(() => reader.received === writer.total, 60_000);
    expect(server.endpoint.counters.dropped + server.endpoint.refusedDatagrams).toBeGreaterThan(count / 20);
    // What the attacked sessions still have to do comes at a sane pace.
    const sent = server.datagrams;
    clock.advanceBy(10_000);
    expect(server.datagrams - sent).toBeLessThan(maxSessions * 5000);
    for (const session of [...server.endpoint.sessions()]) session.close();
    server.turn();
    expect(server.endpoint.segments.used).toBe(0);
    expect(server.endpoint.nextTimeout()).toBeUndefined();
  });

  test.each([1, 2])('hits a client and its session, seed %i', (seed) => {
    const random = new Random(seed);
    const { clock, network } = world(seed, (link) => link.setDelay(5));
    const memory = createTestMemory(8 << 20);
    const it = transfer(
      { clock, network },
      {
        seed,
        upload: 100_000,
        download: 100_000,
        client: { crypt, key: KEY_ONE, parameters: PARAMETERS, memory },
        server: { crypt, key: KEY_ONE, parameters: PARAMETERS },
      },
    );
    const before = memory.used;
    // Forged packets with the right conv change the stream where nothing protects it: then only survival is asked for.
    const reader = crypt === 'null' ? undefined : (it.session.owner as { reader: Reader }).reader;
    if (reader === undefined) it.client.attach(it.session, new Reader(), undefined);
    // Of another session, whose conv is another one.
    const datagrams = corpus(crypt, seed + 50);
    for (let sent = 0; sent < count / 2; sent += 10) {
      const storm: Uint8Array[] = [];
      for (let index = 0; index < 10; index++) storm.push(mutate(random, datagrams, [it.session.conv]));
      deliver(it.client.endpoint, 1, storm, clock.now);
      it.client.turn();
      clock.advanceBy(random.pick([0, 0, 1]));
      expect(it.client.endpoint.segments.used).toBeLessThanOrEqual(SEGMENTS_MOST);
      expect(memory.used).toBeLessThanOrEqual(before + FEC_MOST);
      expect(it.client.endpoint.sessionCount).toBe(1);
    }
    if (reader !== undefined) it.run(60_000);
    it.session.close();
    it.client.turn();
    expect(it.client.endpoint.segments.used).toBe(0);
    expect(it.client.endpoint.nextTimeout()).toBeUndefined();
  });
});

test('replayed datagrams of the own peer change nothing', () => {
  const seen: Uint8Array[] = [];
  const path = world(3, (link) => link.setDelay(5).setLoss(0.05));
  const side = { crypt: 'aes' as const, parameters: PARAMETERS };
  const it = transfer(path, {
    seed: 3,
    upload: 60_000,
    download: 10_000,
    client: { ...side, onDatagram: (bytes) => seen.push(bytes) },
    server: side,
  });
  const random = new Random(3);
  for (let round = 0; round < 200; round++) {
    path.clock.advanceBy(5);
    const known = seen.length;
    for (let index = 0; index < 20; index++) path.network.send(2, 1, seen[random.integer(0, known - 1)] as Uint8Array);
  }
  it.run(60_000);
  expect(it.server.events).toHaveLength(1);
});

test.each(['aes', 'aes-128-gcm', 'xor', 'none'] as const)('a peer with another key gets no session (%s)', (crypt) => {
  const { clock, network } = world();
  const server = new Site(clock, network, 1, 'server', { crypt, key: KEY_ONE });
  const client = new Site(clock, network, 2, 'client', { crypt, key: crypt === 'none' ? KEY_ONE : KEY_TWO });
  client.open(1, undefined, new Writer(10_000, 1));
  clock.advanceTo(1000);
  if (crypt === 'none') {
    // Method none has no key: the peer is as good as any.
    expect(server.endpoint.sessionCount).toBe(1);
    return;
  }
  expect(server.endpoint.sessionCount).toBe(0);
  expect(server.endpoint.refusedDatagrams).toBe(client.datagrams);
  expect(server.endpoint.counters.snapshot()).toMatchObject({ InCsumErrors: client.datagrams, InPkts: 0, PassiveOpens: 0 });
  expect(server.forgotten.length).toBeGreaterThan(0);
});

test('a flood of first packets from made-up paths stops at the limit, and every path is given back', () => {
  const { clock, network } = world();
  const server = new Site(clock, network, 1, 'server', { maxSessions: 300, parameters: PARAMETERS });
  const batch = new PacketBatch();
  const opening = segment({ payload: new Uint8Array(100) });
  for (let path = 0; path < 30_000; path++) {
    batch.addReceived(opening, 1000 + path);
    if (!batch.full) continue;
    server.endpoint.handleDatagrams(batch, clock.now);
    batch.clear();
    server.turn();
  }
  server.endpoint.handleDatagrams(batch, clock.now);
  server.turn();
  expect(server.endpoint.sessionCount).toBe(300);
  expect(server.forgotten).toHaveLength(30_000 - 300);
  expect(server.endpoint.segments.used).toBeLessThanOrEqual(300);
  clock.advanceBy(60_000);
  // Each is acknowledged once and asked four times; then there is nothing to do for any of them.
  expect(server.datagrams).toBe(300 * 5);
  expect(server.lengths.reduce((sum, length) => sum + length, 0)).toBeLessThanOrEqual(3 * 300 * opening.length);
  expect(server.endpoint.nextTimeout()).toBeUndefined();
});
