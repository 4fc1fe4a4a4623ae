// The floor of the retransmission timeout: as long as acknowledgements take where they come in bursts or out of order, and no longer because FEC
// rebuilds what was lost.

import { AckTimes } from '@kcptun/kcp-core';
import { describe, expect, test } from 'vitest';
import { RtoFloor } from '../src/rto-floor.ts';
import { NO_FEC, pair, Reader, transfer, world } from './world.ts';

const FAST3 = { nodelay: 1, interval: 10, resend: 2, nc: 1 } as const;

describe('the floor', () => {
  test('is the longest time of the last one to two seconds', () => {
    const floor = new RtoFloor();
    const times = new AckTimes();
    times.note(1040, 1000);
    expect(floor.handleAcks(1040, times)).toBe(40);
    times.note(1110, 1100);
    expect(floor.handleAcks(1500, times)).toBe(40);
    expect(floor.handleAcks(2400, times)).toBe(40);
    times.note(3401, 3396);
    expect(floor.handleAcks(3401, times)).toBe(5);
  });

  test('is forgotten when nothing was acknowledged for two seconds', () => {
    const floor = new RtoFloor();
    const times = new AckTimes();
    times.note(1040, 1000);
    floor.handleAcks(1040, times);
    expect(floor.handleAcks(3050, times)).toBe(0);
  });

  test('is 3 s at most', () => {
    const times = new AckTimes();
    times.note(60_000, 1000);
    expect(new RtoFloor().handleAcks(60_000, times)).toBe(3000);
  });

  test('leaves late acknowledgements out until they are more than a quarter', () => {
    const floor = new RtoFloor();
    const times = new AckTimes();
    for (let at = 100; at <= 120; at += 10) times.note(at + 10, at);
    times.note(600, 90);
    expect(floor.handleAcks(600, times)).toBe(10);
    expect(times.samplesLate).toBe(false);
    times.note(601, 91);
    expect(floor.handleAcks(601, times)).toBe(510);
    expect(times.samplesLate).toBe(true);
  });
});

/** What a message of 64 bytes every 50 ms meets on a path of 20 ms, 3 minutes long; without the first second. */
function chat(loss: number): { slowest: number; rtos: number[] } {
  const reader = new Reader();
  const it = pair({ parameters: { ...FAST3, dataShards: 10, parityShards: 3, keepShards: true } }, reader);
  for (const [from, to] of [
    [1, 2],
    [2, 1],
  ] as const) {
    it.network.link(from, to).setDelay(10).setLoss(loss);
  }
  const session = it.client.open(1, undefined, undefined);
  const message = new Uint8Array(64);
  const rtos: number[] = [];
  let slowest = 0;
  for (let sent = 1; sent <= 3600; sent++) {
    const at = it.clock.now;
    session.write(message, 0, message.length);
    it.client.turn();
    it.clock.advanceTo(at + 50);
    if (sent > 20) {
      rtos.push(session.kcp.rto);
      slowest = Math.max(slowest, sent - reader.received / message.length);
    }
  }
  return { slowest, rtos: rtos.sort((a, b) => a - b) };
}

describe('a quiet conversation with FEC', () => {
  test('waits for what is lost no longer than the path asks for, although parity comes half a second later', () => {
    const { slowest, rtos } = chat(0.1);
    // 30 ms is a round trip and the interval. With late acknowledgements in it half of them were beyond 200, and 7 messages waited in one line.
    expect(rtos[rtos.length >> 1]).toBe(30);
    expect(rtos.at(-1)).toBeLessThan(100);
    expect(slowest).toBeLessThanOrEqual(3);
  });
});

test('where the path reorders, the timeout allows for those that are overtaken both ways', () => {
  const parameters = { ...FAST3, ...NO_FEC };
  const run = transfer(
    world(7, (link) => link.setDelay(10).setReorder(0.5, 40)),
    { seed: 7, upload: 3_000_000, download: 0, client: { parameters }, server: { parameters } },
  );
  run.run(60_000);
  expect(run.session.kcp.rto).toBeGreaterThan(2 * (10 + 40));
});
