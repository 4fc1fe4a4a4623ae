// The life of a session: reading and writing, timeouts, closing and events.

import { CMD_ACK } from '@kcptun/kcp-core';
import { createTestMemory, patternBytes } from '@kcptun/testkit';
import { describe, expect, test } from 'vitest';
import { Endpoint, type Session, SessionError } from '../src/index.ts';
import { deliver, segment, text } from './packets.ts';
import { endpointOptions, NO_FEC, pair, Reader, Writer } from './world.ts';

describe('reading', () => {
  function fed(...payloads: string[]): Session {
    const { server } = pair();
    deliver(
      server.endpoint,
      2,
      payloads.map((payload, sn) => segment({ sn, payload: text(payload) })),
    );
    return server.endpoint.pollReadable() ?? (server.endpoint.pollEvent()?.session as Session);
  }

  test('pieces can be consumed in parts', () => {
    const session = fed('abc', 'de');
    const seen: string[] = [];
    while (session.peek()) {
      seen.push(String.fromCharCode(session.readBytes[session.readOffset] as number));
      session.consume(1);
    }
    expect(seen.join('')).toBe('abcde');
  });

  test('empty segments are passed over', () => {
    const session = fed('', 'a', '', '', 'b', '');
    const reader = new Reader();
    reader.read(session);
    expect(new TextDecoder().decode(reader.bytes)).toBe('ab');
    expect(session.peek()).toBe(false);
  });

  test('peek changes nothing', () => {
    const session = fed('abc');
    expect([session.peek(), session.peek(), session.readLength]).toEqual([true, true, 3]);
  });

  test('more than was shown cannot be consumed', () => {
    const session = fed('abc');
    session.peek();
    expect(() => session.consume(4)).toThrow(RangeError);
    expect(() => session.consume(-1)).toThrow(RangeError);
    session.consume(0);
    session.consume(3);
    expect(() => session.consume(1)).toThrow(RangeError);
  });

  test('unread bytes close the window, and reading opens it again', () => {
    const parameters = { ...NO_FEC, rcvWnd: 8, sndWnd: 64 };
    const { clock, client, server } = pair({ parameters });
    client.open(1, undefined, new Writer(60_000, 1));
    clock.advanceTo(3000);
    const session = [...server.endpoint.sessions()][0] as Session;
    expect(server.endpoint.segments.used).toBeLessThanOrEqual(16);
    const reader = new Reader(1);
    server.attach(session, reader, undefined);
    reader.read(session);
    server.turn();
    clock.runUntil(() => reader.received === 60_000, 10_000);
  });

  test('a session is named readable once a turn', () => {
    const { server } = pair();
    deliver(server.endpoint, 2, [segment({ payload: text('a') }), segment({ sn: 1, payload: text('b') })]);
    deliver(server.endpoint, 2, [segment({ sn: 2, payload: text('c') })]);
    expect(server.endpoint.pollReadable()?.conv).toBe(1);
    expect(server.endpoint.pollReadable()).toBeUndefined();
  });
});

describe('writing', () => {
  test('room is the window, and says when it is back', () => {
    const { clock, client } = pair({ parameters: { ...NO_FEC, sndWnd: 10 } }, new Reader());
    const session = client.open(1, undefined, undefined);
    const { mss } = session.kcp;
    expect(session.room()).toBe(10 * mss);
    session.write(patternBytes(9 * mss + 1, 1), 0, 9 * mss + 1);
    expect(session.room()).toBe(0);
    client.turn();
    const named: Session[] = [];
    client.endpoint.pollWritable = () => {
      const found = Endpoint.prototype.pollWritable.call(client.endpoint);
      if (found !== undefined) named.push(found);
      return found;
    };
    clock.advanceTo(200);
    expect(named).toEqual([session]);
    expect(session.room()).toBe(10 * mss);
  });

  test('a write may exceed the room and be longer than 255 segments', () => {
    const reader = new Reader(1);
    const { clock, client } = pair({ parameters: { ...NO_FEC, sndWnd: 4, mtu: 60 } }, reader);
    const session = client.open(1, undefined, undefined);
    const bytes = patternBytes(20_000, 1);
    session.write(bytes, 0, bytes.length);
    client.turn();
    clock.runUntil(() => reader.received === bytes.length, 60_000);
  });

  test('room ends where little may be in flight', () => {
    const { client } = pair({ parameters: { ...NO_FEC, sndWnd: 5000, inflightFloor: 100 } });
    const session = client.open(1, undefined, undefined);
    expect(session.room()).toBe(164 * session.kcp.mss);
  });

  test('awaitDrained names the session when everything is acknowledged', () => {
    const { clock, client } = pair({}, new Reader());
    const session = client.open(1, undefined, undefined);
    expect(session.drained).toBe(true);
    session.write(text('hello'), 0, 5);
    session.awaitDrained();
    client.turn();
    expect(session.drained).toBe(false);
    let drained = false;
    session.owner = { reader: undefined, writer: { pump: () => (drained = session.drained) } };
    clock.advanceTo(1000);
    expect(drained).toBe(true);
  });

  test('small writes of one turn share a segment', () => {
    const { client } = pair({ parameters: NO_FEC });
    const session = client.open(1, undefined, undefined);
    for (let index = 0; index < 100; index++) session.write(text('x'), 0, 1);
    client.turn();
    expect(client.datagrams).toBe(1);
  });
});

describe('time', () => {
  test('an idle session arms no timer', () => {
    const { clock, client, server } = pair({}, new Reader());
    client.open(1, undefined, undefined);
    expect(client.endpoint.nextTimeout()).toBeUndefined();
    expect(clock.pending).toBe(0);
    const session = [...client.endpoint.sessions()][0] as Session;
    session.write(text('hello'), 0, 5);
    client.turn();
    expect(client.endpoint.nextTimeout()).toBeGreaterThan(0);
    clock.runUntilIdle(1000);
    expect([client.endpoint.nextTimeout(), server.endpoint.nextTimeout()]).toEqual([undefined, undefined]);
  });

  test('without an answer it goes on forever, ever more slowly', () => {
    const { clock, network, client } = pair({ parameters: NO_FEC });
    network.detach(1);
    const session = client.open(1, undefined, undefined);
    session.write(text('hello'), 0, 5);
    client.turn();
    clock.advanceTo(60_000);
    const before = client.datagrams;
    expect(before).toBeGreaterThan(3);
    expect(before).toBeLessThan(120);
    clock.advanceTo(3_600_000);
    expect(client.datagrams).toBeGreaterThan(before);
    expect(session.closed).toBe(false);
  });

  test('a session that nobody talks to any more costs nothing after it is closed', () => {
    const { clock, network, client } = pair();
    network.detach(1);
    const session = client.open(1, undefined, undefined);
    session.write(text('hello'), 0, 5);
    client.turn();
    session.close();
    client.turn();
    expect(client.endpoint.nextTimeout()).toBeUndefined();
    clock.runUntilIdle(100);
  });

  test('lastReceived is the time of the last packet that was good', () => {
    const { server } = pair();
    deliver(server.endpoint, 2, [segment()], 100);
    const session = server.endpoint.pollEvent()?.session as Session;
    deliver(server.endpoint, 2, [segment({ cmd: CMD_ACK })], 250);
    expect(session.lastReceived).toBe(250);
    deliver(server.endpoint, 2, [segment({ cmd: 99 }), new Uint8Array(5)], 400);
    expect(session.lastReceived).toBe(250);
  });
});

describe('closing', () => {
  test('sends what is queued once more, with the time of the turn, and tells nobody', () => {
    const reader = new Reader();
    const { clock, client, server } = pair({ parameters: NO_FEC }, reader);
    const session = client.open(1, undefined, undefined);
    clock.advanceTo(500);
    client.endpoint.handleTimeout(clock.now);
    session.write(text('bye'), 0, 3);
    session.close();
    client.turn();
    expect(client.datagrams).toBe(1);
    clock.advanceTo(600);
    expect(new TextDecoder().decode(reader.bytes)).toBe('bye');
    expect(server.events.map(({ type }) => type)).toEqual(['opened']);
    expect(client.events.map(({ type, error }) => [type, error])).toEqual([['closed', undefined]]);
    expect(client.forgotten).toContain(1);
  });

  test('keeps the error, and only the first', () => {
    const { client } = pair();
    const session = client.open(1, undefined, undefined);
    const error = new SessionError('KCPTUN_ERR_SESSION_IDLE', 'idle');
    session.close(error);
    session.close(new SessionError('KCPTUN_ERR_SESSION_DEAD_PEER', 'dead'));
    client.turn();
    expect(session.error).toBe(error);
    expect(client.events).toEqual([{ type: 'closed', session, error }]);
  });

  test('a closed session takes and gives nothing', () => {
    const { client, server } = pair();
    deliver(server.endpoint, 2, [segment({ payload: text('unread') })]);
    const session = server.endpoint.pollEvent()?.session as Session;
    session.close();
    session.write(text('x'), 0, 1);
    expect([session.room(), session.peek(), server.endpoint.pollReadable()]).toEqual([0, false, undefined]);
    expect(client.endpoint.segments.used).toBe(0);
    expect(server.endpoint.segments.used).toBe(0);
  });

  test('what comes for a closed session of a client is dropped', () => {
    const { client } = pair();
    const session = client.open(1, undefined, undefined);
    session.close();
    client.turn();
    deliver(client.endpoint, 1, [segment({ conv: session.conv })]);
    expect(client.endpoint.counters.dropped).toBe(1);
  });

  test('closing the endpoint closes all of them, once', () => {
    const memory = createTestMemory(4 << 20);
    const { client, server } = pair({ memory });
    const kept = memory.used;
    const extra = new Endpoint({ ...endpointOptions(), memory });
    const sessions = [extra.open(1, 0), extra.open(2, 0)];
    const error = new SessionError('KCPTUN_ERR_SESSION_IDLE', 'gone');
    extra.close(5, error);
    extra.close(6);
    expect(sessions.map((session) => [session.closed, session.error])).toEqual([
      [true, error],
      [true, error],
    ]);
    expect([extra.pollEvent()?.error, extra.pollEvent()?.error, extra.pollEvent()]).toEqual([error, error, undefined]);
    expect(extra.sessionCount).toBe(0);
    expect(memory.used).toBe(kept);
    expect(client.endpoint.sessionCount + server.endpoint.sessionCount).toBe(0);
  });

  test('a memory without room for FEC is found when the endpoint is made', () => {
    const memory = createTestMemory(65_536);
    // Tables of a kernel or not: nothing fits.
    memory.reserve(65_520);
    expect(() => new Endpoint({ ...endpointOptions(), memory })).toThrow(expect.objectContaining({ code: 'KCPTUN_ERR_ARENA_FULL' }));
  });
});
