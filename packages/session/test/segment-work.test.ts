// Segments that are nothing but work: a session has a share of them in time, and what is beyond is
// dropped as the network drops it. Segments are counted, not time.

import { CMD_ACK, CMD_PUSH, CMD_WASK } from '@kcptun/kcp-core';
import { describe, expect, test } from 'vitest';
import { Endpoint } from '../src/index.ts';
import { MAX_SEGMENT_BURST, MAX_SEGMENT_WORK } from '../src/segment-work.ts';
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
