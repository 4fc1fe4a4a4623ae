// With which shard counts an end sends: never with parity that the peer counts differently, and with parity in the end.
import { fc, test as property } from '@fast-check/vitest';
import { PacketBatch } from '@kcptun/common';
import { Random } from '@kcptun/testkit';
import { describe, expect, test } from 'vitest';
import { FecDecoder, FecEncoder, MOST_PARITY_PER_DATA, SentCounts } from '../src/index.ts';
import { decodePacket, encodePacket, hex, makePool } from './packets.ts';

/** An end that sends FEC packets as sessions do: held back, with its own counts or with the peer's. */
class End {
  readonly counts: SentCounts;
  follows = 0;
  #ds: number;
  #ps: number;
  #held: boolean;
  #next = 0;
  #inGroup = 0;

  /** @param go - whether it is a program in Go, which sends with its counts and parity from the beginning */
  constructor(ds: number, ps: number, go: boolean) {
    this.counts = new SentCounts(ds, ps);
    this.#ds = ds;
    this.#ps = ps;
    this.#held = !go;
    if (go) this.counts.decision = 'own';
  }

  /** A data packet, and the parity that it makes due: the packets that arrive are given to `other`. */
  send(other: End, arrives: () => boolean): void {
    if (this.#inGroup === 0) this.#adopt();
    if (arrives()) other.counts.note(true, this.#next);
    this.#next += 1;
    this.#inGroup += 1;
    if (this.#inGroup < this.#ds) return;
    this.#inGroup = 0;
    for (let k = 0; k < this.#ps; k++) if (!this.#held && arrives()) other.counts.note(false, this.#next + k);
    this.#next += this.#ps;
  }

  #adopt(): void {
    const { decision, dataShards, parityShards } = this.counts;
    if (decision === 'open') return;
    this.#held = decision === 'silent';
    if (decision !== 'follow' || (dataShards === this.#ds && parityShards === this.#ps)) return;
    this.follows += 1;
    [this.#ds, this.#ps] = [dataShards, parityShards];
    const size = dataShards + parityShards;
    this.#next = Math.ceil(this.#next / size) * size;
  }
}

const shards = fc.tuple(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 10 }));

describe('with a program in Go at the other end', () => {
  property.prop([shards, shards, fc.nat(), fc.nat(20)], { numRuns: 200 })(
    'it sends without parity until it sends with the counts of the peer',
    ([ds, ps], [ownDs, ownPs], seed, percent) => {
      const random = new Random(seed);
      const ours = new End(ownDs, ownPs, false);
      const go = new End(ds, ps, true);
      for (let sent = 0; sent < 3000 && ours.counts.decision === 'open'; sent++) go.send(ours, () => !random.chance(percent / 100));
      const { decision, dataShards, parityShards } = ours.counts;
      if (ps > ds * MOST_PARITY_PER_DATA && (ds !== ownDs || ps !== ownPs)) expect(decision).toBe('silent');
      else expect([dataShards, parityShards]).toEqual([ds, ps]);
      expect(decision === 'own').toBe(ds === ownDs && ps === ownPs);
    },
  );

  test('nothing is decided by one packet, and by three when they have no FEC header', () => {
    const counts = new SentCounts(10, 3);
    counts.note(true, 0);
    counts.notePlain();
    counts.notePlain();
    expect(counts.decision).toBe('open');
    counts.notePlain();
    expect([counts.decision, counts.parityShards]).toEqual(['silent', 0]);
    for (let id = 0; id < 600; id++) counts.note(true, id);
    expect(counts.decision).toBe('silent');
  });

  test('a peer cannot make it send many times the traffic', () => {
    const ours = new End(10, 3, false);
    const hostile = new End(1, 255, true);
    for (let sent = 0; sent < 100; sent++) hostile.send(ours, () => true);
    expect([ours.counts.decision, ours.counts.parityShards]).toEqual(['silent', 0]);
  });
});

describe('with another of this kind at the other end', () => {
  test('equal counts: neither waits for long, though neither shows parity first', () => {
    const [a, b] = [new End(10, 3, false), new End(10, 3, false)];
    for (let sent = 0; sent < 25; sent++) {
      a.send(b, () => true);
      b.send(a, () => true);
    }
    expect([a.counts.decision, b.counts.decision]).toEqual(['own', 'own']);
  });

  property.prop([shards, shards, fc.nat(), fc.nat(20), fc.integer({ min: 1, max: 10 })], { numRuns: 200 })(
    'other counts: both decide, and one follows at most',
    ([ds, ps], [otherDs, otherPs], seed, percent, ratio) => {
      const random = new Random(seed);
      const arrives = (): boolean => !random.chance(percent / 100);
      const [a, b] = [new End(ds, ps, false), new End(otherDs, otherPs, false)];
      for (let turn = 0; turn < 4000; turn++) {
        for (let sent = 0; sent < ratio; sent++) a.send(b, arrives);
        b.send(a, arrives);
      }
      expect(a.counts.decision).not.toBe('open');
      expect(b.counts.decision).not.toBe('open');
      expect(a.follows + b.follows).toBeLessThanOrEqual(1);
    },
  );
});

test('an encoder that holds its parity back uses up the ids, and sends parity again from the next whole group on', () => {
  const pool = makePool();
  const encoder = new FecEncoder({ dataShards: 3, parityShards: 2, pool });
  const batch = new PacketBatch(pool.memory);
  encoder.holdsParity = true;
  const send = (id: number): number => encodePacket(encoder, batch, new Uint8Array(24).fill(id), 1000 + id).length - 1;
  expect([0, 1, 2].map(send)).toEqual([0, 0, 0]);
  expect(encoder.seqid).toBe(5);
  expect(pool.used).toBe(0);
  expect(send(3)).toBe(0);
  encoder.holdsParity = false;
  expect([4, 5].map(send)).toEqual([0, 0]);
  expect([6, 7, 8].map(send)).toEqual([0, 0, 2]);
  expect(encoder.starved).toBe(0);
});

test('a decoder that is told the counts rebuilds at once, also what waited', () => {
  const pool = makePool();
  const encoder = new FecEncoder({ dataShards: 4, parityShards: 2, pool });
  const batch = new PacketBatch(pool.memory);
  const packets = Array.from({ length: 8 }, (_, id) => encodePacket(encoder, batch, new Uint8Array(24).fill(id), 1000 + id)).flat();
  const decoder = new FecDecoder({ dataShards: 10, parityShards: 3, pool });
  decoder.adopt(4, 2);
  expect(decoder.proven).toBe(true);
  const got = packets.filter((_, place) => place !== 1).flatMap((packet) => decodePacket(decoder, packet).map(hex));
  expect(got).toEqual([hex(new Uint8Array(24).fill(1))]);
  expect(() => decoder.adopt(0, 3)).toThrow(RangeError);
});
