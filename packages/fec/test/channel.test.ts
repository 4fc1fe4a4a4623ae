// Encoder, a bad channel, decoder: what comes back is what was lost, exactly when the rules say so.
import { fc, test as property } from '@fast-check/vitest';
import { PacketBatch, readU32 } from '@kcptun/common';
import { installPoolChecks, Random, takeFaults } from '@kcptun/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { FecDecoder, FecEncoder, type ShardPool } from '../src/index.ts';
import { BACKENDS, decodePacket, encodePacket, hex, makePool } from './packets.ts';
import { ReferenceDecoder, type Sent } from './reference.ts';

let restorePools: () => void;
beforeAll(() => {
  restorePools = installPoolChecks();
});
afterEach(() => expect(takeFaults()).toEqual([]));
afterAll(() => restorePools());

const shards = fc.constantFrom<[number, number]>([1, 1], [1, 3], [2, 1], [3, 2], [4, 4], [5, 7], [10, 3], [20, 5], [64, 30], [255, 1]);

describe.each(BACKENDS)('$name', ({ wasm }) => {
  property.prop([shards, fc.nat(), fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 30 })], { numRuns: 15 })(
    'loss and reordering: rebuilt packets, their order and the counters are those of the rules',
    ([ds, ps], seed, loss, spread) => {
      const random = new Random(seed);
      const pool = makePool(wasm);
      const sent = send(pool, ds, ps, random, firstSeqid(random, ds + ps));
      const reference = new ReferenceDecoder(ds, ps, sent);
      const decoder = new FecDecoder({ dataShards: ds, parityShards: ps, pool, trustCounts: true });
      let recovered = 0;
      for (const packet of reorder(sent, random, spread)) {
        if (random.chance(loss / 100)) continue;
        const expected = reference.decode(packet).map((seqid) => hex(reference.original(seqid)));
        expect(decodePacket(decoder, packet.bytes).map(hex)).toEqual(expected);
        recovered += expected.length;
        if (decoder.stats.shardSets !== reference.sets) throw new Error(`${decoder.stats.shardSets} groups, not ${reference.sets}`);
      }
      expect(decoder.stats).toMatchObject({ recovered, errs: 0, evicted: 0 });
      expect(decoder.tuning).toBe(false);
      decoder.close();
      // Slots that rebuilt packets were written to stay with the pool.
      expect(pool.used).toBeLessThanOrEqual(Math.min(ds, ps));
    },
  );

  property.prop([shards, fc.nat()], { numRuns: 12 })('duplicates too: nothing wrong and nothing less comes back', ([ds, ps], seed) => {
    const random = new Random(seed);
    const pool = makePool(wasm);
    const sent = send(pool, ds, ps, random, 0);
    const reference = new ReferenceDecoder(ds, ps, sent);
    const decoder = new FecDecoder({ dataShards: ds, parityShards: ps, pool, trustCounts: true });
    const known = new Set(sent.filter(({ isData }) => isData).map(({ packet }) => hex(packet)));
    const expected = new Set<string>();
    const got = new Set<string>();
    const arriving = sent.filter(() => random.chance(0.9)).flatMap((packet) => (random.chance(0.3) ? [packet, packet] : [packet]));
    for (const packet of reorder(arriving, random, 12)) {
      if (packet.isData) {
        expected.add(hex(packet.packet));
        got.add(hex(packet.packet));
      }
      for (const seqid of reference.decode(packet)) expected.add(hex(reference.original(seqid)));
      for (const rebuilt of decodePacket(decoder, packet.bytes)) {
        expect(known).toContain(hex(rebuilt));
        got.add(hex(rebuilt));
      }
    }
    expect(got).toEqual(expected);
    expect(decoder.stats.errs).toBe(0);
  });

  test('every loss of up to ps packets of a group is made good', () => {
    const pool = makePool(wasm);
    const sent = send(pool, 5, 3, new Random(5), 0).slice(0, 8);
    const data = sent.slice(0, 5).map(({ packet }) => hex(packet));
    for (let lost = 0; lost < 1 << 8; lost++) {
      const left = sent.filter((_, index) => ((lost >> index) & 1) === 0);
      if (left.length < 5) continue;
      const decoder = new FecDecoder({ dataShards: 5, parityShards: 3, pool, trustCounts: true });
      const got = new Set(left.filter(({ isData }) => isData).map(({ packet }) => hex(packet)));
      for (const packet of left) for (const rebuilt of decodePacket(decoder, packet.bytes)) got.add(hex(rebuilt));
      expect([...got].sort()).toEqual([...data].sort());
      decoder.close();
    }
  });
});

/** Sends some whole groups of packets of random lengths, up to the largest. */
function send(pool: ShardPool, ds: number, ps: number, random: Random, first: number): Sent[] {
  const encoder = new FecEncoder({ dataShards: ds, parityShards: ps, pool, firstSeqid: first });
  const batch = new PacketBatch(pool.memory);
  const sent: Sent[] = [];
  for (let index = 0; index < Math.max(ds * 2, Math.min(ds * 12, 200)); index++) {
    const packet = random.bytes(random.pick([0, 1, 13, 14, 24, 200, 1322, 1464]));
    encodePacket(encoder, batch, packet, index).forEach((bytes, place) => {
      sent.push({ seqid: readU32(bytes, 0), isData: place === 0, bytes, packet });
    });
  }
  encoder.close();
  return sent;
}

/** Now and then a start from which the ids pass over their end. */
function firstSeqid(random: Random, count: number): number {
  return random.chance(0.3) ? (Math.floor(0xffffffff / count) - random.integer(1, 4)) * count : 0;
}

/** Each packet is late by up to `spread` places. */
function reorder(sent: readonly Sent[], random: Random, spread: number): Sent[] {
  return sent
    .map((packet, index) => ({ packet, at: index + random.integer(0, spread) }))
    .sort((a, b) => a.at - b.at)
    .map(({ packet }) => packet);
}
