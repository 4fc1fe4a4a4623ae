// The short form of `npm run sim -- --lines`: some lines that are well, and that the oracles see a sender
// which does not behave.

import { type AutoSender, Kcp } from '@kcptun/kcp-core';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { drawLine, type LinePlan } from '../src/lines/plan.ts';
import { runLine } from '../src/lines/run-line.ts';

type RateController = AutoSender['controller'];

const LINE: LinePlan = {
  kind: 'line',
  seed: 1,
  way: 'down',
  rate: 6,
  roundTrip: 40,
  queue: 60,
  changes: [],
  blackOuts: [],
  loss: 0,
  burst: 1,
  jitter: 0,
  ackLoss: 0,
  lateness: 1,
  tunnels: [{ at: 0, load: { kind: 'bulk' }, peer: 'auto', fec: true }],
  transfers: [],
  settledAt: 0,
  judgedFrom: 5000,
  until: 8000,
};

async function oraclesOf(plan: LinePlan): Promise<string[]> {
  return (await runLine(plan)).violations.map(({ oracle }) => oracle);
}

describe('lines', () => {
  test.each<[string, Partial<LinePlan>]>([
    ['a plain line', {}],
    ['up', { way: 'up', ackLoss: 0.1 }],
    ['a queue of 20 packets', { queue: 20 }],
    ['a policer', { policer: { rate: 4, burst: 30_000 } }],
    ['two tunnels', { tunnels: [LINE.tunnels[0]!, { ...LINE.tunnels[0]!, at: 500, peer: 'fast3' }] }],
    ['losses, jitter, late timers', { loss: 0.03, jitter: 10, lateness: 8 }],
    ['a black-out', { blackOuts: [{ at: 2000, length: 1500 }], judgedFrom: 8500, until: 11_500 }],
    ['clocks of 49 days', { clocks: [2 ** 32 - 3000, 2 ** 32 - 6000] }],
    ['TCP beside it', { queue: 120, transfers: [{ at: 500, kind: 'cubic' }] }],
    ['a recorded line', { rate: 16.7, recorded: { name: 'TMobile-LTE-short.down', from: 20_000 }, queue: 300 }],
  ])('%s', async (_name, change) => {
    expect(await oraclesOf({ ...LINE, ...change })).toEqual([]);
  });

  test('the same plan gives the same run', async () => {
    const plan = drawLine(5);
    expect(JSON.parse(JSON.stringify(drawLine(5)))).toEqual(plan);
    const line = { ...LINE, loss: 0.02, jitter: 8, lateness: 5, stalls: 700 };
    expect(await runLine(line)).toEqual(await runLine(line));
    expect((await runLine({ ...line, seed: 2 })).digest).not.toBe((await runLine(line)).digest);
  });

  test('everything is drawn', () => {
    const plans = Array.from({ length: 500 }, (_, seed) => drawLine(seed));
    const keys = new Set(plans.flatMap((plan) => Object.keys(plan)));
    for (const key of ['recorded', 'policer', 'reorder', 'backRate', 'stalls', 'clocks'] as const) expect(keys, key).toContain(key);
    const some = (holds: (plan: LinePlan) => boolean): void => expect(plans.some(holds)).toBe(true);
    some(({ changes }) => changes.some(({ rate }) => rate !== undefined));
    some(({ changes }) => changes.some(({ roundTrip }) => roundTrip !== undefined));
    some(({ blackOuts }) => blackOuts.length > 0);
    some(({ burst }) => burst > 5);
    some(({ queue }) => queue < 15);
    some(({ queue, rate, roundTrip }) => queue > (3 * rate * roundTrip) / 8 / 1.35 && queue > 100);
    for (const kind of ['bulk', 'paced', 'idle']) some(({ tunnels }) => tunnels.some(({ load }) => load.kind === kind));
    for (const kind of ['cubic', 'reno']) some(({ transfers }) => transfers.some((transfer) => transfer.kind === kind));
  });
});

describe('the oracles', () => {
  afterEach(() => void vi.restoreAllMocks());

  /** Changes what a controller has decided. */
  function plant(change: (controller: RateController, now: number) => void): void {
    const { controller } = new Kcp({ conv: 1, auto: {}, sink: () => {} }).auto as AutoSender;
    const prototype = Object.getPrototypeOf(controller) as RateController;
    const original = prototype.onAck;
    vi.spyOn(prototype, 'onAck').mockImplementation(function (this: RateController, report) {
      original.call(this, report);
      change(this, report.now);
    });
  }

  test('see a controller that never slows down', async () => {
    let most = 0;
    plant((controller) => {
      most = Math.min(2, Math.max(most, controller.pacing));
      controller.pacing = most;
      controller.cwnd = 10_000;
    });
    const slow = { ...LINE, rate: 2 };
    expect(await oraclesOf(slow)).toContain('again');
    expect(await oraclesOf({ ...slow, queue: 4000 })).toContain('queue');
  });

  test('see one that sends at a third of the rate', async () => {
    plant((controller) => {
      controller.pacing = 0.18;
    });
    expect(await oraclesOf(LINE)).toEqual(['half']);
  });

  test('see one that stops', async () => {
    plant((controller, now) => {
      if (now > 5500) controller.pacing = 0.0001;
    });
    expect(await oraclesOf({ ...LINE, until: 9000 })).toContain('stuck');
  });

  test('see one that leaves nothing to others', async () => {
    plant((controller) => {
      controller.pacing = 1;
      controller.cwnd = 10_000;
    });
    expect(await oraclesOf({ ...LINE, transfers: [{ at: 500, kind: 'cubic' }] })).toContain('starved');
  });
});
