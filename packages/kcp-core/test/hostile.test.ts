// Whatever arrives: no exception, no endless loop, no memory beyond the named limits, and the conversation goes on.

import { Random } from '@kcptun/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ACKLIST_MAX, CMD_ACK, CMD_PUSH, Kcp, MSS_MAX, MTU_MAX, OVERHEAD, PACKET_SEGMENTS_MAX, SegmentPool } from '../src/index.ts';
import { writeHeader } from './packets.ts';

const CONV = 0x01020304;

describe('hostile input', () => {
  it('survives packets of random bytes behind the right conv', () => {
    const pool = new SegmentPool();
    const kcp = new Kcp({ conv: CONV, sink: () => {}, mode: 'fast3', pool, rcvWnd: 64, sndWnd: 64, mtu: 200, stream: true });
    const random = new Random(42);
    let now = 0;
    for (let round = 0; round < 3000; round++) {
      const packet = random.bytes(random.integer(0, 300));
      if (packet.length >= OVERHEAD) {
        writeHeader(packet, 0, CONV, random.integer(79, 86), random.integer(0, 90), random.integer(0, 90), now, random.integer(0, 320));
        if (random.chance(0.3)) random.fill(packet.subarray(random.integer(4, 23), OVERHEAD));
      }
      expect([0, -1, -2, -3]).toContain(kcp.input(packet, 0, packet.length, now, random.chance(0.9), random.chance(0.5)));
      if (kcp.waitSnd < 64) kcp.send(new Uint8Array(10));
      if (random.chance(0.05)) kcp.flush(now);
      if (random.chance(0.1)) kcp.dropSegment();
      now += random.float() * 3;
      expect(pool.used).toBeLessThanOrEqual(64 + 64 + 64);
    }
  });

  it('answers malformed packets with the code of the reference', () => {
    const kcp = new Kcp({ conv: CONV, sink: () => {} });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const before = kcp.state();
        const result = kcp.input(bytes, 0, bytes.length, 0);
        // Random bytes have the right conv once in four thousand million times.
        expect(result).toBe(-1);
        expect(kcp.state()).toEqual(before);
      }),
      { numRuns: 200 },
    );
    const packet = new Uint8Array(MTU_MAX + 1);
    writeHeader(packet, 0, CONV, CMD_PUSH, 0, 0, 0, 0xffffffff);
    expect(kcp.input(packet, 0, 100, 0)).toBe(-2);
    expect(kcp.input(packet, 0, MTU_MAX + 1, 0)).toBe(-2);
    writeHeader(packet, 0, CONV, CMD_PUSH, 0, 0, 0, MSS_MAX);
    expect(kcp.input(packet, 0, MTU_MAX, 0)).toBe(0);
    expect(kcp.peekSize()).toBe(MSS_MAX);
  });

  it('keeps no segment outside of the window, wherever sn points', () => {
    const pool = new SegmentPool();
    const kcp = new Kcp({ conv: CONV, sink: () => {}, pool, rcvWnd: 8, mode: 'fast' });
    const packet = new Uint8Array(OVERHEAD + 4);
    for (const sn of [8, 9, 100, 0x7fffffff, 0x80000000, 0xffffffff]) {
      writeHeader(packet, 0, CONV, CMD_PUSH, sn, 0, 0, 4);
      kcp.input(packet, 0, packet.length, 0);
    }
    expect([pool.used, kcp.stats.repeatSegs]).toEqual([0, 6]);
    writeHeader(packet, 0, CONV, CMD_PUSH, 7, 0, 0, 4);
    kcp.input(packet, 0, packet.length, 0);
    kcp.input(packet, 0, packet.length, 0);
    expect([pool.used, kcp.stats.repeatSegs]).toEqual([1, 7]);
  });

  it('drops data when too many acknowledgements wait, instead of growing', () => {
    const kcp = new Kcp({ conv: CONV, sink: () => {}, rcvWnd: 8, mode: 'fast' });
    kcp.deferFlush = true;
    const packet = new Uint8Array(PACKET_SEGMENTS_MAX * OVERHEAD);
    for (let at = 0; at < packet.length; at += OVERHEAD) writeHeader(packet, at, CONV, CMD_PUSH, 0, 0, 0, 0);
    const packets = Math.ceil(ACKLIST_MAX / PACKET_SEGMENTS_MAX) + 3;
    for (let count = 0; count < packets; count++) kcp.input(packet, 0, packet.length, 0);
    expect(kcp.state().acklist).toBe(ACKLIST_MAX);
    expect(kcp.stats.droppedSegs).toBe(packets * PACKET_SEGMENTS_MAX - ACKLIST_MAX);
    kcp.flushDeferred(0);
    expect(kcp.state().acklist).toBe(0);
  });

  it('takes any una and any ACK for what was never sent', () => {
    const kcp = new Kcp({ conv: CONV, sink: () => {}, mode: 'fast3', mtu: 100, stream: true });
    kcp.send(new Uint8Array(76 * 5));
    kcp.flush(0);
    const packet = new Uint8Array(OVERHEAD);
    for (const sn of [5, 6, 0x7fffffff, 0xffffffff]) {
      writeHeader(packet, 0, CONV, CMD_ACK, sn, 0, 0, 0);
      kcp.input(packet, 0, OVERHEAD, 1);
    }
    expect(kcp.inflight).toBe(5);
    writeHeader(packet, 0, CONV, CMD_ACK, 0, 0x7fffffff, 0, 0);
    kcp.input(packet, 0, OVERHEAD, 1);
    expect([kcp.waitSnd, kcp.state().sndUna, kcp.state().sndNxt]).toEqual([0, 5, 5]);
    kcp.send(Uint8Array.of(1));
    kcp.flush(2);
    expect(kcp.state().sndNxt).toBe(6);
  });
});
