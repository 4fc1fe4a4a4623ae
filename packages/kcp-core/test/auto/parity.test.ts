// How much parity mode auto sends: all after a pause, none where a retransmission is cheaper, and what
// may leave at all.

import { describe, expect, test } from 'vitest';
import { chooseParity } from '../../src/auto/parity-choice.ts';
import { ParityChooser } from '../../src/auto/parity-chooser.ts';

const LINE = { dataShards: 10, parityShards: 3, line: 10, rtt: 100, current: 0 };

describe('the choice', () => {
  test.each([
    { loss: 0, window: 4096, parity: 0 },
    { loss: 0.01, window: 4096, parity: 0 },
    { loss: 0.1, window: 8192, parity: 0 },
    // The window of a Go client: it stands behind each hole.
    { loss: 0.05, window: 512, parity: 3 },
    { loss: 0.1, window: 512, parity: 3 },
  ])('$loss lost, a window of $window: $parity', ({ loss, window, parity }) => {
    expect(chooseParity({ ...LINE, loss, window })).toBe(parity);
  });
});

describe('the chooser', () => {
  test('sends all parity after a pause, and none on a clean line afterwards', () => {
    const chooser = new ParityChooser(10, 3);
    expect([chooser.count, chooser.overhead]).toEqual([3, 1.3]);
    chooser.onSent(600);
    expect([chooser.count, chooser.overhead]).toEqual([0, 1]);
    chooser.onIdle();
    chooser.onSent(1);
    expect(chooser.count).toBe(3);
  });

  test('counts nothing for parity that may not leave', () => {
    const chooser = new ParityChooser(10, 3);
    chooser.adopt(10, 0);
    expect([chooser.count, chooser.overhead]).toEqual([0, 1]);
    for (let round = 0; round < 50; round++) chooser.decide(round, 0.1, 10, 512, 100);
    chooser.onSent(600);
    expect([chooser.count, chooser.overhead]).toEqual([0, 1]);
  });

  test('follows other counts', () => {
    const chooser = new ParityChooser(10, 0);
    chooser.adopt(20, 5);
    expect([chooser.count, chooser.overhead, chooser.group]).toEqual([5, 1.25, 25]);
    chooser.onSent(600);
    for (let round = 0; round < 50; round++) chooser.decide(round, 0.1, 10, 512, 100);
    chooser.onSent(1);
    expect(chooser.count).toBeGreaterThan(0);
    chooser.adopt(20, 1);
    expect(chooser.count).toBe(1);
  });
});
