// A server's session follows its peer to another address, and nobody else.

import { PacketBatch, readU32 } from '@kcptun/common';
import { createPacketCrypt } from '@kcptun/crypt';
import { CMD_ACK, CMD_PUSH, CMD_WASK, CMD_WINS } from '@kcptun/kcp-core';
import { Random } from '@kcptun/testkit';
import { describe, expect, test } from 'vitest';
import type { Session } from '../src/index.ts';
import { MAX_CANDIDATES_OF_SESSION } from '../src/path-book.ts';
import { deliver, fec, type SegmentFields, segment } from './packets.ts';
import { KEY, type Pair, Reader, Site, type Transfer, transfer, Writer, world } from './world.ts';

const PARAMETERS = { nodelay: 1, interval: 10, sndWnd: 64, rcvWnd: 64, dataShards: 4, parityShards: 2 };
const CRYPTS = ['aes', 'aes-128-gcm', 'salsa20', 'blowfish'] as const;

function moves(site: Site): [number | undefined, number | undefined][] {
  return site.events.filter(({ type }) => type === 'moved').map(({ from, to }) => [from, to]);
}

/** A transfer in both directions over a path with losses. */
function started(
  crypt: (typeof CRYPTS)[number],
  seed: number,
  sizes: { upload: number; download: number },
): Transfer & Pick<Pair, 'clock'> {
  const path = world(seed, (link) => link.setDelay(15).setLoss(0.03).setJitter(3));
  const side = { crypt, parameters: PARAMETERS };
  return Object.assign(transfer(path, { seed, ...sizes, client: side, server: side }), { clock: path.clock });
}

describe.each(CRYPTS)('%s: a peer whose address changes in mid-transfer', (crypt) => {
  test.each([
    ['uploads', { upload: 3_000_000, download: 0 }],
    ['uploads and downloads', { upload: 3_000_000, download: 200_000 }],
  ])('keeps its session and loses no byte: %s', (_, sizes) => {
    const it = started(crypt, 7, sizes);
    for (let node = 3; node < 8; node++) {
      it.clock.advanceBy(40);
      it.client.moveTo(node);
      it.clock.runUntil(() => moves(it.server).at(-1)?.[1] === node, 60_000);
    }
    it.run(120_000);
    expect(moves(it.server)).toEqual([
      [2, 3],
      [3, 4],
      [4, 5],
      [5, 6],
      [6, 7],
    ]);
    expect(it.server.events.filter(({ type }) => type !== 'moved')).toHaveLength(1);
    expect(it.server.endpoint.counters.moves).toBe(5);
    expect(it.server.forgotten).toEqual(expect.arrayContaining([2, 3, 4, 5, 6]));
    expect(it.server.endpoint.sessionCount).toBe(1);
  });
});

test('a peer whose last acknowledgement was lost on the old path is found by what it sends again', () => {
  const { clock, network } = world(1, (link) => link.setDelay(10));
  const reader = new Reader(1);
  const server: Site = new Site(clock, network, 1, 'server', {
    crypt: 'aes',
    parameters: PARAMETERS,
    onOpened: (session) => server.attach(session, reader, undefined),
  });
  const client = new Site(clock, network, 2, 'client', { crypt: 'aes', parameters: PARAMETERS });
  const session = client.open(1, undefined, new Writer(500, 1));
  clock.advanceBy(11);
  expect(reader.received).toBe(500);
  // The acknowledgement is on its way to where nobody is any more.
  client.moveTo(3);
  clock.runUntil(() => session.drained && moves(server).length > 0, 10_000);
  expect(moves(server)).toEqual([[2, 3]]);
});

/** What a server has sent to a path, opened. */
type Sent = readonly Uint8Array[];

/** A server with a session on path 2 that has got 10 segments at time 1000 of the peer's clock and sent 10, of which 5 are acknowledged. */
function withSession(inFec = false): {
  server: Site;
  session: Session;
  /** Hands over a packet of the peer from a path, and says where the session is then. */
  from(path: number, fields: SegmentFields): number;
  /** Packets that went to a path. */
  sentTo(path: number): Sent;
  /** Answers the last question that went to `asked` from a path, and says where the session is then. */
  answer(asked: number, path?: number): number;
} {
  const { clock, network } = world(1);
  let session: Session | undefined;
  const sent = new Map<number, Uint8Array[]>();
  const cipher = createPacketCrypt({ method: 'aes', key: KEY, random: new Random(77).source });
  const server = new Site(clock, network, 1, 'server', {
    crypt: 'aes',
    parameters: { ...PARAMETERS, dataShards: 0, parityShards: 0 },
    onOpened: (opened) => {
      session ??= opened;
      server.attach(opened, new Reader(), undefined);
    },
    onDatagram: (bytes, path) => {
      const received = new PacketBatch();
      received.addReceived(bytes, 0);
      cipher.open(received);
      sent.set(path, [...(sent.get(path) ?? []), received.packet(0).slice()]);
    },
  });
  const batch = new PacketBatch();
  const from = (path: number, fields: SegmentFields): number => {
    const plain = segment({ conv: 5, una: 5, ts: 1000, ...fields });
    const packet = inFec ? fec(plain, 1) : plain;
    batch.clear();
    batch.bytes.set(packet, batch.offset[batch.add(32, packet.length, 0)]);
    cipher.seal(batch);
    deliver(server.endpoint, path, [batch.packet(0).slice()], clock.now);
    server.turn();
    return (session as Session).path;
  };
  const sentTo = (path: number): Sent => sent.get(path) ?? [];
  const answer = (asked: number, path = asked): number => {
    const question = sentTo(asked).at(-1) as Uint8Array;
    expect([question.length, question[4]]).toEqual([24, CMD_PUSH]);
    return from(path, { cmd: CMD_ACK, sn: readU32(question, 12), ts: readU32(question, 8) });
  };
  const payload = new Uint8Array(4);
  from(2, { sn: 0, una: 0, payload });
  clock.advanceBy(40);
  answer(2);
  const opened = session as unknown as Session;
  for (let count = 0; count < 10; count++) {
    opened.write(new Uint8Array(opened.kcp.mss), 0, opened.kcp.mss);
    server.turn();
  }
  for (let sn = 1; sn < 10; sn++) from(2, { sn, una: Math.min(5, sn), payload });
  return { server, session: opened, from, sentTo, answer };
}

describe('what makes the server ask another path, and the answer moves the session', () => {
  const payload = new Uint8Array(4);

  test.each([
    ['the next data', { sn: 10, ts: 1001, payload }],
    ['data further on in the window', { sn: 73, ts: 1001, payload }],
    ['data sent again, later on the clock of the peer', { sn: 3, ts: 1500, payload }],
    ['an acknowledgement', { cmd: CMD_ACK, sn: 6, una: 7 }],
    ['an acknowledgement of what was sent later than all that is acknowledged', { cmd: CMD_ACK, sn: 8, una: 5 }],
    ['a question for the window', { cmd: CMD_WASK }],
    ['a word about the window', { cmd: CMD_WINS, una: 10 }],
  ] satisfies [string, SegmentFields][])('%s', (_, fields) => {
    for (const inFec of [false, true]) {
      const it = withSession(inFec);
      expect(it.from(9, fields)).toBe(2);
      expect(it.sentTo(9)).toHaveLength(1);
      expect(it.answer(9)).toBe(9);
      expect(moves(it.server)).toEqual([[2, 9]]);
    }
  });

  test.each([
    ['data beyond the window', { sn: 74, ts: 1001, payload }],
    ['data from before a whole window', { sn: 0xffff_ff00, ts: 1001, payload }],
    ['data of an earlier time: held back by somebody', { sn: 10, ts: 999, payload }],
    ['data of the time of the last ones: perhaps the last ones', { sn: 9, payload }],
    ['an acknowledgement that says nothing new', { cmd: CMD_ACK, sn: 4, una: 5, ts: 0 }],
    ['an acknowledgement that is behind', { cmd: CMD_ACK, sn: 3, una: 4 }],
    ['an acknowledgement of what was never sent', { cmd: CMD_ACK, sn: 10, una: 5 }],
    ['data with an una of what was never sent', { sn: 10, una: 11, ts: 1001, payload }],
    ['a word about the window with an sn of what was never sent', { cmd: CMD_WINS, sn: 10, una: 6 }],
    ['data with an old una', { sn: 10, una: 4, ts: 1001, payload }],
    ['a word about the window with an old una', { cmd: CMD_WINS, una: 4 }],
  ] satisfies [string, SegmentFields][])('not %s', (_, fields) => {
    const it = withSession();
    const received = it.session.kcp.state().rcvNxt;
    expect(it.from(9, fields)).toBe(2);
    expect(it.sentTo(9)).toEqual([]);
    expect(it.session.kcp.state().rcvNxt).toBe(received);
    expect(it.server.endpoint.sessionCount).toBe(1);
    expect(it.server.forgotten).toContain(9);
  });

  test('an answer from elsewhere than where the question went moves nothing', () => {
    const it = withSession();
    it.from(9, { sn: 10, ts: 1001, payload });
    it.from(10, { sn: 10, ts: 1001, payload });
    expect(it.answer(9, 10)).toBe(2);
    expect(it.answer(9, 2)).toBe(2);
    expect(moves(it.server)).toEqual([]);
    expect(it.answer(10)).toBe(10);
  });

  test('the peer comes back to the address it had', () => {
    const it = withSession();
    it.from(9, { sn: 10, ts: 1001, payload });
    expect(it.answer(9)).toBe(9);
    it.from(9, { sn: 10, ts: 1001, payload });
    it.from(2, { sn: 11, ts: 1002, payload });
    expect(it.answer(2)).toBe(2);
    expect(it.from(2, { sn: 12, ts: 1003, payload })).toBe(2);
    expect(moves(it.server)).toEqual([
      [2, 9],
      [9, 2],
    ]);
  });

  test('a path that does not answer gets three times the bytes that came from it at most, and is forgotten', () => {
    const it = withSession();
    const before = it.server.forgotten.length;
    it.from(9, { sn: 10, ts: 1001, payload });
    expect(it.server.forgotten.slice(before)).not.toContain(9);
    for (let ts = 1002; ts < 1100; ts++) it.from(9, { sn: 10, ts, payload });
    expect(it.sentTo(9).length).toBeLessThanOrEqual(3);
    it.server.endpoint.handleTimeout(20_000);
    it.server.turn();
    expect(it.server.forgotten).toContain(9);
    expect(it.session.path).toBe(2);
  });

  test(`a session has ${MAX_CANDIDATES_OF_SESSION} paths at most that it may move to; the oldest gives way`, () => {
    const it = withSession();
    for (let path = 10; path < 16; path++) it.from(path, { sn: 10, ts: 1001, payload });
    expect(it.answer(10)).toBe(2);
    expect(it.server.forgotten).toContain(10);
    expect(it.answer(15)).toBe(15);
  });

  test('a session that gets the address of another one takes its path, and ends it only if it was half open', () => {
    for (const established of [false, true]) {
      const it = withSession();
      it.from(9, { conv: 6, sn: 0, una: 0 });
      const [other] = [...it.server.endpoint.sessions()].filter(({ conv }) => conv === 6);
      (other as Session).established = established;
      it.from(9, { sn: 10, ts: 1001, payload });
      expect(it.answer(9)).toBe(9);
      const ended = it.server.events.filter(({ type }) => type === 'closed').map(({ error, session }) => [error?.code, session.conv]);
      expect(ended).toEqual(established ? [] : [['KCPTUN_ERR_SESSION_REPLACED', 6]]);
      expect(it.server.endpoint.sessionCount).toBe(established ? 2 : 1);
    }
  });

  test('a second peer that happens to choose the same conv gets no session while the first one lives', () => {
    const it = withSession();
    for (let sn = 0; sn < 5; sn++) it.from(9, { sn, una: 0, ts: 50 + sn, payload });
    expect(it.server.endpoint.sessionCount).toBe(1);
    expect(it.session.path).toBe(2);
  });
});
