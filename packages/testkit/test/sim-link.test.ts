// Each fault on its own, and that they do not disturb each other: a datagram's fate comes from the seed and its number.

import { fc, test } from '@fast-check/vitest';
import { SimLink } from '@kcptun/testkit';
import { describe, expect } from 'vitest';

interface Arrival {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Sends `count` numbered datagrams of `length` bytes, one every `every` ms. */
function sendMany(link: SimLink, count: number, every = 1, length = 100): Arrival[] {
  const arrivals: Arrival[] = [];
  for (let index = 0; index < count; index++) {
    const bytes = new Uint8Array(length);
    new DataView(bytes.buffer).setUint32(0, index);
    link.transmit(index * every, bytes, (at, copy) => arrivals.push({ at, bytes: copy }));
  }
  return arrivals;
}

const numberOf = (arrival: Arrival): number => new DataView(arrival.bytes.buffer).getUint32(0);
const numbers = (arrivals: Arrival[]): number[] => arrivals.map(numberOf);
const isOrdered = (values: number[]): boolean => values.every((value, index) => index === 0 || (values[index - 1] as number) <= value);

describe('SimLink', () => {
  test('delivers copies at once when nothing is set', () => {
    const link = new SimLink(1);
    const bytes = Uint8Array.of(1, 2, 3);
    const arrivals: Arrival[] = [];
    link.transmit(5, bytes, (at, copy) => arrivals.push({ at, bytes: copy }));
    bytes[0] = 9;
    expect(arrivals).toEqual([{ at: 5, bytes: Uint8Array.of(1, 2, 3) }]);
    expect(link.stats).toMatchObject({ sent: 1, sentBytes: 3, longest: 3, delivered: 1, deliveredBytes: 3 });
  });

  test('delays, and keeps the order under jitter', () => {
    const arrivals = sendMany(new SimLink(2).setDelay(20).setJitter(10), 500);
    expect(numbers(arrivals)).toEqual(Array.from({ length: 500 }, (_, index) => index));
    expect(isOrdered(arrivals.map(({ at }) => at))).toBe(true);
    const delays = arrivals.map((arrival) => arrival.at - numberOf(arrival));
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(20);
    expect(Math.max(...delays)).toBeLessThanOrEqual(30);
    expect(Math.max(...delays) - Math.min(...delays)).toBeGreaterThan(3);
  });

  test('loses its share', () => {
    const link = new SimLink(3).setLoss(0.08);
    const arrivals = sendMany(link, 10_000);
    expect(link.stats.lost).toBeGreaterThan(700);
    expect(link.stats.lost).toBeLessThan(900);
    expect(arrivals.length).toBe(10_000 - link.stats.lost);
  });

  test('loses in bursts of the wanted length and share', () => {
    const link = new SimLink(4).setBurstLoss(0.01, 0.1);
    const arrived = new Set(numbers(sendMany(link, 50_000)));
    let bursts = 0;
    for (let index = 0; index < 50_000; index++) if (!arrived.has(index) && (index === 0 || arrived.has(index - 1))) bursts += 1;
    expect(link.stats.lostInBurst / 50_000).toBeGreaterThan(0.07);
    expect(link.stats.lostInBurst / 50_000).toBeLessThan(0.11);
    expect(link.stats.lostInBurst / bursts).toBeGreaterThan(8);
    expect(link.stats.lostInBurst / bursts).toBeLessThan(12);
    link.setBurstLoss(0, 0);
    expect(sendMany(link, 100).length).toBe(100);
  });

  test('lets later ones overtake those held back, and only those', () => {
    const link = new SimLink(5).setDelay(10).setReorder(0.1, 5);
    const arrivals = sendMany(link, 1000);
    const held = arrivals.filter((arrival) => arrival.at === numberOf(arrival) + 15);
    expect(held.length).toBe(link.stats.reordered);
    expect(held.length).toBeGreaterThan(60);
    expect(arrivals.filter((arrival) => arrival.at === numberOf(arrival) + 10).length).toBe(1000 - held.length);
  });

  test('duplicates', () => {
    const link = new SimLink(6).setDuplicate(0.2);
    const arrivals = sendMany(link, 1000);
    expect(link.stats.duplicated).toBeGreaterThan(150);
    expect(arrivals.length).toBe(1000 + link.stats.duplicated);
    expect(new Set(numbers(arrivals)).size).toBe(1000);
  });

  test('flips one to three bits and leaves the original alone', () => {
    const link = new SimLink(7).setCorrupt(0.5);
    const original = new Uint8Array(40);
    const flips: number[] = [];
    for (let index = 0; index < 1000; index++) {
      link.transmit(index, original, (_at, copy) => {
        let bits = 0;
        for (const byte of copy) for (let bit = 0; bit < 8; bit++) bits += (byte >> bit) & 1;
        flips.push(bits);
      });
    }
    expect(new Set(flips)).toEqual(new Set([0, 1, 2, 3]));
    expect(flips.filter((count) => count > 0).length).toBe(link.stats.corrupted);
    expect(original.every((byte) => byte === 0)).toBe(true);
    link.setCorrupt(1).transmit(0, new Uint8Array(0), (_at, copy) => expect(copy.length).toBe(0));
  });

  test('spaces datagrams by the rate and drops what the queue cannot take', () => {
    // 100 bytes every ms are offered to a bottleneck of 50 bytes a ms with room for 1000.
    const link = new SimLink(8).setRate(50_000, 1000);
    const arrivals = sendMany(link, 100);
    expect(arrivals[0]?.at).toBe(2);
    expect(arrivals[1]?.at).toBe(4);
    expect(Math.max(...arrivals.map((arrival) => arrival.at - numberOf(arrival)))).toBe(20);
    expect(link.stats.overflowed).toBeGreaterThan(35);
    expect(arrivals.length).toBe(100 - link.stats.overflowed);
    link.setRate(Number.POSITIVE_INFINITY);
    link.transmit(1000, new Uint8Array(5000), (at) => expect(at).toBe(1000));
  });

  test('loses everything within a black-out and what is too long', () => {
    const link = new SimLink(9).blackOut(10, 20).blackOut(30, 31).setMaxLength(100);
    const lost = new Set(Array.from({ length: 40 }, (_, index) => index));
    for (const number of numbers(sendMany(link, 40))) lost.delete(number);
    expect([...lost]).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 30]);
    link.transmit(50, new Uint8Array(101), () => expect.unreachable());
    expect(link.stats).toMatchObject({ blackedOut: 11, tooLong: 1 });
  });

  test.prop([fc.integer(), fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(50)])(
    'decides losses by seed and number alone',
    (seed, loss, jitter) => {
      const plain = numbers(sendMany(new SimLink(seed).setLoss(loss), 60));
      const busy = new SimLink(seed).setLoss(loss).setJitter(jitter).setDuplicate(0.5).setReorder(0.3, 9).setCorrupt(0.001);
      const arrived = new Set<number>();
      for (let index = 0; index < 60; index++) busy.transmit(index, new Uint8Array(1), () => arrived.add(index));
      expect([...arrived]).toEqual(plain);
    },
  );

  test.prop([fc.integer(), fc.nat(3000)])('accounts for every datagram', (seed, length) => {
    const link = new SimLink(seed)
      .setLoss(0.1)
      .setBurstLoss(0.05, 0.5, 0.7)
      .setDuplicate(0.1)
      .setRate(90_000, 4000)
      .setMaxLength(2500)
      .blackOut(5, 9);
    const arrivals = sendMany(link, 50, 1, length + 4);
    const { sent, delivered, duplicated, lost, lostInBurst, overflowed, blackedOut, tooLong } = link.stats;
    expect(arrivals.length).toBe(delivered);
    expect(delivered - duplicated + lost + lostInBurst + overflowed + blackedOut + tooLong).toBe(sent);
  });

  test('refuses settings out of range', () => {
    const link = new SimLink(10);
    expect(() => link.setLoss(1.1)).toThrow(/probability/);
    expect(() => link.setLoss(Number.NaN)).toThrow(RangeError);
    expect(() => link.setBurstLoss(0.1, -1)).toThrow(/leave/);
    expect(() => link.setDelay(-1)).toThrow(/ms/);
    expect(() => link.setRate(0)).toThrow(/bytesPerSecond/);
    expect(() => link.setRate(1, 0)).toThrow(/queueBytes/);
    expect(() => link.blackOut(5, 5)).toThrow(/until/);
  });
});
