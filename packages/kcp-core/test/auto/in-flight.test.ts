// What is on its way, seen directly: the ring of transmissions forgets, and segments that wait longer than
// it remembers must not touch the places of others.

import { expect, test } from 'vitest';
import { InFlight } from '../../src/auto/in-flight.ts';
import { LossStatistics } from '../../src/auto/loss-statistics.ts';
import { OUT } from '../../src/auto/transmissions.ts';
import { SegmentPool } from '../../src/segment-pool.ts';
import { SendWindow } from '../../src/send-window.ts';

/** Sends segments one a ms and hears of each at once, but for the first, which is lost. */
function afterLoss(): { flying: InFlight; window: SendWindow; send: (sn: number) => void; now: () => number } {
  const window = new SendWindow(new SegmentPool(), 0);
  for (let sn = 0; sn < 200; sn++) window.push(Uint8Array.of(1), 0, 1, 0);
  const flying = new InFlight(window, new LossStatistics(0.01));
  let now = 0;
  let order = 0;
  const send = (sn: number): void => {
    now += 1;
    if (sn === window.nxt) window.admit(window.inflight + 1);
    flying.marks.fit();
    window.xmit[sn & window.mask]! += 1;
    window.ts[sn & window.mask] = now;
    flying.note(sn, now, order, now);
    order += 1;
  };
  for (let sn = 0; sn < 63; sn++) send(sn);
  for (let sn = 1; sn < 63; sn++) {
    now += 1;
    flying.acknowledge(sn, window.ts[sn & window.mask]!, now, true);
    flying.conclude(now, 3);
    flying.settle();
  }
  expect([flying.count, flying.isLost(0)]).toEqual([0, true]);
  return { flying, window, send, now: () => now };
}

test('a segment that waited long to be sent again leaves the transmission in its old place alone', () => {
  const { flying, send } = afterLoss();
  const { transmissions } = flying;
  // Transmission 64 has the place of transmission 0.
  send(63);
  send(64);
  expect(transmissions.mask).toBe(63);
  send(0);
  expect(transmissions.state[0]).toBe(OUT);
  expect(flying.count).toBe(3);
  flying.loseAll();
  expect(flying.count).toBe(0);
});

test('its late acknowledgement shows no round trip, and leaves that transmission alone too', () => {
  const { flying, window, send, now } = afterLoss();
  send(63);
  send(64);
  flying.acknowledge(0, window.ts[0]!, now(), true);
  expect(flying.rtt).toBe(-1);
  expect(flying.transmissions.state[0]).toBe(OUT);
  expect(flying.count).toBe(2);
  flying.passUna(65);
  expect(flying.count).toBe(0);
});
