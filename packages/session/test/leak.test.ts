// Sessions and endpoints come and go; what they held goes back.

import { createPacketCrypt } from '@kcptun/crypt';
import { createTestMemory, installPoolChecks, Random, takeFaults } from '@kcptun/testkit';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { Counters, Endpoint, parseSessionParameters } from '../src/index.ts';
import { deliver, fec, segment, text } from './packets.ts';
import { endpointOptions, KEY, Site, Writer, world } from './world.ts';

let restorePools: () => void;
beforeAll(() => {
  restorePools = installPoolChecks();
});
afterEach(() => expect(takeFaults()).toEqual([]));
afterAll(() => restorePools());

test('2000 sessions of a server leave nothing behind', () => {
  const memory = createTestMemory(4 << 20);
  const { clock, network } = world(1, (link) => link.setDelay(1));
  const parameters = { dataShards: 3, parityShards: 2, nodelay: 1, interval: 10 };
  const server: Site = new Site(clock, network, 1, 'server', {
    memory,
    parameters,
    // Some data stays unread and unacknowledged, some groups stay open.
    onOpened: (session) => server.attach(session, undefined, new Writer(5000, 1)),
  });
  const levels: number[] = [];
  for (let round = 0; round < 20; round++) {
    for (let index = 0; index < 100; index++) {
      const packet = segment({ conv: index, payload: text('hello') });
      deliver(server.endpoint, 100 + index, [fec(packet, 0), fec(segment({ conv: index, sn: 2 }), 1)], clock.now);
      server.turn();
    }
    clock.advanceBy(50);
    expect(server.endpoint.sessionCount).toBe(100);
    for (const session of [...server.endpoint.sessions()]) session.close();
    server.turn();
    levels.push(memory.used);
    expect(server.endpoint.segments.used).toBe(0);
  }
  expect(server.endpoint.nextTimeout()).toBeUndefined();
  expect(new Set(levels).size).toBe(1);
  expect(server.endpoint.counters.snapshot()).toMatchObject({ PassiveOpens: 2000, CurrEstab: 0, RingBufferRcvQueue: 0, FECShardSet: 0 });
  clock.advanceBy(10_000);
  server.turn();
  // Payload memory that nobody uses is given back too, some seconds later, in the course of other work.
  deliver(server.endpoint, 5, [segment({ payload: text('x') })], clock.now);
  server.turn();
  clock.advanceBy(10_000);
  deliver(server.endpoint, 5, [segment({ sn: 1, payload: text('x') })], clock.now);
  server.turn();
  expect(server.endpoint.segments.byteLength).toBeLessThan(200_000);
});

test('2000 endpoints with a cipher and a session each leave nothing behind', () => {
  const memory = createTestMemory(4 << 20);
  const counters = new Counters();
  const random = new Random(1);
  const cycle = (): void => {
    const crypt = createPacketCrypt({ method: 'salsa20', key: KEY, random: random.source, memory });
    const it = new Endpoint({ ...endpointOptions(), crypt, memory, counters, parameters: parseSessionParameters() });
    const session = it.open(0, 0);
    session.write(text('hello'), 0, 5);
    it.flush(0);
    it.close(1);
    crypt.close();
  };
  cycle();
  const used = memory.used;
  for (let index = 1; index < 2000; index++) cycle();
  expect(memory.used).toBe(used);
  expect(counters.snapshot()).toMatchObject({ ActiveOpens: 2000, CurrEstab: 0, MaxConn: 1, OutPkts: 2000 });
});
