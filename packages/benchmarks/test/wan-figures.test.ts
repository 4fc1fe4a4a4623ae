// Figures from what the measuring processes say.

import { describe, expect, it } from 'vitest';
import { arrivalsOf, jain, queueOf, rateOf, recoveryOf, seriesOf } from '../src/wan/figures.ts';
import type { PeerLine } from '../src/wan/peer.ts';
import { makeRow } from '../src/wan/results.ts';
import type { Run } from '../src/wan/run.ts';

/** A report each 100 ms; `rate` in Mbit/s by time in ms. */
function arrivals(until: number, rate: (at: number) => number): [number, number][] {
  const reports: [number, number][] = [];
  for (let at = 0, bytes = 0; at <= until; at += 100) {
    reports.push([at, bytes]);
    bytes += (rate(at) * 1e6 * 0.1) / 8;
  }
  return reports;
}

describe('figures of a run', () => {
  it('sorts reports by flow', () => {
    const lines: PeerLine[] = [
      { kind: 'begin', at: 0 },
      { kind: 'bytes', flow: 0, at: 100, bytes: 10 },
      { kind: 'bytes', flow: 1, at: 100, bytes: 20 },
      { kind: 'bytes', flow: 0, at: 200, bytes: 30 },
    ];
    expect([...arrivalsOf(lines)]).toEqual([
      [
        0,
        [
          [100, 10],
          [200, 30],
        ],
      ],
      [1, [[100, 20]]],
    ]);
  });

  it('has the rate between any two times', () => {
    const flow = arrivals(4000, (at) => (at < 2000 ? 80 : 40));
    expect(rateOf(flow, 0, 2000)).toBeCloseTo(80);
    expect(rateOf(flow, 1950, 2050)).toBeCloseTo(60);
    expect(rateOf(flow, 2000, 4000)).toBeCloseTo(40);
    expect(seriesOf(flow, 1000, 3000, 500).map(Math.round)).toEqual([80, 80, 40, 40]);
  });

  it('counts nothing before the first report and nothing after the last', () => {
    const flow = arrivals(1000, () => 80);
    expect(rateOf(flow, -500, 0)).toBe(0);
    expect(rateOf(flow, 1000, 2000)).toBe(0);
    expect(rateOf([], 0, 1000)).toBe(0);
  });

  it('is recovered when four fifths of the limit pass for half a second', () => {
    const flow = arrivals(9000, (at) => (at >= 3000 && at < 3200 ? 90 : at < 5000 ? 10 : 85));
    expect(recoveryOf(flow, 2000, 9000, 100)).toBeGreaterThan(2.9);
    expect(recoveryOf(flow, 2000, 9000, 100)).toBeLessThanOrEqual(3);
    expect(recoveryOf(flow, 2000, 9000, 200), 'never').toBe(7);
  });

  it("knows Jain's index", () => {
    expect(jain([5, 5, 5, 5])).toBe(1);
    expect(jain([1, 0, 0, 0])).toBe(0.25);
  });

  it('takes the round-trip time away from what probes waited', () => {
    const probes = Array.from({ length: 100 }, (_, index) => [index, 100 + index] as const);
    expect(queueOf(probes, 0, 100)).toEqual({ mean: 49.5, p95: 95 });
    expect(queueOf(probes, 98, 100).mean, 'only from a time on').toBe(98.5);
    expect(queueOf([[0, 99.9]], 0, 100).mean, 'a clock is not exact').toBe(0);
  });
});

describe('rows', () => {
  const run = (goodput: number, p99: number): Run => ({
    figures: { goodput, p99 },
    series: [[goodput]],
    load: 1,
    late: { mean: 0, worst: 0 },
  });
  const key = { id: 'x', contender: 'auto', busy: false, nice: 0 };

  it('are medians figure by figure, with the series of the run in the middle', () => {
    const row = makeRow(key, [run(3, 10), run(1, 30), run(2, 20)], true);
    expect(row.figures).toEqual({ goodput: 2, p99: 20 });
    expect(row.series).toEqual([[2]]);
    expect(row.runs).toHaveLength(3);
  });

  it('count runs that were there before', () => {
    const before = makeRow(key, [run(1, 1), run(2, 2)], false);
    expect(makeRow(key, [run(9, 9)], false, before.runs).figures).toEqual({ goodput: 2, p99: 2 });
  });
});
