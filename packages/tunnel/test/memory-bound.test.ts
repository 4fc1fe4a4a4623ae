// The arithmetic of the worst case; that a tunnel keeps to it is in io/memory-bound.test.ts.

import { memoryBound } from '@kcptun/tunnel';
import { describe, expect, test } from 'vitest';

const key = 'k';

describe('memoryBound', () => {
  test('adds up windows, buffers and coders', () => {
    const bound = memoryBound({
      key,
      session: { sndWnd: 100, rcvWnd: 200 },
      smux: { maxReceiveBuffer: 1_000_000, maxStreamBuffer: 300_000 },
      compression: false,
    });
    expect(bound).toMatchObject({
      sending: 296_000,
      receiving: 592_000,
      unread: 1_000_000,
      compression: 0,
      session: 1_888_000,
      stream: 300_000,
    });
    expect(bound.connection).toBeGreaterThan(0);
  });

  test('counts the coders of a compressed stream, and a stream of version 1 as large as its session', () => {
    const bound = memoryBound({ key, smux: { version: 1, maxReceiveBuffer: 1_000_000, maxStreamBuffer: 300_000 } });
    expect(bound.stream).toBe(1_000_000);
    expect(bound.session).toBe(bound.sending + bound.receiving + bound.unread + bound.compression);
    expect(bound.compression).toBeGreaterThan(0);
  });

  test('refuses what a tunnel refuses', () => {
    expect(() => memoryBound({ key, session: { sndWnd: 0 } })).toThrow(/sndWnd/);
  });
});
