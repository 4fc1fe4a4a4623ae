// A peer that lies can cost its own conversation's speed, nothing else: no exception, no endless loop,
// no rate or window that is no number, and what is sent for it stays bounded.

import { writeU16, writeU32 } from '@kcptun/common';
import { Random } from '@kcptun/testkit';
import { expect, test } from 'vitest';
import { CMD_ACK, CMD_PUSH, CMD_WASK, CMD_WINS, Kcp, OVERHEAD, SegmentPool } from '../../src/index.ts';

function header(bytes: Uint8Array, at: number, cmd: number, fields: { wnd: number; ts: number; sn: number; una: number }): void {
  writeU32(bytes, at, 9);
  bytes[at + 4] = cmd;
  bytes[at + 5] = 0;
  writeU16(bytes, at + 6, fields.wnd);
  writeU32(bytes, at + 8, fields.ts);
  writeU32(bytes, at + 12, fields.sn);
  writeU32(bytes, at + 16, fields.una);
  writeU32(bytes, at + 20, 0);
}

test.each([1, 2, 3, 4])('acknowledgements of what was never sent, early, twice, from the future (seed %i)', (seed) => {
  const random = new Random(seed);
  const pool = new SegmentPool();
  let sent = 0;
  const kcp = new Kcp({ conv: 9, auto: {}, interval: 10, stream: true, sndWnd: 4096, pool, sink: () => void (sent += 1) });
  kcp.deferFlush = true;
  const bytes = new Uint8Array(OVERHEAD * 20);
  let now = seed % 2 === 0 ? 4_294_960_000 : 100;
  const pick = <T>(...values: T[]): T => values[Math.floor(random.float() * values.length)]!;
  for (let step = 0; step < 1500; step++) {
    now += random.float() * pick(0, 1, 10, 400);
    if (kcp.waitSnd - kcp.inflight < 200) kcp.send(new Uint8Array(1 + Math.floor(random.float() * 20_000)));
    const count = 1 + Math.floor(random.float() * 20);
    for (let index = 0; index < count; index++) {
      const { sndUna, sndNxt } = kcp.state();
      const inside = (sndUna + Math.floor(random.float() * Math.max(1, kcp.inflight))) >>> 0;
      header(bytes, index * OVERHEAD, pick(CMD_ACK, CMD_ACK, CMD_ACK, CMD_ACK, CMD_WINS, CMD_WASK, CMD_PUSH), {
        wnd: pick(0, 1, 128, 4096, 65_535),
        ts: pick(Math.floor(now), Math.floor(now) + 5000, Math.floor(now) - 50, Math.floor(random.float() * 0x1_0000_0000)) >>> 0,
        sn: pick(inside, inside, sndNxt, (sndNxt + 500) >>> 0, Math.floor(random.float() * 0x1_0000_0000)) >>> 0,
        una: pick(sndUna, sndUna, inside, sndNxt, (sndNxt + 1) >>> 0, Math.floor(random.float() * 0x1_0000_0000)) >>> 0,
      });
    }
    kcp.input(bytes, 0, count * OVERHEAD, now);
    kcp.flushDeferred(now);
    const timeout = kcp.nextTimeout(now);
    if (timeout !== undefined && timeout <= now) kcp.flush(now);
    const { pacing, cwnd, bw, losses } = kcp.auto!.controller;
    for (const value of [pacing, cwnd, bw, losses.loss, losses.own]) expect(Number.isFinite(value) && value >= 0).toBe(true);
    expect(losses.loss).toBeLessThanOrEqual(1);
  }
  // A transmission needs a token, and tokens come with time: 1500 steps are some 150 s.
  expect(sent).toBeGreaterThan(0);
  kcp.release();
  expect(pool.used).toBe(0);
});
