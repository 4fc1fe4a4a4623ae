// Segments that are nothing but work: a session has a share of them in time, and what is beyond is
// dropped as the network drops it. Segments are counted, not time.

import { CMD_ACK, CMD_PUSH, CMD_WASK } from '@kcptun/kcp-core';
import { describe, expect, test } from 'vitest';
import { MAX_EMPTY, SessionCensus } from '../src/census.ts';
import { Endpoint } from '../src/index.ts';
import { ADDRESS_SEGMENT_SHARES, MAX_OPENINGS, MAX_OPENINGS_BURST, MAX_SEGMENT_BURST, MAX_SEGMENT_WORK } from '../src/segment-work.ts';
import { deliver, fec, segment } from './packets.ts';
import { endpointOptions, NO_FEC } from './world.ts';

const CONV = 7;

function packed(cmd: number): Uint8Array {
  const one = segment({ conv: CONV, cmd, sn: 0 });
  const bytes = new Uint8Array(58 * one.length);
  for (let at = 0; at < bytes.length; at += one.length) bytes.set(one, at);
  return bytes;
}

function open(): Endpoint {
  const endpoint = new Endpoint({ ...endpointOptions(NO_FEC), role: 'server' });
  deliver(endpoint, 1, [segment({ conv: CONV, cmd: CMD_PUSH, sn: 0 })]);
  return endpoint;
}

describe.each([
  ['acknowledgements', packed(CMD_ACK)],
  ['questions for the window', packed(CMD_WASK)],
  ['empty data that repeats', packed(CMD_PUSH)],
  ['data with a fault at the end', packed(CMD_WASK).fill(0xff, 57 * 24 + 4, 57 * 24 + 5)],
  ['window messages in FEC packets', fec(packed(CMD_WASK).subarray(0, 57 * 24))],
])('%s', (_name, datagram) => {
  test('are looked at within the share of a session', () => {
    const endpoint = open();
    let looked = 0;
    const { counters } = endpoint;
    const each = 90;
    const ms = 60;
    for (let now = 1; now <= ms; now++) {
      const before = counters.dropped;
      deliver(endpoint, 1, new Array(each).fill(datagram), now);
      endpoint.flush(now);
      looked += (each - (counters.dropped - before)) * Math.floor(datagram.length / 24);
    }
    // All of them before: 313,200.
    expect(looked).toBeLessThanOrEqual(MAX_SEGMENT_BURST + ms * MAX_SEGMENT_WORK + ms * 58);
    expect(looked).toBeGreaterThan(MAX_SEGMENT_BURST);
    expect(counters.dropped).toBeGreaterThan(0);
  });

  test('cost another session nothing of its share', () => {
    const endpoint = open();
    deliver(endpoint, 2, [segment({ conv: 8, cmd: CMD_PUSH, sn: 0 })]);
    for (let turn = 0; turn < 20; turn++) deliver(endpoint, 1, new Array(90).fill(datagram), 1);
    const { dropped } = endpoint.counters;
    expect(dropped).toBeGreaterThan(0);
    deliver(endpoint, 2, [segment({ conv: 8, cmd: CMD_WASK, sn: 1 })], 1);
    expect(endpoint.counters.dropped).toBe(dropped);
  });
});

describe('one address', () => {
  const options = { ...endpointOptions(NO_FEC), role: 'server' as const };

  test('has two shares of segments, however many sessions', () => {
    const endpoint = new Endpoint({ ...options, addressOf: (path) => (path < 100 ? '10.0.0.66' : '10.0.0.7') });
    const paths = [1, 2, 3, 4, 5, 6, 7, 8];
    for (const path of [...paths, 100]) deliver(endpoint, path, [segment({ conv: path, cmd: CMD_PUSH, sn: 0 })]);
    let looked = 0;
    const ms = 60;
    for (let now = 1; now <= ms; now++) {
      for (const path of paths) {
        const one = segment({ conv: path, cmd: CMD_WASK, sn: 0 });
        const bytes = new Uint8Array(58 * one.length);
        for (let at = 0; at < bytes.length; at += one.length) bytes.set(one, at);
        const before = endpoint.counters.dropped;
        deliver(endpoint, path, new Array(80).fill(bytes), now);
        looked += (80 - (endpoint.counters.dropped - before)) * 58;
      }
      endpoint.flush(now);
    }
    // All of them without: 2,227,200; a share for each session: more than 1,000,000.
    expect(looked).toBeLessThanOrEqual(ADDRESS_SEGMENT_SHARES * (MAX_SEGMENT_BURST + ms * MAX_SEGMENT_WORK) + ms * 58);
    const { dropped } = endpoint.counters;
    expect(dropped).toBeGreaterThan(0);
    deliver(endpoint, 100, [segment({ conv: 100, cmd: CMD_WASK, sn: 0 })], ms);
    expect(endpoint.counters.dropped).toBe(dropped);
  });

  test('opens only so many sessions, even where each takes the place of the one before', () => {
    const endpoint = new Endpoint({ ...options, addressOf: (path) => `10.0.0.${path}` });
    let opened = 0;
    const open = (path: number, conv: number, now: number): void => {
      deliver(endpoint, path, [segment({ conv, cmd: CMD_PUSH, sn: 0 })], now);
      for (let event = endpoint.pollEvent(); event !== undefined; event = endpoint.pollEvent()) if (event.type === 'opened') opened += 1;
      endpoint.flush(now);
    };
    const ms = 100;
    for (let now = 1; now <= ms; now++) for (let index = 0; index < 20; index++) open(66, 1000 * now + index, now);
    // All 2000 before.
    expect(opened).toBeLessThanOrEqual(MAX_OPENINGS_BURST + (ms * MAX_OPENINGS) / 1000 + 1);
    expect(opened).toBeGreaterThanOrEqual(MAX_OPENINGS_BURST);
    const before = opened;
    open(7, 1, ms);
    expect(opened).toBe(before + 1);
  });

  test('is forgotten with the others when many have no session any more', () => {
    const census = new SessionCensus();
    census.add('living');
    census.add('hasty');
    expect(census.hasty('hasty', 1)).toBe(false);
    for (let count = 0; count < MAX_OPENINGS_BURST; count++) census.add('hasty');
    for (let count = 0; count <= MAX_OPENINGS_BURST; count++) census.remove('hasty');
    expect([census.hasty('hasty', 1), census.addresses]).toEqual([true, 1]);
    for (let count = 0; count < MAX_EMPTY; count++) {
      census.add(`address ${count}`);
      census.remove(`address ${count}`);
    }
    expect([census.hasty('hasty', 1), census.addresses]).toEqual([false, 1]);
  });
});
