// What somebody without the key can do with one datagram: held back, recorded, or changed so that it
// still passes a CRC-32, which every cipher but aes-128-gcm carries. Nothing of it ends a session.

import { PacketBatch, readU32, writeU32 } from '@kcptun/common';
import { type CryptMethod, createPacketCrypt } from '@kcptun/crypt';
import { CMD_ACK, CMD_PUSH } from '@kcptun/kcp-core';
import { Random } from '@kcptun/testkit';
import { describe, expect, test } from 'vitest';
import { PROVEN_AGE, type Session } from '../src/index.ts';
import { deliver } from './packets.ts';
import { KEY, NO_FEC, Reader, Site, transfer, Writer, world } from './world.ts';

const PARAMETERS = { nodelay: 1, interval: 10, sndWnd: 512, rcvWnd: 512, ...NO_FEC };

/** A datagram as somebody has made it who can give it any content: what salsa20 permits, and the others in part. */
function forger(crypt: CryptMethod): { open(datagram: Uint8Array): Uint8Array; seal(packet: Uint8Array): Uint8Array } {
  const cipher = createPacketCrypt({ method: crypt, key: KEY, random: new Random(303).source });
  const batch = new PacketBatch();
  return {
    open(datagram) {
      batch.clear();
      batch.addReceived(datagram, 0);
      cipher.open(batch);
      return batch.packet(0).slice();
    },
    seal(packet) {
      batch.clear();
      batch.bytes.set(packet, batch.offset[batch.add(32, packet.length, 0)]);
      cipher.seal(batch);
      return batch.packet(0).slice();
    },
  };
}

describe.each(['aes', 'aes-128-gcm'] as const)('%s: the first datagram of one client, held back, from the address of another', (crypt) => {
  test('ends neither session; each is at its own address again as soon as its peer is heard', () => {
    const { clock, network } = world(1, (link) => link.setDelay(10));
    const readers = new Map<number, Reader>();
    const server: Site = new Site(clock, network, 1, 'server', {
      crypt,
      parameters: PARAMETERS,
      onOpened: (session) => {
        const reader = new Reader(session.conv & 0xff);
        readers.set(session.conv, reader);
        server.attach(session, reader, undefined);
      },
    });
    const b = new Site(clock, network, 2, 'client', { crypt, parameters: PARAMETERS, seed: 5 });
    const bs = b.open(1, undefined, undefined);
    b.attach(bs, undefined, new Writer(100_000, bs.conv & 0xff));
    b.turn();
    clock.runUntil(() => bs.drained, 10_000);
    let first: Uint8Array | undefined;
    network.link(4, 1).blackOut(clock.now, clock.now + 50);
    const c = new Site(clock, network, 4, 'client', { crypt, parameters: PARAMETERS, seed: 9, onDatagram: (bytes) => (first ??= bytes) });
    const cs = c.open(1, undefined, undefined);
    c.attach(cs, undefined, new Writer(5000, cs.conv & 0xff));
    c.turn();
    clock.advanceBy(5);
    deliver(server.endpoint, 2, [first as Uint8Array], clock.now);
    server.turn();
    expect(server.endpoint.sessionCount).toBe(2);
    clock.runUntil(() => cs.drained && readers.get(cs.conv)?.received === 5000, 10_000);
    const more = new Writer(300_000, bs.conv & 0xff);
    more.sent = 100_000;
    b.attach(bs, undefined, more);
    b.turn();
    clock.runUntil(() => bs.drained && readers.get(bs.conv)?.received === 300_000, 10_000);
    expect(server.events.filter(({ type }) => type === 'closed')).toEqual([]);
    const paths = [...server.endpoint.sessions()].map(({ conv, path }) => [conv, path]);
    expect(new Map(paths as [number, number][])).toEqual(
      new Map([
        [bs.conv, 2],
        [cs.conv, 4],
      ]),
    );
  });
});

test('an address that two sessions have leads to the other one when one ends, and is free when both have', () => {
  const { clock, network } = world(1, (link) => link.setDelay(10));
  const server: Site = new Site(clock, network, 1, 'server', {
    crypt: 'aes',
    parameters: PARAMETERS,
    onOpened: (session) => server.attach(session, new Reader(), undefined),
  });
  const make = (seed: number): Site => new Site(clock, network, 2, 'client', { crypt: 'aes', parameters: PARAMETERS, seed });
  const first = make(5);
  const one = first.open(1, undefined, new Writer(100, 1));
  clock.advanceBy(200);
  // The same address and port, another program: as behind a NAT that gives a port to the next one.
  const two = make(6).open(1, undefined, new Writer(100, 1));
  clock.advanceBy(200);
  expect([...server.endpoint.sessions()].map(({ conv }) => conv)).toEqual([one.conv, two.conv]);
  const [a, b] = [...server.endpoint.sessions()] as [Session, Session];
  b.close();
  server.turn();
  expect(server.forgotten).not.toContain(2);
  first.moveTo(2);
  first.attach(one, undefined, new Writer(100, 1));
  first.turn();
  clock.runUntil(() => one.drained, 5000);
  a.close();
  server.turn();
  expect(server.forgotten).toContain(2);
});

describe('a server that was started anew, and datagrams recorded before', () => {
  /** A request and its answer of a megabyte; gives all datagrams of the client. */
  function record(answer: number): { datagrams: Uint8Array[]; asked: (server: Site, session: Session) => void } {
    const { clock, network } = world(1, (link) => link.setDelay(10));
    const asked = (server: Site, session: Session): void => server.attach(session, new Reader(), new Writer(answer, 3));
    const datagrams: Uint8Array[] = [];
    const server: Site = new Site(clock, network, 1, 'server', { crypt: 'aes', parameters: PARAMETERS, onOpened: (s) => asked(server, s) });
    const client = new Site(clock, network, 2, 'client', { crypt: 'aes', parameters: PARAMETERS, onDatagram: (d) => datagrams.push(d) });
    const reader = new Reader(3);
    client.open(1, reader, new Writer(300, 1));
    clock.runUntil(() => reader.received === answer, 60_000);
    clock.advanceBy(1000);
    return { datagrams, asked };
  }

  test.each([2, 20, Number.POSITIVE_INFINITY])(
    '%s of them bring three times their bytes at most to where they seem to come from',
    (count) => {
      const { datagrams, asked } = record(1_000_000);
      const { clock, network } = world(2, (link) => link.setDelay(10));
      const server: Site = new Site(clock, network, 1, 'server', {
        crypt: 'aes',
        parameters: PARAMETERS,
        seed: 2,
        onOpened: (session) => asked(server, session),
      });
      let played = 0;
      for (const datagram of datagrams.slice(0, count)) {
        deliver(server.endpoint, 77, [datagram], clock.now);
        server.turn();
        clock.advanceBy(10);
        played += datagram.length;
        expect(server.lengths.reduce((sum, length) => sum + length, 0)).toBeLessThanOrEqual(3 * played);
      }
      clock.advanceBy(120_000);
      expect(server.lengths.reduce((sum, length) => sum + length, 0)).toBeLessThanOrEqual(3 * played);
      expect([...server.endpoint.sessions()].every(({ proven }) => !proven)).toBe(true);
    },
  );
});

describe('the first download from a new address', () => {
  const DELAY = 50;

  /** Time until a client has 200,000 bytes, in ms; how it begins is up to `begin`. */
  function download(begin: 'at once' | 'proven' | 'again', age = 0): number {
    const { clock, network } = world(3, (link) => link.setDelay(DELAY));
    const server: Site = new Site(clock, network, 1, 'server', {
      crypt: 'aes',
      parameters: PARAMETERS,
      addressOf: () => '192.0.2.1',
      onOpened: (session) => server.attach(session, { read: (s: Session) => answer(s) } as unknown as Reader, undefined),
    });
    let heard = 0;
    const answer = (session: Session): void => {
      while (session.peek()) {
        heard += session.readLength;
        session.consume(session.readLength);
      }
      if (heard >= 300) session.write(new Uint8Array(200_000), 0, 200_000);
      if (heard >= 300) heard = 0;
    };
    const run = (node: number, sign: boolean): number => {
      const reader = new Reader();
      const client = new Site(clock, network, node, 'client', { crypt: 'aes', parameters: PARAMETERS, seed: node });
      const session = client.open(1, reader, sign ? new Writer(8, 1) : undefined);
      if (sign) clock.advanceBy(4 * DELAY);
      const from = clock.now;
      client.attach(session, reader, new Writer(sign ? 292 : 300, 1));
      client.turn();
      clock.runUntil(() => reader.received >= 200_000, 60_000);
      return clock.now - from;
    };
    if (begin !== 'again') return run(2, begin === 'proven');
    run(2, false);
    clock.advanceBy(age);
    return run(3, false);
  }

  test('costs one round trip more, and none where the path is proven, or the address was within an hour', () => {
    const proven = download('proven');
    const atOnce = download('at once');
    expect(atOnce - proven).toBeGreaterThan(2 * DELAY - 10);
    expect(atOnce - proven).toBeLessThanOrEqual(2 * DELAY + 15);
    expect(Math.abs(download('again') - proven)).toBeLessThanOrEqual(10);
    expect(Math.abs(download('again', PROVEN_AGE - 60_000) - proven)).toBeLessThanOrEqual(10);
    expect(download('again', PROVEN_AGE + 60_000)).toBe(atOnce);
  });
});

/** An upload under way, 200 ms in, with losses; what the server has sent, opened. */
function upload(seed: number, crypt: CryptMethod, fec: boolean) {
  const { clock, network } = world(seed, (link) => link.setDelay(20).setLoss(0.05).setJitter(3));
  const parameters = fec ? { ...PARAMETERS, dataShards: 10, parityShards: 3 } : PARAMETERS;
  const reader = new Reader(5);
  const tools = forger(crypt);
  const packets: Uint8Array[] = [];
  const server: Site = new Site(clock, network, 1, 'server', {
    crypt,
    parameters,
    seed,
    onDatagram: (bytes) => packets.push(tools.open(bytes)),
    onOpened: (session) => server.attach(session, reader, undefined),
  });
  const client = new Site(clock, network, 2, 'client', { crypt, parameters, seed: seed + 50 });
  const session = client.open(1, undefined, new Writer(3_000_000, 5));
  clock.advanceBy(200);
  const at = fec ? 8 : 0;
  const ack = packets.findLast((packet) => packet[at + 4] === CMD_ACK && packet.length === at + 24) as Uint8Array;
  return { clock, session, reader, client, server, ack: ack.slice(at), seal: tools.seal, packets, said: 3_000_000 };
}

/** Says something small every few seconds, as a heartbeat does. */
function beat(it: ReturnType<typeof upload>, seconds: number, done: () => boolean): void {
  for (let second = 0; second < seconds && !done(); second += 5) {
    it.clock.advanceBy(5000);
    if (!done() && it.session.drained) say(it);
  }
}

function say(it: ReturnType<typeof upload>): void {
  it.said += 8;
  const writer = new Writer(it.said, 5);
  writer.sent = it.said - 8;
  it.client.attach(it.session, undefined, writer);
  it.client.turn();
}

describe.each([
  ['salsa20', false],
  ['salsa20', true],
  ['aes', false],
  ['aes', true],
] as const)('%s, FEC %s: an upload and one changed acknowledgement', (crypt, fec) => {
  const total = 3_000_000;

  test('with an una of what the peer has not got, the upload is completed', () => {
    for (let seed = 1; seed <= 4; seed++) {
      const it = upload(seed, crypt, fec);
      const { sndNxt } = it.session.kcp.state();
      writeU32(it.ack, 16, (sndNxt - 3) >>> 0);
      deliver(it.client.endpoint, 1, [it.seal(it.ack)], it.clock.now);
      it.client.turn();
      beat(it, 60, () => it.reader.received >= total);
      expect(it.reader.received, `seed ${seed}`).toBeGreaterThanOrEqual(total);
      expect(it.session.peer).toBe('answering');
    }
  });

  test('with the sn of a segment that the peer has not got, the upload is completed', () => {
    for (let seed = 1; seed <= 4; seed++) {
      const it = upload(seed, crypt, fec);
      const { sndUna, sndNxt } = it.session.kcp.state();
      for (const sn of [sndUna, (sndUna + 5) >>> 0, (sndNxt - 1) >>> 0].slice(0, 1 + (seed % 3))) {
        const forged = it.ack.slice();
        writeU32(forged, 12, sn);
        writeU32(forged, 16, sndUna);
        deliver(it.client.endpoint, 1, [it.seal(forged)], it.clock.now);
      }
      it.client.turn();
      beat(it, 60, () => it.reader.received >= total);
      expect(it.reader.received, `seed ${seed}`).toBeGreaterThanOrEqual(total);
    }
  });

  test('with an old una it does not say that the peer has started over', () => {
    const it = upload(3, crypt, fec);
    it.clock.runUntil(() => it.reader.received === total && it.session.drained, 60_000);
    say(it);
    for (const una of [0, 1, 5]) {
      const forged = it.ack.slice();
      writeU32(forged, 8, Math.floor(it.clock.now) + 1000);
      writeU32(forged, 16, una);
      deliver(it.client.endpoint, 1, [it.seal(forged)], it.clock.now);
      it.client.turn();
      it.clock.advanceBy(2000);
    }
    expect(it.session.peer).toBe('answering');
  });
});

test('packets that were delayed into a silence do not say that the peer has started over, its own answer does', () => {
  const { clock, network } = world(1, (link) => link.setDelay(20));
  const tools = forger('aes');
  const packets: Uint8Array[] = [];
  const options = { crypt: 'aes', parameters: PARAMETERS } as const;
  const start = (): Site => {
    const server: Site = new Site(clock, network, 1, 'server', {
      ...options,
      onDatagram: (bytes) => packets.push(tools.open(bytes)),
      onOpened: (session) => server.attach(session, new Reader(), undefined),
    });
    return server;
  };
  start();
  const client = new Site(clock, network, 2, 'client', options);
  const session = client.open(1, undefined, new Writer(100_000, 1));
  clock.runUntil(() => session.drained, 10_000);
  const delayed = packets.find((packet) => packet[4] === CMD_ACK) as Uint8Array;
  network.detach(1);
  session.write(new Uint8Array(100), 0, 100);
  client.turn();
  for (let round = 0; round < 10; round++) {
    clock.advanceBy(150);
    deliver(client.endpoint, 1, [tools.seal(delayed)], clock.now);
    client.turn();
  }
  expect(session.peer).not.toBe('restarted');
  start();
  clock.runUntil(() => session.peer === 'restarted', 5000);
});

test('the window of a packet that is behind does not close the sender', () => {
  const it = upload(4, 'aes', false);
  const before = it.session.kcp.rmtWnd;
  const stale = it.ack.slice();
  stale[6] = 0;
  stale[7] = 0;
  writeU32(stale, 16, (readU32(stale, 16) - 20) >>> 0);
  deliver(it.client.endpoint, 1, [it.seal(stale)], it.clock.now);
  expect(before).toBeGreaterThan(0);
  expect(it.session.kcp.rmtWnd).toBe(before);
  expect(it.packets.some((packet) => packet[4] === CMD_PUSH)).toBe(true);
});

test.each([1, 2, 16])('a path is proven while both ends have much to send, seed %i', (seed) => {
  const parameters = { nodelay: 1, interval: 10, dataShards: 20, parityShards: 5, keepShards: true };
  const path = world(seed, (link) => link.setDelay(10).setLoss(0.06));
  const side = { crypt: 'aes', parameters } as const;
  const it = transfer(path, { seed, upload: 4_000_000, download: 4_000_000, client: side, server: side });
  // Acknowledged, the question would be left out if anything to be acknowledged followed it closely.
  path.clock.advanceBy(400);
  expect([...it.server.endpoint.sessions()].map(({ proven }) => proven)).toEqual([true]);
  it.run(120_000);
});
