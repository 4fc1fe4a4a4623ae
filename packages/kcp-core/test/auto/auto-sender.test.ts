// The auto strategy over a bottleneck on a virtual clock: what it makes of a line, and that it lets
// others live. Bounds are those that the path gives, with room for the seed.

import { describe, expect, test } from 'vitest';
import { type Flow, Line, type LineOptions } from './line.ts';

const SENDER = { auto: {}, interval: 10, sndWnd: 65_535, mtu: 1322 } as const;
const RECEIVER = { mode: 'fast3', rcvWnd: 4096, mtu: 1322, repeatsAcks: true } as const;

interface Outcome {
  /** Mbit/s of payload, each flow. */
  readonly goodput: number[];
  /** Mean queue in ms while it was measured. */
  readonly queue: number;
  readonly line: Line;
}

/** Runs `flows` bulk flows, started `gap` ms apart, and measures from `from` to `until` (ms). */
function measure(options: LineOptions, from: number, until: number, flows = 1, gap = 0, receiver = {}): Outcome {
  const line = new Line({ queue: 1000, ...options });
  for (let index = 0; index < flows; index++) line.add(SENDER, { ...RECEIVER, ...receiver }, index * gap);
  line.run(from);
  let total = 0;
  let ticks = 0;
  line.onTick = (_now, queueMs) => {
    total += queueMs;
    ticks += 1;
  };
  const before = line.flows.map((flow) => flow.received);
  line.run(until);
  const goodput = line.flows.map((flow, index) => ((flow.received - before[index]!) * 8) / 1000 / (until - from));
  return { goodput, queue: total / ticks, line };
}

const excess = ({ sender }: Flow): number => sender.stats.retransSegs / (sender.stats.outSegs - sender.stats.retransSegs);

describe('100 Mbit/s and 100 ms', () => {
  test.each([
    { loss: 0, least: 92.5, resent: 0.01 },
    { loss: 0.01, least: 91, resent: 0.03 },
    { loss: 0.05, least: 87, resent: 0.09 },
    { loss: 0.1, least: 81, resent: 0.18 },
    { loss: 0.2, least: 68, resent: 0.45 },
  ])('$loss lost', ({ loss, least, resent }) => {
    const { goodput, queue, line } = measure({ rate: 100, rtt: 100, loss, seed: 5 }, 3000, 9000);
    expect(goodput[0]).toBeGreaterThan(least);
    expect(queue).toBeLessThan(12);
    expect(excess(line.flows[0]!)).toBeLessThan(resent);
  });

  test('a queue of 20 datagrams', () => {
    const { goodput, line } = measure({ rate: 100, rtt: 100, queue: 20, seed: 2 }, 4000, 12_000);
    expect(goodput[0]).toBeGreaterThan(80);
    expect(excess(line.flows[0]!)).toBeLessThan(0.1);
  });

  // Before, what had waited for the sender's processor looked like a queue, and the rate fell to a fifth.
  test.each([
    { loss: 0, every: 1000, least: 80 },
    { loss: 0.1, every: 1000, least: 65 },
    { loss: 0.01, every: 300, least: 45 },
  ])('both ends lose their processor for 20 to 150 ms every $every ms, $loss lost', ({ loss, every, least }) => {
    for (const seed of [1, 2]) {
      const { goodput } = measure({ rate: 100, rtt: 100, loss, stalls: every, seed }, 3000, 9000);
      expect(goodput[0], `seed ${seed}`).toBeGreaterThan(least);
    }
  });

  test('up to 50 ms of jitter do not look like losses', () => {
    const { goodput, line } = measure({ rate: 100, rtt: 100, jitter: 50, loss: 0.01, seed: 3 }, 3000, 9000);
    expect(goodput[0]).toBeGreaterThan(0.75 * 94);
    expect(excess(line.flows[0]!)).toBeLessThan(0.06);
  });

  test('a window of 512 segments is filled', () => {
    const { goodput } = measure({ rate: 100, rtt: 100, seed: 4 }, 3000, 7000, 1, 0, { rcvWnd: 512 });
    // 512 segments of 1298 bytes in each 100 ms, and acknowledgements that wait for up to 10 ms.
    expect(goodput[0]).toBeGreaterThan(0.85 * 53);
  });
});

test.each([
  { rate: 5, rtt: 120, least: 4.2 },
  { rate: 1, rtt: 120, least: 0.82 },
  { rate: 500, rtt: 20, least: 400 },
])('$rate Mbit/s and $rtt ms', ({ rate, rtt, least }) => {
  const { goodput } = measure({ rate, rtt, loss: 0.01, queue: rate < 10 ? 100 : 1000, seed: 6 }, 3000, rate < 10 ? 12_000 : 4000);
  expect(goodput[0]).toBeGreaterThan(least);
});

test('two flows share a line, the second after the first', () => {
  const { goodput, queue } = measure({ rate: 50, rtt: 60, seed: 7 }, 14_000, 22_000, 2, 4000);
  const [a, b] = goodput as [number, number];
  expect((a + b) ** 2 / (2 * (a * a + b * b))).toBeGreaterThan(0.95);
  expect(a + b).toBeGreaterThan(44);
  expect(queue).toBeLessThan(25);
});

test.each([
  { what: 'a blackout', change: { up: false }, back: { up: true } },
  { what: 'a slower line', change: { rate: 30 }, back: { rate: 100 } },
  { what: 'a longer route', change: { rtt: 150 }, back: { rtt: 100 } },
])('$what of 3 s: the rate is found again', ({ change, back }) => {
  const line = new Line({ rate: 100, rtt: 100, queue: 1000, seed: 8 });
  const flow = line.add(SENDER, RECEIVER);
  line.run(4000);
  Object.assign(line.options, change);
  line.run(7000);
  Object.assign(line.options, back);
  line.run(10_000);
  const before = flow.received;
  line.run(13_000);
  expect(((flow.received - before) * 8) / 3000 / 1000).toBeGreaterThan(0.8 * 94);
});

// Before, what the first flight lost in a short queue was taken for the path's own loss, and two to five
// times what the line carries was sent for good.
test.each([
  { rate: 1.2, rtt: 8, queue: 12 },
  { rate: 2, rtt: 30, queue: 20 },
  { rate: 1, rtt: 54, queue: 20 },
])('$rate Mbit/s, $rtt ms and a queue of $queue: a start that overflows is forgotten', ({ rate, rtt, queue }) => {
  const line = new Line({ rate, rtt, queue, seed: 11 });
  const flow = line.add(SENDER, RECEIVER);
  line.run(5000);
  const { received } = flow;
  const { retransSegs, outSegs } = flow.sender.stats;
  line.run(11_000);
  expect(((flow.received - received) * 8) / 6000 / 1000).toBeGreaterThan(0.7 * rate);
  expect(flow.sender.stats.retransSegs - retransSegs).toBeLessThan(0.15 * (flow.sender.stats.outSegs - outSegs));
});

// Before, a segment that had waited long to be sent again spoiled the place of a later transmission,
// which then was in flight for ever, and the flight was full.
test.each([1, 2, 3, 4])('an outage behind a short queue leaves nothing in flight (seed %i)', (seed) => {
  const line = new Line({ rate: 1.2, rtt: 124, queue: 15, loss: 0.04, seed });
  const flow = line.add(SENDER, RECEIVER);
  flow.bulkUntil = 9000;
  line.run(1700);
  line.options.up = false;
  line.run(4000);
  line.options.up = true;
  line.run(9000);
  const { received } = flow;
  line.run(10_500);
  expect(flow.received).toBeGreaterThan(received);
  line.run(40_000);
  expect(flow.sender.waitSnd).toBe(0);
});

test('what is read is what was sent, whatever is lost, reordered and cut off', () => {
  const line = new Line({ rate: 20, rtt: 50, loss: 0.15, burst: 3, jitter: 20, queue: 30, seed: 9 });
  const flow = line.add(SENDER, RECEIVER, Number.POSITIVE_INFINITY);
  const sent = new Uint8Array(400_000).map((_, index) => (index * 7919) >>> 3);
  const read: Uint8Array[] = [];
  line.onRead = (_flow, bytes) => read.push(bytes.slice());
  for (let offset = 0; offset < sent.length; offset += 10_000) {
    line.write(flow, sent.subarray(offset, offset + 10_000));
    line.run(line.now + 20);
  }
  line.run(line.now + 20_000);
  expect(Buffer.concat(read).equals(sent)).toBe(true);
  expect(flow.sender.waitSnd).toBe(0);
  expect(flow.sender.nextTimeout(line.now)).toBeUndefined();
});

test('a sparse message waits little for its own loss', () => {
  const line = new Line({ rate: 100, rtt: 100, loss: 0.1, seed: 10 });
  const flow = line.add(SENDER, RECEIVER, Number.POSITIVE_INFINITY);
  const sentAt: number[] = [];
  const waits: number[] = [];
  let read = 0;
  line.onRead = (_flow, bytes, now) => {
    for (let at = 0; at < bytes.length; at += 64) waits.push(now - sentAt[read++]!);
  };
  for (let message = 0; message < 400; message++) {
    sentAt.push(line.now);
    line.write(flow, new Uint8Array(64));
    line.run(line.now + 50);
  }
  line.run(line.now + 5000);
  waits.sort((a, b) => a - b);
  expect(waits.length).toBe(400);
  // One way is 50 ms; without copies a loss costs a round trip and more.
  expect(waits[Math.floor(waits.length * 0.95)]).toBeLessThan(110);
});
