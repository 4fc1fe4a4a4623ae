// What the log says of paths: what mode auto has found when that changes by much, and once that
// another mode would be faster.

import type { PathEstimate, SessionStats } from '@kcptun/session';
import { beforeEach, expect, test } from 'vitest';
import { PathNotes } from '../src/path-notes.ts';

const lines: string[] = [];
const logger = { debug() {}, info: (line: string) => void lines.push(line), warn: (line: string) => void lines.push(line), error() {} };
const STATS: SessionStats = {
  conv: 1,
  srtt: 100,
  rto: 200,
  waitSnd: 0,
  inflightLimit: 1024,
  inflight: 0,
  sndWnd: 128,
  rmtWnd: 512,
  inSegs: 0,
  outSegs: 0,
  retransSegs: 0,
  fecRecovered: 0,
};
const FOUND: PathEstimate = {
  rate: 12_500_000,
  roundTrip: 101,
  queue: 4,
  loss: 0.003,
  parity: 0,
  throttled: 0,
  unthrottledRate: 0,
  state: 'cruise',
};

let notes: PathNotes;
let session: object;
let stats: SessionStats;
beforeEach(() => {
  lines.length = 0;
  notes = new PathNotes(logger, 1350, '; new connections go to another port');
  session = {};
  stats = STATS;
});

/** A heartbeat after `sent` segments more. */
function look(sent: number, more: Partial<SessionStats> = {}, now = 0): boolean {
  stats = { ...stats, ...more, outSegs: stats.outSegs + sent };
  return notes.look({ session, path: undefined, label: '192.0.2.1:29900', stats }, now);
}

test('what mode auto has found is said once, and again when it has changed by much', () => {
  look(1000, { auto: { ...FOUND, state: 'start' } });
  expect(lines).toEqual([]);
  look(1000, { auto: FOUND });
  look(1000, { auto: { ...FOUND, rate: 15_000_000, queue: 9 } });
  expect(lines).toEqual(['192.0.2.1:29900: mode auto has found 100 Mbit/s, RTT 101 ms and 4 ms of queue, 0.3 % lost, parity: 0']);
  look(1000, { auto: { ...FOUND, rate: 500_000, parity: 3, loss: 0.1 } });
  expect(lines[1]).toMatch(/: mode auto has found 4\.0 Mbit\/s, .* 10\.0 % lost, parity: 3$/);
  look(10, { auto: FOUND });
  expect(lines).toHaveLength(2);
});

test('a window that is full at three heartbeats is named, once', () => {
  for (let beat = 0; beat < 5; beat++) look(4000, { inflight: 128, waitSnd: 200 });
  expect(lines).toEqual([
    '192.0.2.1:29900: a window of 128 segments (--sndwnd here) is full: at 100 ms it carries 14 Mbit/s at most; ' +
      '--mode auto finds the rate of a path by itself',
  ]);
});

test('so is the window of the peer', () => {
  for (let beat = 0; beat < 3; beat++) look(4000, { sndWnd: 1024, inflight: 512, waitSnd: 700 });
  expect(lines[0]).toMatch(/: a window of 512 segments \(the peer's --rcvwnd\) is full/);
});

test('a transfer that consists of repetitions is named', () => {
  look(4000, { retransSegs: 2500 });
  expect(lines).toEqual(['192.0.2.1:29900: 2500 of 4000 segments were sent again; --mode auto finds the rate of a path by itself']);
});

test('a session that has room, or sends little, gets no advice', () => {
  for (let beat = 0; beat < 5; beat++) look(4000, { inflight: 60, waitSnd: 60 });
  for (let beat = 0; beat < 5; beat++) look(100, { inflight: 128, waitSnd: 200 });
  expect(lines).toEqual([]);
});

test('a throttled path is told once each time, and never more than some lines a minute', () => {
  const throttled = { ...FOUND, rate: 125_000, unthrottledRate: 12_500_000 };
  expect(look(1000, { auto: { ...throttled, throttled: 0 } }, 0)).toBe(false);
  lines.length = 0;
  expect(look(1000, { auto: { ...throttled, throttled: 1 } }, 10_000)).toBe(true);
  expect(look(1000, { auto: { ...throttled, throttled: 1 } }, 20_000)).toBe(false);
  expect(lines).toEqual([
    '192.0.2.1:29900: the path is slower and may be throttled: it takes 1.0 Mbit/s and took 100, and neither losses nor ' +
      'a queue explain that; new connections go to another port',
  ]);
  for (let event = 2; event < 12; event++) expect(look(1000, { auto: { ...throttled, throttled: event } }, 21_000)).toBe(true);
  expect(lines.length).toBe(4);
  expect(look(1000, { auto: { ...throttled, throttled: 12 } }, 90_000)).toBe(true);
  expect(lines.at(-1)).toContain('(7 more lines like this were left out)');
});
