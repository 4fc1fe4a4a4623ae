// Recorded datagrams: what a server does with them while a session lives, after it has ended, from elsewhere, and what it never does.

import { PacketBatch } from '@kcptun/common';
import { CRYPT_METHODS, type CryptMethod, createPacketCrypt, nonceOffsetOf } from '@kcptun/crypt';
import { Random } from '@kcptun/testkit';
import { describe, expect, test } from 'vitest';
import { REPLAY_MEMORY, REPLAY_MEMORY_AGE, REPLAY_WINDOW, ReplayGuard, type Session } from '../src/index.ts';
import { deliver, segment } from './packets.ts';
import { KEY, Reader, Site, type World, Writer, world } from './world.ts';

const PROTECTED = CRYPT_METHODS.filter((method) => nonceOffsetOf(method) >= 0);
const PARAMETERS = { nodelay: 1, interval: 10, sndWnd: 64, rcvWnd: 64, dataShards: 4, parityShards: 2 };

/** Seals packets as a peer does that knows the key. */
function sealer(crypt: CryptMethod, seed: number): (packet: Uint8Array) => Uint8Array {
  const cipher = createPacketCrypt({ method: crypt, key: KEY, random: new Random(seed).source });
  const batch = new PacketBatch();
  return (packet) => {
    batch.clear();
    const index = batch.add(32, packet.length, 0);
    batch.bytes.set(packet, batch.offset[index]);
    cipher.seal(batch);
    return batch.packet(0).slice();
  };
}

interface Recording extends World {
  readonly server: Site;
  readonly client: Site;
  readonly session: Session;
  readonly datagrams: Uint8Array[];
  readonly reader: Reader;
  run(bytes: number): void;
}

/** A client that has sent something to a server, and all its datagrams. */
function record(crypt: CryptMethod, guard?: ReplayGuard, replayProtection = true): Recording {
  const { clock, network } = world(1, (link) => link.setDelay(10));
  const datagrams: Uint8Array[] = [];
  const reader = new Reader(5);
  const server: Site = new Site(clock, network, 1, 'server', {
    crypt,
    parameters: PARAMETERS,
    replayProtection,
    ...(guard === undefined ? {} : { replayGuard: guard }),
    onOpened: (session) => server.attach(session, session.path === 2 ? reader : new Reader(), undefined),
  });
  const client = new Site(clock, network, 2, 'client', { crypt, parameters: PARAMETERS, onDatagram: (bytes) => datagrams.push(bytes) });
  const session = client.open(1, undefined, undefined);
  return {
    clock,
    network,
    server,
    client,
    session,
    datagrams,
    reader,
    run(bytes) {
      client.attach(session, undefined, new Writer(bytes, 5));
      client.turn();
      clock.runUntil(() => reader.received === bytes && session.drained, 60_000);
    },
  };
}

describe('heads of datagrams', () => {
  test.each(PROTECTED)('%s: nobody without the key can give a datagram another head', (crypt) => {
    const seal = sealer(crypt, 3);
    const sealed = seal(segment({ payload: new Uint8Array(100) }));
    const cipher = createPacketCrypt({ method: crypt, key: KEY, random: new Random(1).source });
    const from = nonceOffsetOf(crypt);
    const random = new Random(7);
    for (let round = 0; round < 300; round++) {
      const changed = sealed.slice();
      const at = from + random.integer(0, 7);
      changed[at] = (changed[at] as number) ^ random.integer(1, 255);
      const batch = new PacketBatch();
      batch.addReceived(changed, 0);
      cipher.open(batch);
      expect(batch.length[0]).toBe(-1);
    }
  });

  test.each(['xor', 'none', 'null'] as const)('%s has no head that is bound to its packet, and no protection', (crypt) => {
    expect(nonceOffsetOf(crypt)).toBe(-1);
    const it = record(crypt);
    it.run(2000);
    deliver(it.server.endpoint, 9, it.datagrams, it.clock.now);
    expect(it.server.endpoint.counters.replayed).toBe(0);
    // As in the original: the same conversation begins again from another address.
    expect(it.server.endpoint.sessionCount).toBe(2);
  });
});

describe.each(PROTECTED)('%s', (crypt) => {
  test('datagrams that come twice are dropped and counted, nothing is sent for them', () => {
    const it = record(crypt);
    it.run(20_000);
    it.clock.advanceBy(1000);
    const sent = it.server.datagrams;
    const { totals } = it.server.endpoint.counters;
    const segments = it.server.endpoint.counters.snapshot().InSegs;
    for (const path of [2, 77]) {
      deliver(it.server.endpoint, path, it.datagrams, it.clock.now);
      it.server.turn();
    }
    it.clock.advanceBy(5000);
    expect(it.server.endpoint.counters.replayed).toBe(2 * it.datagrams.length);
    expect(it.server.datagrams).toBe(sent);
    expect(it.server.endpoint.counters.snapshot().InSegs).toBe(segments);
    expect(totals.PassiveOpens).toBe(1);
    expect(it.server.events.filter(({ type }) => type === 'moved')).toEqual([]);
    expect(it.server.forgotten).toContain(77);
  });

  test('a session that has ended is not opened again by what it once sent, from anywhere, through any port of the server', () => {
    const guard = new ReplayGuard(new Random(4).source);
    const it = record(crypt, guard);
    it.run(20_000);
    const [opened] = it.server.endpoint.sessions();
    opened?.close();
    it.server.turn();
    const other = new Site(it.clock, it.network, 3, 'server', { crypt, parameters: PARAMETERS, replayGuard: guard });
    for (const { endpoint } of [it.server, other]) {
      // A fresh datagram of the same conversation as well: its peer has not noticed the end.
      deliver(endpoint, 2, [...it.datagrams, sealer(crypt, 99)(segment({ conv: it.session.conv, sn: 500 }))], it.clock.now);
      deliver(endpoint, 78, it.datagrams, it.clock.now);
      expect(endpoint.sessionCount).toBe(0);
      expect(endpoint.counters.replayed).toBeGreaterThan(it.datagrams.length);
    }
    // Whoever starts over takes another conversation.
    deliver(it.server.endpoint, 2, [sealer(crypt, 98)(segment({ conv: it.session.conv ^ 1 }))], it.clock.now);
    expect(it.server.endpoint.sessionCount).toBe(1);
  });
});

describe('the long memory', () => {
  const crypt = 'aes-128';

  test('knows what opened a session when the window of the socket has long forgotten it', () => {
    const it = record(crypt);
    it.run(3000);
    const seal = sealer(crypt, 11);
    const { endpoint } = it.server;
    for (let round = 0; round < 2 * REPLAY_WINDOW + 100; round += 64) {
      deliver(
        endpoint,
        2,
        Array.from({ length: 64 }, (_, index) => seal(segment({ conv: it.session.conv, cmd: 84, sn: round + index }))),
      );
      it.server.turn();
    }
    const before = endpoint.counters.replayed;
    const first = it.datagrams.slice(0, 1);
    // From its own address it is one of KCP's own repetitions; from another one it would open a second session.
    deliver(endpoint, 79, first, it.clock.now);
    expect(endpoint.sessionCount).toBe(1);
    expect(endpoint.counters.replayed).toBe(before + 1);
  });

  test('is not needed for what would move a living session: nothing that was taken in moves it later, from anywhere', () => {
    const it = record(crypt);
    it.run(20_000);
    const { endpoint } = it.server;
    // The server has something to say as well, so that the client acknowledges.
    const [opened] = endpoint.sessions();
    opened?.write(new Uint8Array(3000), 0, 3000);
    it.server.turn();
    it.clock.runUntil(() => opened?.drained === true, 1000);
    const recorded = [...it.datagrams];
    const seal = sealer(crypt, 13);
    for (let round = 0; round < 2 * REPLAY_WINDOW + 100; round += 64) {
      deliver(
        endpoint,
        3,
        Array.from({ length: 64 }, (_, index) => seal(segment({ conv: it.session.conv ^ 1, cmd: 84, sn: round + index }))),
      );
      it.server.turn();
    }
    const before = endpoint.counters.replayed;
    for (const datagram of recorded) deliver(endpoint, 79, [datagram], it.clock.now);
    it.server.turn();
    expect(it.server.events.filter(({ type }) => type === 'moved')).toEqual([]);
    // All but FEC parity, which tells no conversation.
    expect(endpoint.counters.replayed - before).toBeGreaterThan(recorded.length / 2);
  });

  test('keeps an opening datagram from opening a session beside the one that came after it', () => {
    const it = record(crypt);
    it.run(3000);
    const seal = sealer(crypt, 12);
    const { endpoint } = it.server;
    deliver(endpoint, 2, [seal(segment({ conv: 4711 }))], it.clock.now);
    it.server.turn();
    const convs = (): number[] => [...endpoint.sessions()].map(({ conv }) => conv);
    expect(convs()).toEqual([it.session.conv, 4711]);
    [...endpoint.sessions()][0]?.close();
    for (const datagram of it.datagrams) deliver(endpoint, 2, [datagram], it.clock.now);
    expect(convs()).toEqual([4711]);
  });

  test(`holds at least ${REPLAY_MEMORY} entries for 24 hours, and no more than twice as much`, () => {
    const guard = new ReplayGuard(new Random(4).source);
    const ended = (conv: number, now: number): void => guard.closed({ conv } as Session, true, now);
    for (let conv = 0; conv < REPLAY_MEMORY; conv++) ended(conv, 0);
    expect(guard.hasEnded(0)).toBe(true);
    for (let conv = 0; conv < REPLAY_MEMORY - 1; conv++) ended(1_000_000 + conv, 1);
    expect(guard.hasEnded(0)).toBe(true);
    expect(guard.hasEnded(REPLAY_MEMORY - 1)).toBe(true);
    for (let conv = 0; conv < 3 * REPLAY_MEMORY; conv++) ended(2_000_000 + conv, 2);
    expect(guard.hasEnded(0)).toBe(false);
    expect(guard.size).toBeLessThanOrEqual(2 * REPLAY_MEMORY);

    const slow = new ReplayGuard(new Random(4).source);
    slow.closed({ conv: 1 } as Session, true, 0);
    for (let hour = 1; hour < 24; hour++) slow.closed({ conv: hour + 1 } as Session, true, (hour * REPLAY_MEMORY_AGE) / 24);
    expect(slow.hasEnded(1)).toBe(true);
  });
});

describe('what it leaves alone', () => {
  test('duplicates that the network makes, losses, disorder and FEC cost nothing', () => {
    const { clock, network } = world(6, (link) => link.setDelay(10).setLoss(0.08).setDuplicate(0.2).setJitter(8));
    const reader = new Reader(6);
    const server: Site = new Site(clock, network, 1, 'server', {
      crypt: 'aes',
      parameters: PARAMETERS,
      onOpened: (session) => server.attach(session, reader, undefined),
    });
    const client = new Site(clock, network, 2, 'client', { crypt: 'aes', parameters: PARAMETERS });
    client.open(1, undefined, new Writer(300_000, 6));
    clock.runUntil(() => reader.received === 300_000, 120_000);
    const counters = server.endpoint.counters.snapshot();
    expect(counters.FECRecovered).toBeGreaterThan(5);
    expect(server.endpoint.counters.replayed).toBeGreaterThan(20);
    expect(server.events).toHaveLength(1);
  });

  test('switched off, everything is as in the original', () => {
    const it = record('aes', undefined, false);
    it.run(3000);
    deliver(it.server.endpoint, 2, it.datagrams, it.clock.now);
    deliver(it.server.endpoint, 80, it.datagrams, it.clock.now);
    expect(it.server.endpoint.counters.replayed).toBe(0);
    expect(it.server.endpoint.sessionCount).toBe(2);
  });
});
