// Conversations that share a path: together they take what one would, in equal parts, with the queue of
// one; messages do not wait for bulk; and nobody keeps the others from the line.

import { expect, test } from 'vitest';
import { SharedPath } from '../../src/index.ts';
import { type Flow, Line, type LineOptions } from './line.ts';

const SENDER = { interval: 10, sndWnd: 65_535, mtu: 1322 } as const;
const RECEIVER = { mode: 'fast3', rcvWnd: 4096, mtu: 1322, repeatsAcks: true } as const;

interface Run {
  readonly line: Line;
  readonly path: SharedPath;
  /** Adds a conversation with bulk from `from` (ms) on. */
  add(from?: number, receiver?: object): Flow;
  /** Goes on for `ms`; Mbit/s of payload of each flow, and the mean and the longest queue in ms. */
  measure(ms: number): { goodput: number[]; sum: number; queue: number; longest: number };
}

function run(options: LineOptions): Run {
  const line = new Line({ seed: 12, queue: Math.max(60, options.rate * 10), ...options });
  const path = new SharedPath();
  return {
    line,
    path,
    add: (from = 0, receiver = {}) => line.add({ ...SENDER, auto: { path } }, { ...RECEIVER, ...receiver }, from),
    measure: (ms) => {
      const before = line.flows.map((flow) => flow.received);
      let total = 0;
      let ticks = 0;
      let longest = 0;
      line.onTick = (_now, queue) => {
        total += queue;
        ticks += 1;
        longest = Math.max(longest, queue);
      };
      line.run(line.now + ms);
      line.onTick = undefined;
      const goodput = line.flows.map((flow, index) => ((flow.received - before[index]!) * 8) / 1000 / ms);
      return { goodput, sum: goodput.reduce((sum, each) => sum + each, 0), queue: total / ticks, longest };
    },
  };
}

/** Sends 64 bytes every 50 ms; the sorted times that they took, ms. */
function sendMessages(line: Line, flow: Flow, count: number): number[] {
  const sentAt: number[] = [];
  const waits: number[] = [];
  let read = 0;
  line.onRead = (from, bytes, now) => {
    for (let at = 0; from === flow && at < bytes.length; at += 64) waits.push(now - sentAt[read++]!);
  };
  for (let message = 0; message < count; message++) {
    sentAt.push(line.now);
    line.write(flow, new Uint8Array(64));
    line.run(line.now + 50);
  }
  line.run(line.now + 2000);
  line.onRead = undefined;
  expect(waits.length).toBe(count);
  return waits.sort((a, b) => a - b);
}

test.each([
  { rate: 100, rtt: 100, loss: 0, least: 92, queue: 6 },
  { rate: 100, rtt: 100, loss: 0.05, least: 86, queue: 7 },
  { rate: 20, rtt: 50, loss: 0.01, least: 18, queue: 9 },
  { rate: 2, rtt: 80, loss: 0, least: 1.7, queue: 45 },
])('two with bulk take $rate Mbit/s together, $loss lost', ({ rate, rtt, loss, least, queue }) => {
  const one = run({ rate, rtt, loss });
  one.add();
  one.line.run(4000);
  const alone = one.measure(6000);
  const { line, add, measure } = run({ rate, rtt, loss });
  add(0);
  add(1000);
  line.run(5000);
  const both = measure(6000);
  expect(both.sum).toBeGreaterThan(least);
  expect(both.sum).toBeGreaterThan(0.97 * alone.sum);
  expect(Math.min(...both.goodput)).toBeGreaterThan(0.45 * both.sum);
  expect(both.queue).toBeLessThan(queue);
  expect(both.queue).toBeLessThan(1.4 * alone.queue + 1);
});

test('one that joins bulk fills no queue: it has nothing to find', () => {
  const { line, add, measure } = run({ rate: 100, rtt: 100 });
  add(0);
  add(4000);
  line.run(4000);
  const { longest, sum } = measure(1000);
  expect(longest).toBeLessThan(15);
  expect(sum).toBeGreaterThan(90);
});

test.each([
  { rate: 100, rtt: 100, loss: 0, bulk: 1, p99: 65 },
  { rate: 100, rtt: 100, loss: 0.01, bulk: 3, p99: 75 },
  { rate: 20, rtt: 50, loss: 0.05, bulk: 3, p99: 45 },
  { rate: 2, rtt: 80, loss: 0, bulk: 3, p99: 150 },
])('messages beside $bulk with bulk on $rate Mbit/s, $loss lost, do not wait', ({ rate, rtt, loss, bulk, p99 }) => {
  const { line, add } = run({ rate, rtt, loss });
  for (let index = 0; index < bulk; index++) add(index * 500);
  const messages = add(Number.POSITIVE_INFINITY);
  line.run(5000);
  const waits = sendMessages(line, messages, 200);
  expect(waits[Math.floor(0.99 * waits.length)]).toBeLessThan(p99);
});

test('bulk gets what another leaves: one has a narrow window, one has ended', () => {
  const { line, add, measure } = run({ rate: 100, rtt: 100 });
  // 64 segments of 1298 bytes each 100 ms.
  add(0, { rcvWnd: 64 });
  const wide = add(0);
  const third = add(0);
  third.bulkUntil = 5000;
  line.run(5000);
  third.sender.release();
  line.flows.splice(line.flows.indexOf(third), 1);
  line.run(7000);
  const { goodput, sum } = measure(4000);
  expect(goodput[0]).toBeGreaterThan(4.5);
  expect(goodput[line.flows.indexOf(wide)]).toBeGreaterThan(80);
  expect(sum).toBeGreaterThan(90);
});

test('one whose peer has gone does not keep the others from the line', () => {
  const { line, path, add, measure } = run({ rate: 100, rtt: 100 });
  const gone = add(0);
  add(0);
  line.run(4000);
  gone.gone = true;
  // A second: what was sent to it in vain, until its silence is noticed.
  line.run(5000);
  const { goodput, longest } = measure(4000);
  expect(goodput[1]).toBeGreaterThan(88);
  expect(longest).toBeLessThan(25);
  expect(path.controller.state).not.toBe('start');
});

test('when the line is cut the rate is halved once, and found again', () => {
  const { line, path, add, measure } = run({ rate: 100, rtt: 100 });
  for (let index = 0; index < 3; index++) add(0);
  line.run(4000);
  line.options.up = false;
  line.run(7000);
  expect(path.controller.bw).toBeGreaterThan(datagrams(100) / 4);
  line.options.up = true;
  line.run(9500);
  const { sum, goodput } = measure(3000);
  expect(sum).toBeGreaterThan(85);
  expect(Math.min(...goodput)).toBeGreaterThan(0.3 * sum);
});

test('a limit of one conversation is not that of the others', () => {
  const { line, path, add, measure } = run({ rate: 50, rtt: 60 });
  line.add({ ...SENDER, auto: { path, rateLimit: datagrams(5) } }, RECEIVER);
  add(0);
  line.run(4000);
  const { goodput, sum } = measure(4000);
  expect(goodput[0]).toBeGreaterThan(4);
  expect(goodput[0]).toBeLessThan(5);
  expect(sum).toBeGreaterThan(45);
});

/** Full datagrams, of 1370 bytes with headers, per ms. */
function datagrams(megabits: number): number {
  return (megabits * 125) / 1370;
}
