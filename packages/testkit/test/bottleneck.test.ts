// The narrow place of a path: what leaves when, what is dropped, and that links share it.

import { Bottleneck, Capacity, SimLink } from '@kcptun/testkit';
import { describe, expect, test } from 'vitest';

describe('Capacity', () => {
  test('a constant rate', () => {
    const capacity = Capacity.constant(10);
    expect(capacity.finish(0, 100)).toBe(10);
    expect(capacity.finish(25, 5)).toBe(25.5);
    expect(capacity.between(10, 20)).toBe(100);
  });

  test('a rate that changes while a packet goes out', () => {
    const steps = [
      { at: 0, bytesPerMs: 10 },
      { at: 10, bytesPerMs: 0 },
      { at: 20, bytesPerMs: 1 },
    ];
    const capacity = new Capacity(steps);
    expect(capacity.between(5, 30)).toBe(60);
    expect(capacity.finish(5, 50)).toBe(10);
    expect(new Capacity(steps).finish(5, 55)).toBe(25);
    expect(new Capacity(steps).finish(12, 5)).toBe(25);
  });

  test('a recorded one repeats', () => {
    // Bins of 5 ms: 2 packets, none, 1.
    const capacity = Capacity.recorded('201', 5, 100);
    expect(capacity.finish(0, 100)).toBe(2.5);
    expect(capacity.finish(2.5, 100)).toBe(5);
    expect(capacity.finish(5, 100)).toBe(15);
    expect(capacity.finish(15, 300)).toBe(30);
    expect(capacity.finish(300, 100)).toBe(302.5);
    expect(capacity.between(0, 150)).toBe(3000);
    expect(capacity.between(16, 32)).toBeCloseTo(160 + 100 + 80);
  });

  test('what is carried is what was between start and finish', () => {
    const bins = Array.from({ length: 40 }, (_, index) => String((index * 7) % 4)).join('');
    const capacity = Capacity.recorded(bins, 10, 1500);
    let at = 0;
    for (let packet = 0; packet < 500; packet++) at = capacity.finish(at, 1200);
    expect(capacity.between(0, at)).toBeCloseTo(500 * 1200, 3);
  });

  test('a line that carries nothing for ever is refused', () => {
    expect(() => new Capacity([{ at: 0, bytesPerMs: 0 }])).toThrow(RangeError);
    expect(() => new Capacity([{ at: 1, bytesPerMs: 1 }])).toThrow(RangeError);
    expect(() => Capacity.recorded('000', 10, 1500)).toThrow(RangeError);
  });
});

describe('Bottleneck', () => {
  test('first in, first out, and a queue that counts packets', () => {
    const bottleneck = new Bottleneck({ capacity: Capacity.constant(100), queue: 3 });
    expect([0, 0, 0, 0].map((at) => bottleneck.enqueue(at, 1000))).toEqual([10, 20, 30, -1]);
    expect(bottleneck.waiting(5)).toBe(3);
    expect(bottleneck.delay(5)).toBe(25);
    expect(bottleneck.enqueue(10, 500)).toBe(35);
    expect(bottleneck.waiting(100)).toBe(0);
    expect(bottleneck.enqueue(100, 500)).toBe(105);
    expect(bottleneck.overflowed).toBe(1);
  });

  test('many packets wait', () => {
    const bottleneck = new Bottleneck({ capacity: Capacity.constant(1) });
    for (let packet = 1; packet <= 100; packet++) expect(bottleneck.enqueue(0, 1)).toBe(packet);
    expect(bottleneck.waiting(39.5)).toBe(61);
    expect(bottleneck.enqueue(39.5, 1)).toBe(101);
  });

  test('a policer lets through its rate and a burst, without a queue', () => {
    const bottleneck = new Bottleneck({ capacity: Capacity.constant(1000), policer: { bytesPerMs: 10, burstBytes: 500 } });
    let passed = 0;
    for (let at = 0; at < 1000; at++) if (bottleneck.enqueue(at, 100) >= 0) passed += 1;
    expect(passed).toBe(Math.floor((500 + 999 * 10) / 100));
    expect(bottleneck.policed).toBe(1000 - passed);
  });

  test('links share it, and each has its own delay and losses', () => {
    const bottleneck = new Bottleneck({ capacity: Capacity.constant(1), queue: 4 });
    const near = new SimLink(1).setDelay(5).setBottleneck(bottleneck);
    const far = new SimLink(2).setDelay(50).setBottleneck(bottleneck);
    const arrivals: string[] = [];
    const send = (link: SimLink, name: string, now = 0): string =>
      link.transmit(now, new Uint8Array(10), (at) => {
        arrivals.push(`${name} ${at}`);
      });
    expect([send(near, 'a'), send(far, 'b'), send(near, 'c'), send(far, 'd'), send(near, 'e')].at(-1)).toBe('overflowed');
    expect(arrivals).toEqual(['a 15', 'b 70', 'c 35', 'd 90']);
    expect(near.stats).toMatchObject({ sent: 3, delivered: 2, overflowed: 1 });
    near.setBottleneck(undefined);
    expect(send(near, 'f', 100)).toBe('delivered');
    expect(arrivals.at(-1)).toBe('f 105');
  });
});
