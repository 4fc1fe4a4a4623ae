// Payload that is kept until two packets have acknowledged it.

import { describe, expect, test } from 'vitest';
import { SegmentPool } from '../src/segment-pool.ts';
import { SendWindow } from '../src/send-window.ts';

function filled(keepsMost: number, count: number): { window: SendWindow; pool: SegmentPool } {
  const pool = new SegmentPool();
  const window = new SendWindow(pool, 0xffff_fff0);
  window.keeps = true;
  window.keepsMost = keepsMost;
  for (let index = 0; index < count; index++) window.push(Uint8Array.of(index), 0, 1, 0);
  window.admit(count);
  return { window, pool };
}

describe('what one packet has acknowledged', () => {
  test('is kept, and goes with the next one', () => {
    const { window, pool } = filled(8, 8);
    window.acknowledge(0xffff_fff6);
    expect([window.delivered, pool.used]).toEqual([6, 8]);
    expect(window.retract(0xffff_fff2)).toBe(true);
    expect([window.inflight, window.ackedAhead]).toEqual([6, 0]);
    window.acknowledge(0xffff_fff8);
    window.confirm(0xffff_fff8);
    expect([window.inflight, pool.used]).toEqual([0, 0]);
  });

  test('is no more than the limit, also where nothing is ever confirmed', () => {
    const { window, pool } = filled(8, 100);
    for (let una = 1; una <= 100; una++) {
      window.acknowledge((0xffff_fff0 + una) >>> 0);
      expect(pool.used).toBeLessThanOrEqual(100 - una + 8);
    }
    expect([window.inflight, pool.used]).toEqual([0, 8]);
    expect(window.retract((0xffff_fff0 + 91) >>> 0)).toBe(false);
    expect(window.retract((0xffff_fff0 + 92) >>> 0)).toBe(true);
    window.clear();
    expect(pool.used).toBe(0);
  });
});
