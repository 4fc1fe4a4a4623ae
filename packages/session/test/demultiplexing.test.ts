// Which session a datagram belongs to (PROTOCOL session §2, §3), rule by rule.

import { createPacketCrypt } from '@kcptun/crypt';
import { FEC_TYPE_OOB, FEC_TYPE_PARITY } from '@kcptun/fec';
import { CMD_ACK, CMD_PUSH, CMD_WASK, CMD_WINS } from '@kcptun/kcp-core';
import { Random } from '@kcptun/testkit';
import { describe, expect, test } from 'vitest';
import { ACCEPT_BACKLOG, Endpoint, parseSessionParameters, type Session, type SessionEvent, type SessionParameters } from '../src/index.ts';
import { deliver, fec, segment, text } from './packets.ts';
import { KEY, Reader } from './world.ts';

interface Options {
  readonly role?: 'client' | 'server';
  readonly maxSessions?: number;
  readonly parameters?: Partial<SessionParameters>;
}

function endpoint({ role = 'server', maxSessions = 100, parameters = {} }: Options = {}): Endpoint {
  return new Endpoint({
    role,
    maxSessions,
    crypt: createPacketCrypt({ method: 'null', key: KEY, random: new Random(1).source }),
    parameters: parseSessionParameters(parameters),
    transmit: (batch) => batch.count,
    random: new Random(2).source,
  });
}

function events(it: Endpoint): SessionEvent[] {
  const found: SessionEvent[] = [];
  for (let event = it.pollEvent(); event !== undefined; event = it.pollEvent()) found.push(event);
  return found;
}

function forgotten(it: Endpoint): number[] {
  const found: number[] = [];
  for (let path = it.pollForgottenPath(); path !== undefined; path = it.pollForgottenPath()) found.push(path);
  return found;
}

function received(session: Session): string {
  const reader = new Reader();
  reader.read(session);
  return new TextDecoder().decode(reader.bytes);
}

/** A server with session 1 on path 7, which has got sn 0. */
function withSession(options: Options = {}): { it: Endpoint; session: Session } {
  const it = endpoint(options);
  deliver(it, 7, [segment({ payload: text('a') })]);
  const session = events(it)[0]?.session as Session;
  it.flush(0);
  return { it, session };
}

describe('a path without a session', () => {
  test.each([CMD_PUSH, CMD_ACK, CMD_WASK, CMD_WINS])('command %i opens one, whatever its sn', (cmd) => {
    for (const sn of [0, 5, 0xffff_ffff]) {
      const it = endpoint();
      deliver(it, 7, [segment({ conv: 0xdead_beef, cmd, sn })]);
      expect(events(it).map(({ type, session }) => [type, session.conv, session.path])).toEqual([['opened', 0xdead_beef, 7]]);
      expect(it.sessionCount).toBe(1);
      expect(forgotten(it)).toEqual([]);
    }
  });

  test('the first packet is delivered to it', () => {
    expect(received(withSession().session)).toBe('a');
  });

  test('conv 0 is as good as any', () => {
    const it = endpoint();
    deliver(it, 7, [segment({ conv: 0 })]);
    expect(events(it)[0]?.session.conv).toBe(0);
  });

  test.each([true, false])('FEC data opens one (own FEC %s), and is delivered', (own) => {
    const it = endpoint({ parameters: own ? {} : { dataShards: 0, parityShards: 0 } });
    deliver(it, 7, [fec(segment({ conv: 9, payload: text('in fec') }))]);
    const session = events(it)[0]?.session as Session;
    expect(session.conv).toBe(9);
    expect(received(session)).toBe('in fec');
  });

  test.each([
    ['FEC parity', fec(segment({ conv: 9 }), 10, FEC_TYPE_PARITY)],
    ['FEC data that is too short for a segment', fec(segment({ conv: 9 })).subarray(0, 31)],
    ['an OOB packet', fec(segment({ conv: 9 }), 0xffff_ffff, FEC_TYPE_OOB)],
    ['a short packet', segment().subarray(0, 23)],
    ['an empty datagram', new Uint8Array(0)],
    ['an unknown command', segment({ cmd: 80 })],
    ['the command after the last', segment({ cmd: 85 })],
    ['a segment that is longer than its packet', segment({ payload: text('abc') }).subarray(0, 26)],
  ])('%s opens none, and the path is forgotten', (_, datagram) => {
    const it = endpoint();
    deliver(it, 7, [datagram]);
    expect(events(it)).toEqual([]);
    expect(it.counters.dropped).toBe(1);
    expect(forgotten(it)).toEqual([7]);
  });

  test('a client opens none', () => {
    const it = endpoint({ role: 'client' });
    deliver(it, 0, [segment(), fec(segment())]);
    expect(events(it)).toEqual([]);
    expect(it.counters.dropped).toBe(2);
  });

  test('a path of which a dropped packet came before the opening one stays known', () => {
    const it = endpoint();
    deliver(it, 7, [new Uint8Array(3), segment()]);
    expect(forgotten(it)).toEqual([]);
    expect(it.sessionCount).toBe(1);
  });

  test('a path stays known that is opened before its being forgotten was polled', () => {
    const it = endpoint();
    deliver(it, 7, [new Uint8Array(3)]);
    deliver(it, 7, [segment()]);
    expect(forgotten(it)).toEqual([]);
  });
});

describe('a path with a session', () => {
  test('takes packets with its conv', () => {
    const { it, session } = withSession();
    deliver(it, 7, [segment({ sn: 1, payload: text('b') }), fec(segment({ sn: 2, payload: text('c') }))]);
    expect(received(session)).toBe('abc');
    expect(it.counters.dropped).toBe(0);
  });

  test('takes parity, whose conv is unknown', () => {
    const { it } = withSession({ parameters: { dataShards: 2, parityShards: 1 } });
    deliver(it, 7, [fec(segment({ conv: 99 }), 2, FEC_TYPE_PARITY)]);
    expect(it.counters.snapshot().FECParityShards).toBe(1);
    expect(it.counters.dropped).toBe(0);
  });

  test('parity that comes before all data of its group does no harm', () => {
    const { it, session } = withSession({ parameters: { dataShards: 1, parityShards: 1 } });
    // With one data shard, parity is a copy of the data shard: size, packet.
    deliver(it, 7, [fec(segment({ sn: 1, payload: text('b') }), 1, FEC_TYPE_PARITY)]);
    deliver(it, 7, [fec(segment({ sn: 1, payload: text('b') }), 0)]);
    expect(received(session)).toBe('ab');
    expect(it.counters.snapshot()).toMatchObject({ FECRecovered: 1, FECErrs: 0 });
  });

  test('counts OOB packets and delivers nothing of them', () => {
    const { it, session } = withSession();
    received(session);
    deliver(it, 7, [fec(segment({ sn: 1, payload: text('b') }), 0xffff_ffff, FEC_TYPE_OOB)]);
    expect(received(session)).toBe('');
    expect(it.counters.snapshot().OOBPackets).toBe(1);
  });

  test.each([segment({ conv: 2, sn: 1 }), fec(segment({ conv: 2, sn: 1 }))])(
    'drops another conv in the middle of its stream (%#)',
    (datagram) => {
      const { it, session } = withSession();
      deliver(it, 7, [datagram]);
      expect(events(it)).toEqual([]);
      expect(session.closed).toBe(false);
      expect(it.counters.dropped).toBe(1);
    },
  );

  test.each([segment({ conv: 2, payload: text('x') }), fec(segment({ conv: 2, payload: text('x') }))])(
    'is taken over by another conv that begins at sn 0 (%#)',
    (datagram) => {
      const { it, session } = withSession();
      deliver(it, 7, [datagram]);
      const [closed, opened] = events(it);
      expect([closed?.type, closed?.error?.code, closed?.session]).toEqual(['closed', 'KCPTUN_ERR_SESSION_REPLACED', session]);
      expect(opened?.type).toBe('opened');
      expect(received(opened?.session as Session)).toBe('x');
      expect(it.sessionCount).toBe(1);
      expect(forgotten(it)).toEqual([]);
    },
  );

  test('is not taken over by garbage', () => {
    const { it, session } = withSession();
    deliver(it, 7, [segment({ conv: 2, cmd: 1 }), new Uint8Array(1400)]);
    expect(session.closed).toBe(false);
  });

  test('a client drops a foreign conv, at sn 0 too', () => {
    const it = endpoint({ role: 'client' });
    const session = it.open(0, 0);
    deliver(it, 0, [segment({ conv: session.conv ^ 1 }), segment({ conv: session.conv ^ 1, sn: 3 })]);
    expect(session.closed).toBe(false);
    expect(events(it)).toEqual([]);
    expect(it.counters.dropped).toBe(2);
  });

  test('the same conv may live on several paths', () => {
    const { it } = withSession();
    deliver(it, 8, [segment({ payload: text('other') })]);
    const other = events(it)[0]?.session as Session;
    expect([other.conv, other.path, received(other)]).toEqual([1, 8, 'other']);
    expect(it.sessionCount).toBe(2);
  });

  test('a closed session makes room for a fresh one of the same conv', () => {
    const { it, session } = withSession();
    session.close();
    it.flush(0);
    expect(forgotten(it)).toEqual([7]);
    deliver(it, 7, [segment({ sn: 4 })]);
    const [closed, opened] = events(it);
    expect([closed?.type, closed?.error, opened?.type]).toEqual(['closed', undefined, 'opened']);
    expect(opened?.session).not.toBe(session);
  });
});

describe('limits', () => {
  test('further sessions are dropped and their paths forgotten', () => {
    const it = endpoint({ maxSessions: 3 });
    for (let path = 0; path < 5; path++) {
      deliver(it, path, [segment()]);
      for (const { session } of events(it)) session.establish();
    }
    expect(it.sessionCount).toBe(3);
    expect(it.counters.dropped).toBe(2);
    expect(forgotten(it)).toEqual([3, 4]);
  });

  test('one session less makes room for one more', () => {
    const it = endpoint({ maxSessions: 1 });
    deliver(it, 1, [segment()]);
    const [opened] = events(it);
    deliver(it, 2, [segment()]);
    expect(it.sessionCount).toBe(1);
    opened?.session.close();
    deliver(it, 2, [segment()]);
    expect([...it.sessions()].map(({ path }) => path)).toEqual([2]);
  });

  test('sessions that nobody fetches stop at the backlog, and go on when they are fetched', () => {
    const it = endpoint({ maxSessions: 1000 });
    for (let path = 0; path < ACCEPT_BACKLOG + 10; path++) deliver(it, path, [segment()]);
    expect(it.sessionCount).toBe(ACCEPT_BACKLOG);
    expect(events(it)).toHaveLength(ACCEPT_BACKLOG);
    for (let path = 1000; path < 1010; path++) deliver(it, path, [segment()]);
    expect(it.sessionCount).toBe(ACCEPT_BACKLOG + 10);
  });

  test('a full backlog still ends the session that is taken over', () => {
    const { it, session } = withSession({ maxSessions: 1000 });
    for (let path = 100; path < 100 + ACCEPT_BACKLOG; path++) deliver(it, path, [segment()]);
    deliver(it, 7, [segment({ conv: 2 })]);
    expect(session.closed).toBe(true);
    expect(it.sessionCount).toBe(ACCEPT_BACKLOG);
    expect(forgotten(it)).toContain(7);
  });

  test.each([0, 16_385, 1.5])('maxSessions %d is refused', (maxSessions) => {
    expect(() => endpoint({ maxSessions })).toThrow(/maxSessions/);
  });

  test('a second session on one path is refused', () => {
    const it = endpoint({ role: 'client' });
    it.open(3, 0);
    expect(() => it.open(3, 0)).toThrow(RangeError);
    expect(it.sessionCount).toBe(1);
  });
});
