// A decoder that does not know its peer's shard counts hands out no packet that was never sent, whatever is lost or late; and once it
// knows them, it hands out what it could not before.
import { fc, test as property } from '@fast-check/vitest';
import { PacketBatch, readU32, writeU32 } from '@kcptun/common';
import { Random } from '@kcptun/testkit';
import { describe, expect, test } from 'vitest';
import { CountsProof, PROOF_NOTES, PROOF_SPARSE } from '../src/counts-proof.ts';
import { FecDecoder, FecEncoder, KEPT_GROUPS, type ShardPool } from '../src/index.ts';
import { decodePacket, encodePacket, hex, makePool } from './packets.ts';

interface Flow {
  /** FEC packets in the order of their ids, without gaps. */
  readonly packets: Uint8Array[];
  /** The KCP packets of the data packets. */
  readonly sent: Set<string>;
}

/** Whole groups of packets that have what KCP packets have in common: the same conv in front, and one length. */
function makeFlow(pool: ShardPool, ds: number, ps: number, groups: number): Flow {
  const encoder = new FecEncoder({ dataShards: ds, parityShards: ps, pool });
  const batch = new PacketBatch(pool.memory);
  const random = new Random(ds * 1000 + ps);
  // With one data shard, the first packet's group gets no parity (PROTOCOL fec §3).
  const flow: Flow = { packets: ds === 1 ? encodePacket(encoder, batch, random.bytes(24), 0).slice(1) : [], sent: new Set() };
  for (let index = 0; index < groups * ds; index++) {
    const packet = random.bytes(24);
    writeU32(packet, 0, 0x1234_5678);
    flow.sent.add(hex(packet));
    flow.packets.push(...encodePacket(encoder, batch, packet, 1000 + index));
  }
  encoder.close();
  return flow;
}

/** What a decoder hands out, packet by packet. */
function decodeAll(decoder: FecDecoder, packets: Iterable<Uint8Array>): string[] {
  const out: string[] = [];
  for (const packet of packets) out.push(...decodePacket(decoder, packet).map(hex));
  return out;
}

/** The packets of a flow but those with these places. */
function without(packets: readonly Uint8Array[], ...lost: readonly number[]): Uint8Array[] {
  return packets.filter((_, index) => !lost.includes(index));
}

describe('other counts than the sender has', () => {
  const cases: [sender: [number, number], receiver: [number, number]][] = [
    [
      [9, 4],
      [10, 3],
    ],
    [
      [10, 3],
      [9, 4],
    ],
    [
      [2, 2],
      [1, 1],
    ],
    [
      [1, 1],
      [3, 1],
    ],
    [
      [3, 1],
      [2, 2],
    ],
    [
      [3, 1],
      [3, 8],
    ],
    [
      [20, 6],
      [10, 3],
    ],
  ];

  test.each(cases)('%j against %j: nothing that was not sent comes out, whichever two packets are lost', ([ds, ps], [ownDs, ownPs]) => {
    const pool = makePool();
    const { packets, sent } = makeFlow(pool, ds, ps, 4);
    const first = packets.slice(0, 52);
    for (let one = 0; one < first.length; one++) {
      for (let other = one; other < first.length; other++) {
        const decoder = new FecDecoder({ dataShards: ownDs, parityShards: ownPs, pool });
        const wrong = decodeAll(decoder, without(first, one, other)).filter((packet) => !sent.has(packet));
        expect(wrong, `without ${one} and ${other}`).toEqual([]);
        decoder.close();
      }
    }
  });

  test('a decoder that takes its counts for certain hands out what was never sent, with the right conv', () => {
    const pool = makePool();
    const { packets, sent } = makeFlow(pool, 9, 4, 1);
    const decoder = new FecDecoder({ dataShards: 10, parityShards: 3, pool, trustCounts: true });
    const wrong = decodeAll(decoder, without(packets, 3, 9)).filter((packet) => !sent.has(packet));
    expect(wrong.map((packet) => [packet.slice(0, 8), packet.length])).toContainEqual(['78563412', 48]);
  });

  property.prop([fc.tuple(fc.nat(11), fc.nat(5)), fc.tuple(fc.nat(11), fc.nat(5)), fc.nat(), fc.nat(40), fc.nat(40)], { numRuns: 60 })(
    'whatever is lost, late or doubled',
    ([ds, ps], [ownDs, ownPs], seed, loss, spread) => {
      const random = new Random(seed);
      const pool = makePool();
      const { packets, sent } = makeFlow(pool, ds + 1, ps + 1, 20);
      const decoder = new FecDecoder({ dataShards: ownDs + 1, parityShards: ownPs + 1, pool });
      const arriving = packets
        .filter(() => !random.chance(loss / 100))
        .flatMap((packet) => (random.chance(0.05) ? [packet, packet] : [packet]))
        .map((packet, index) => ({ packet, at: index + random.integer(0, spread) }))
        .sort((a, b) => a.at - b.at);
      const wrong = decodeAll(
        decoder,
        arriving.map(({ packet }) => packet),
      ).filter((packet) => !sent.has(packet));
      expect(wrong).toEqual([]);
      decoder.close();
    },
  );
});

test('a peer that keeps its counts unproven costs a bounded number of divisions a packet', () => {
  const proof = new CountsProof();
  for (let index = 0; index < PROOF_NOTES; index++) proof.note(true, 0);
  const atFirst = proof.steps;
  const more = 16_000;
  for (let index = 0; index < more; index++) proof.note(true, 0);
  expect(atFirst).toBe(255 * PROOF_NOTES);
  // 255 a packet before.
  expect((proof.steps - atFirst) / more).toBeLessThanOrEqual(255 / PROOF_SPARSE);
  for (let id = 0; id < 100_000 && !proof.holds(10, 3); id++) proof.note(id % 13 < 10, id);
  expect(proof.holds(10, 3)).toBe(true);
});

describe('the same counts', () => {
  test('of the first group every loss of up to ps packets is made good, at the latest with the second group', () => {
    const pool = makePool();
    const { packets, sent } = makeFlow(pool, 10, 3, 3);
    const first = [...sent].slice(0, 10);
    for (let one = 0; one < 13; one++) {
      for (let other = one; other < 13; other++) {
        for (let third = other; third < 13; third++) {
          const decoder = new FecDecoder({ dataShards: 10, parityShards: 3, pool });
          const got = new Set(decodeAll(decoder, without(packets.slice(0, 26), one, other, third)));
          const lost = [...new Set([one, other, third])].filter((place) => place < 10);
          expect([...got].sort()).toEqual(lost.map((place) => first[place]).sort());
          decodeAll(decoder, packets.slice(26));
          expect(decoder.proven).toBe(true);
          decoder.close();
        }
      }
    }
    expect(pool.used).toBeLessThanOrEqual(3);
  });

  test('the first group waits for nothing else when both sides of the bound are here', () => {
    const pool = makePool();
    const { packets, sent } = makeFlow(pool, 10, 3, 1);
    const decoder = new FecDecoder({ dataShards: 10, parityShards: 3, pool });
    expect(decodeAll(decoder, without(packets.slice(0, 11), 3))).toEqual([[...sent][3]]);
    expect(decoder.proven).toBe(false);
  });

  test('groups that had to wait are rebuilt with the packets that follow the proof, one each', () => {
    const pool = makePool();
    const { packets, sent } = makeFlow(pool, 10, 3, 4);
    const decoder = new FecDecoder({ dataShards: 10, parityShards: 3, pool });
    // Without id 9 of a group, 9+4 fits as well.
    const lost = [9, 22, 35];
    expect(decodeAll(decoder, without(packets.slice(0, 39 + 9), ...lost))).toEqual([]);
    expect(decoder.proven).toBe(false);
    const rebuilt = packets.slice(39 + 9).map((packet) => decodePacket(decoder, packet).map(hex));
    const all = [...sent];
    expect(rebuilt).toEqual([[all[9]], [all[19]], [all[29]], []]);
    expect(decoder.proven).toBe(true);
    expect(decoder.stats).toMatchObject({ recovered: 3, fullShards: 1, errs: 0 });
  });

  test('a group that waits takes what else comes, and is full when all of its data has come', () => {
    const pool = makePool();
    const { packets } = makeFlow(pool, 10, 3, 1);
    const decoder = new FecDecoder({ dataShards: 10, parityShards: 3, pool });
    expect(decodeAll(decoder, without(packets, 3, 9))).toEqual([]);
    expect(decodeAll(decoder, [packets[3] as Uint8Array])).toEqual([]);
    expect(pool.used).toBe(12);
    expect(decodeAll(decoder, [packets[9] as Uint8Array])).toEqual([]);
    expect(decoder.stats).toMatchObject({ recovered: 0, fullShards: 1, parityShards: 3 });
    expect(pool.used).toBe(0);
  });

  test('no more groups wait than a decoder keeps, and evicted ones do not', () => {
    const pool = makePool(true, 40);
    const { packets, sent } = makeFlow(pool, 10, 3, 9);
    const decoder = new FecDecoder({ dataShards: 10, parityShards: 3, pool });
    const nines = Array.from({ length: 8 }, (_, group) => group * 13 + 9);
    expect(decodeAll(decoder, without(packets.slice(0, 8 * 13), ...nines))).toEqual([]);
    expect(decoder.stats.shardSets).toBe(KEPT_GROUPS);
    expect(pool.used).toBeLessThanOrEqual(40);
    expect(decoder.stats.evicted).toBeGreaterThan(0);
    // Of the three groups of 12 before it, the slots of the last group's packets have cost the oldest.
    const rebuilt = decodeAll(decoder, packets.slice(8 * 13));
    expect(rebuilt).toEqual([[...sent][6 * 10 + 9], [...sent][7 * 10 + 9]]);
    expect(decoder.stats).toMatchObject({ recovered: 2, errs: 0 });
  });

  property.prop([fc.nat(), fc.constantFrom<[number, number]>([1, 1], [2, 1], [3, 2], [10, 3], [4, 6], [30, 10])], { numRuns: 15 })(
    'from the proof on, what comes out is what comes out of a decoder that was certain from the beginning',
    (seed, [ds, ps]) => {
      const random = new Random(seed);
      const pool = makePool();
      const { packets, sent } = makeFlow(pool, ds, ps, 60);
      const [certain, careful] = [true, false].map(
        (trustCounts) => new FecDecoder({ dataShards: ds, parityShards: ps, pool, trustCounts }),
      );
      if (certain === undefined || careful === undefined) throw new Error('two decoders');
      let proven = -1;
      const arrived = new Set<string>();
      const rebuilt = new Set<string>();
      const wanted = new Set<string>();
      for (const packet of packets) {
        if (random.chance(0.12)) continue;
        arrived.add(hex(packet.subarray(8)));
        const expected = decodeAll(certain, [packet]);
        const got = decodeAll(careful, [packet]);
        for (const bytes of got) expect(sent).toContain(bytes);
        // What had to wait comes out one group a call, so the new ones may come a little later. Where parity alone completes a group, what
        // has come is rebuilt as well; not of a group that waited, which is complete with all of its packets at once.
        for (const bytes of expected) if (!arrived.has(bytes)) wanted.add(bytes);
        for (const bytes of got) rebuilt.add(bytes);
        if (careful.proven && proven < 0) proven = readU32(packet, 0);
        if (proven >= 0 && readU32(packet, 0) > proven + 8 * (ds + ps)) expect(got).toEqual(expected);
      }
      expect(careful.proven).toBe(true);
      // Only groups that were given up before the proof are lost.
      const before = Math.max(0, Math.floor(proven / (ds + ps)) - KEPT_GROUPS + 1);
      const missed = [...wanted].filter((bytes) => !rebuilt.has(bytes));
      expect(missed.length).toBeLessThanOrEqual(before * Math.min(ds, ps));
    },
  );
});

describe('the proof', () => {
  property.prop([fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 12 }), fc.nat(), fc.integer({ min: 1, max: 60 })], {
    numRuns: 60,
  })('holds exactly when no other counts fit', (ds, ps, seed, count) => {
    const random = new Random(seed);
    const proof = new CountsProof();
    const samples = Array.from({ length: count }, () => {
      const seqid = random.integer(0, 6 * (ds + ps));
      return { seqid, isData: seqid % (ds + ps) < ds };
    });
    for (const { isData, seqid } of samples) proof.note(isData, seqid);
    const fits: [number, number][] = [];
    for (let size = 2; size <= 256; size++) {
      for (let data = 1; data < size; data++) {
        if (samples.every(({ isData, seqid }) => seqid % size < data === isData)) fits.push([data, size]);
      }
    }
    expect(fits).toContainEqual([ds, ds + ps]);
    expect(proof.holds(ds, ps)).toBe(fits.length === 1);
    const highest = Math.max(-1, ...samples.map(({ seqid }) => seqid).filter((seqid) => seqid < ds + ps));
    expect(proof.holdsFirst(ds, highest)).toBe(fits.every(([data, size]) => data === ds && size > highest));
  });

  test('is made again for counts that were found out', () => {
    const pool = makePool();
    const { packets, sent } = makeFlow(pool, 6, 2, 40);
    const decoder = new FecDecoder({ dataShards: 10, parityShards: 3, pool, trustCounts: true });
    expect(decoder.proven).toBe(true);
    let switched = -1;
    for (const [place, packet] of packets.entries()) {
      const got = decodeAll(decoder, [packet]);
      for (const bytes of got) expect(sent).toContain(bytes);
      if (switched < 0 && decoder.dataShards === 6) {
        switched = place;
        expect(decoder.proven).toBe(false);
      }
    }
    expect(switched).toBeGreaterThan(0);
    expect(decoder.proven).toBe(true);
  });
});
