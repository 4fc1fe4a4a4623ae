// What a peer can do wrong on purpose, the limits that hold then, and what the decoder reports.
import { fc, test as property } from '@fast-check/vitest';
import { Arena, PacketBatch, WorkAccount, writeU16, writeU32 } from '@kcptun/common';
import { Random } from '@kcptun/testkit';
import { describe, expect, test } from 'vitest';
import { AutoTuner, MAX_TUNE_STEPS } from '../src/auto-tuner.ts';
import {
  FEC_TYPE_DATA,
  FEC_TYPE_OOB,
  FEC_TYPE_PARITY,
  FecDecoder,
  FecEncoder,
  KEPT_GROUPS,
  MAX_REBUILD_WORK,
  MAX_SHARD_SIZE,
  ShardPool,
  TUNE_SAMPLES,
} from '../src/index.ts';
import { decodePacket, encodePacket, hex, makePool } from './packets.ts';

function packet(seqid: number, type: number, rest: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(6 + rest.length);
  writeU32(bytes, 0, seqid);
  writeU16(bytes, 4, type);
  bytes.set(rest, 6);
  return bytes;
}

/** Whole groups of 24-byte packets, each with its group's number in it. */
function makeGroups(pool: ShardPool, ds: number, ps: number, count: number): Uint8Array[][] {
  const encoder = new FecEncoder({ dataShards: ds, parityShards: ps, pool });
  const batch = new PacketBatch(pool.memory);
  const groups = Array.from({ length: count }, (_, group) =>
    Array.from({ length: ds }, (_, index) => encodePacket(encoder, batch, new Uint8Array(24).fill(group * ds + index), 0)).flat(),
  );
  encoder.close();
  return groups;
}

describe('hostile packets', () => {
  property.prop([fc.nat(), fc.constantFrom<[number, number]>([1, 1], [10, 3], [2, 5], [60, 40], [128, 128])], { numRuns: 12 })(
    'never throw, and hold no more slots than there are',
    (seed, [ds, ps]) => {
      const random = new Random(seed);
      const pool = makePool(true, 64);
      const decoder = new FecDecoder({ dataShards: ds, parityShards: ps, pool });
      const wrong: string[] = [];
      let base = random.u32();
      for (let turn = 0; turn < 600; turn++) {
        if (random.chance(0.05)) base = random.u32();
        const seqid = random.chance(0.9) ? (base + random.integer(0, 3 * (ds + ps))) >>> 0 : random.u32();
        const inOrder = seqid % (ds + ps) < ds ? FEC_TYPE_DATA : FEC_TYPE_PARITY;
        const type = random.chance(0.995) ? inOrder : random.pick([FEC_TYPE_DATA, FEC_TYPE_PARITY, FEC_TYPE_OOB, 0xffff]);
        const bytes = packet(seqid, type, random.bytes(random.pick([0, 1, 2, 18, 300, 1494, 1495, 3000])));
        const rebuilt = decoder.decode(bytes, 0, bytes.length - random.integer(0, 2), turn);
        for (let index = 0; index < rebuilt; index++) {
          const length = decoder.recoveredLength(index);
          const end = decoder.recoveredOffset(index) + length;
          if (!(length >= 0 && length <= MAX_SHARD_SIZE - 2 && end <= decoder.recoveredBytes.length)) wrong.push(`${index}: ${length}`);
        }
        if (decoder.stats.shardSets > KEPT_GROUPS || pool.used > 64) wrong.push(`${decoder.stats.shardSets} groups, ${pool.used} slots`);
      }
      expect(wrong).toEqual([]);
      // A type that lies in the very first packet leaves a decoder that tries to find out the shard counts and looks at nothing else.
      expect(decoder.stats.gaps > 0 || decoder.tuning).toBe(true);
    },
  );

  test('sizes that lie are counted and dropped', () => {
    const decoder = new FecDecoder({ dataShards: 1, parityShards: 1, pool: makePool(), trustCounts: true });
    const shards: [number[], string[]][] = [
      [[0, 0, 1], []],
      [[1, 0, 1], []],
      [[4, 0, 1], []],
      [[255, 255, 1], []],
      [[2, 0, 1], ['']],
      [[3, 0, 1], ['01']],
      [[3, 0, 1, 2], ['01']],
    ];
    shards.forEach(([shard, expected], index) => {
      expect(decodePacket(decoder, packet(index * 2 + 1, FEC_TYPE_PARITY, Uint8Array.from(shard))).map(hex)).toEqual(expected);
    });
    expect(decoder.stats).toMatchObject({ errs: 4, recovered: 3, parityShards: 7 });
  });

  test('shards that are too short or too long are counted and dropped', () => {
    const pool = makePool();
    const decoder = new FecDecoder({ dataShards: 2, parityShards: 1, pool });
    for (const length of [0, 7, MAX_SHARD_SIZE + 7]) expect(decoder.decode(new Uint8Array(2000), 0, length)).toBe(0);
    expect(decoder.stats.errs).toBe(3);
    expect(pool.used).toBe(0);
  });

  test('OOB packets and ids beyond the limit change nothing', () => {
    const pool = makePool();
    const decoder = new FecDecoder({ dataShards: 10, parityShards: 3, pool });
    const before = { ...decoder.stats };
    expect(decoder.decode(packet(0xffffffff, FEC_TYPE_OOB, new Uint8Array(30)), 0, 36)).toBe(0);
    expect(decoder.decode(packet(Math.floor(0xffffffff / 13) * 13, FEC_TYPE_DATA, new Uint8Array(30)), 0, 36)).toBe(0);
    expect(decoder.stats).toEqual(before);
    expect(decoder.tuning).toBe(false);
    expect(pool.used).toBe(0);
  });
});

describe('groups that are rebuilt from parity alone', () => {
  const parity = (seqid: number, size: number): Uint8Array => packet(seqid, FEC_TYPE_PARITY, new Uint8Array(size).fill(1));

  test('one long shard among short ones is no shard of the group', () => {
    const decoder = new FecDecoder({ dataShards: 127, parityShards: 128, pool: makePool(), trustCounts: true });
    for (let k = 0; k < 128; k++) {
      const bytes = parity(127 + k, k === 1 ? 1440 : 18);
      decoder.decode(bytes, 0, bytes.length);
    }
    // 127 times 127 shards of 1440 bytes before.
    expect(decoder.recoveredLength(0) || 0).toBeLessThan(18);
    expect(decoder.stats.errs).toBeGreaterThan(0);
  });

  test('data that is longer than the parity is none, nor parity that is shorter than the data', () => {
    const pool = makePool();
    const decoder = new FecDecoder({ dataShards: 3, parityShards: 2, pool, trustCounts: true });
    const give = (bytes: Uint8Array): number => decoder.decode(bytes, 0, bytes.length);
    give(parity(3, 100));
    give(packet(0, FEC_TYPE_DATA, new Uint8Array(101)));
    expect([pool.used, decoder.stats.errs]).toEqual([1, 1]);
    give(packet(5, FEC_TYPE_DATA, new Uint8Array(101)));
    give(parity(8, 100));
    expect([pool.used, decoder.stats.errs]).toEqual([2, 2]);
  });

  test('are rebuilt within a budget of bytes, of which one decoder takes half', () => {
    const work = new WorkAccount(MAX_REBUILD_WORK);
    const pool = makePool();
    const make = () => new FecDecoder({ dataShards: 60, parityShards: 60, pool, trustCounts: true, work });
    const flood = (decoder: FecDecoder, groups: number): void => {
      for (let group = 0; group < groups; group++) {
        for (let k = 0; k < 60; k++) {
          const bytes = parity(group * 120 + 60 + k, 1440);
          decoder.decode(bytes, 0, bytes.length, 1 + (group * 20) / groups);
        }
      }
    };
    let done = 0;
    const spend = work.spend.bind(work);
    work.spend = (units) => {
      done += units;
      spend(units);
    };
    flood(make(), 400);
    const group = 60 * 60 * (1440 + 64);
    // 400 groups, 103 MB a ms, before.
    expect(done).toBeGreaterThan(5 * MAX_REBUILD_WORK);
    expect(done).toBeLessThanOrEqual(11 * MAX_REBUILD_WORK + group);
  });
});

describe('groups', () => {
  test('a flow without losses holds no slot when a group is complete', () => {
    const pool = makePool();
    const decoder = new FecDecoder({ dataShards: 4, parityShards: 2, pool });
    for (const group of makeGroups(pool, 4, 2, 10)) {
      for (const bytes of group) decodePacket(decoder, bytes);
      expect(pool.used).toBe(0);
    }
    expect(decoder.stats).toEqual({
      parityShards: 20,
      shardSets: 4,
      shardMin: 9,
      fullShards: 10,
      recovered: 0,
      errs: 0,
      gaps: 0,
      evicted: 0,
    });
  });

  test('the newest four are kept, older ones are given up', () => {
    const pool = makePool();
    const decoder = new FecDecoder({ dataShards: 3, parityShards: 1, pool, trustCounts: true });
    const groups = makeGroups(pool, 3, 1, 6);
    for (const group of groups) for (const bytes of group.slice(0, 2)) decodePacket(decoder, bytes);
    expect(pool.used).toBe(KEPT_GROUPS * 2);
    const rebuilt = groups.map((group) => decodePacket(decoder, group[3] as Uint8Array).map((bytes) => bytes[0]));
    expect(rebuilt).toEqual([[], [], [8], [11], [14], [17]]);
  });

  test('an observer hears of gaps and groups', () => {
    const pool = makePool();
    const heard: string[] = [];
    const observer = {
      onGap: (missing: number, now: number) => heard.push(`gap ${missing} at ${now}`),
      onGroup: (received: number, rebuilt: number, now: number) => heard.push(`group ${received}+${rebuilt} at ${now}`),
    };
    const decoder = new FecDecoder({ dataShards: 3, parityShards: 2, pool, observer });
    const groups = makeGroups(pool, 3, 2, 8);
    const arrive = (group: number, index: number, now: number): number => {
      const bytes = (groups[group] as Uint8Array[])[index] as Uint8Array;
      return decoder.decode(bytes, 0, bytes.length, now);
    };
    for (const index of [0, 1, 2, 3, 4]) arrive(0, index, index);
    for (const index of [0, 2, 4]) arrive(1, index, 10 + index);
    arrive(2, 1, 20);
    arrive(6, 0, 30);
    arrive(6, 0, 31);
    expect(heard).toEqual([
      'group 3+0 at 2',
      'gap 1 at 12',
      'gap 1 at 14',
      'group 3+1 at 14',
      'gap 1 at 20',
      'gap 18 at 30',
      'group 1+0 at 30',
    ]);
    expect(decoder.stats.gaps).toBe(21);
  });

  test('the ids of a flow pass over their end without a gap', () => {
    const pool = makePool();
    const encoder = new FecEncoder({ dataShards: 10, parityShards: 3, pool, firstSeqid: (Math.floor(0xffffffff / 13) - 2) * 13 });
    const decoder = new FecDecoder({ dataShards: 10, parityShards: 3, pool });
    const batch = new PacketBatch(pool.memory);
    for (let now = 0; now < 50; now++)
      for (const bytes of encodePacket(encoder, batch, new Uint8Array(24), now)) decodePacket(decoder, bytes);
    expect(decoder.stats).toMatchObject({ gaps: 0, fullShards: 5, parityShards: 15, shardMin: 2 });
  });
});

describe('the pool', () => {
  test('takes the slots of the group that began longest ago', () => {
    const pool = makePool(true, 6);
    const groups = makeGroups(pool, 4, 1, 1)[0] as Uint8Array[];
    const decoders = [0, 1, 2].map(() => new FecDecoder({ dataShards: 4, parityShards: 1, pool, trustCounts: true }));
    for (const decoder of decoders) for (const bytes of groups.slice(0, 3)) decodePacket(decoder, bytes);
    expect(decoders.map(({ stats }) => stats.evicted)).toEqual([1, 0, 0]);
    expect(pool.used).toBe(6);
    // The last one gets what it needs, at the cost of the second.
    expect(decodePacket(decoders[2] as FecDecoder, groups[4] as Uint8Array).map((bytes) => bytes[0])).toEqual([3]);
    expect(decoders.map(({ stats }) => stats.evicted)).toEqual([1, 1, 0]);
  });

  test('that is too small for a group costs recoveries and parity, nothing else', () => {
    const groups = makeGroups(makePool(), 4, 3, 3);
    const pool = makePool(true, 2);
    const decoder = new FecDecoder({ dataShards: 4, parityShards: 3, pool });
    const encoder = new FecEncoder({ dataShards: 4, parityShards: 3, pool });
    const batch = new PacketBatch(pool.memory);
    for (const group of groups) for (const bytes of group.slice(1)) expect(decodePacket(decoder, bytes)).toEqual([]);
    for (let now = 0; now < 8; now++) expect(encodePacket(encoder, batch, new Uint8Array(24), now)).toHaveLength(1);
    expect(encoder.seqid).toBe(14);
    expect(encoder.starved).toBe(2);
    expect(decoder.stats.evicted).toBeGreaterThan(0);
    expect(pool.used).toBeLessThanOrEqual(2);
  });

  test('may take the parity of a group that waits; later groups have it again', () => {
    const pool = makePool(true, 3);
    const batch = new PacketBatch(pool.memory);
    const encoder = new FecEncoder({ dataShards: 2, parityShards: 2, pool });
    const decoder = new FecDecoder({ dataShards: 5, parityShards: 2, pool });
    encodePacket(encoder, batch, new Uint8Array(24), 0);
    for (let seqid = 0; seqid < 3; seqid++) decodePacket(decoder, packet(seqid, FEC_TYPE_DATA, new Uint8Array(20)));
    expect(encodePacket(encoder, batch, new Uint8Array(24), 1)).toHaveLength(1);
    expect(encoder.starved).toBe(1);
    expect(encodePacket(encoder, batch, new Uint8Array(24), 2)).toHaveLength(1);
    expect(encodePacket(encoder, batch, new Uint8Array(24), 3)).toHaveLength(3);
    expect(decoder.stats.evicted).toBe(1);
    encoder.close();
    decoder.close();
    expect(pool.used).toBe(0);
  });

  test('goes on with what it has when the memory is full', () => {
    const memory = new Arena({ byteLength: 65_536 });
    const pool = new ShardPool({ memory, slots: 1000 });
    const decoder = new FecDecoder({ dataShards: 100, parityShards: 3, pool });
    for (let seqid = 0; seqid < 90; seqid++) decodePacket(decoder, packet(seqid, FEC_TYPE_DATA, new Uint8Array(20)));
    expect(pool.used).toBe(32);
    expect(decoder.stats.evicted).toBe(58);
  });

  test('is one for each memory, and one for all who name none', () => {
    const memory = new Arena();
    const one = new FecDecoder({ dataShards: 2, parityShards: 1, memory });
    const other = new FecDecoder({ dataShards: 2, parityShards: 1, memory });
    decodePacket(one, packet(0, FEC_TYPE_DATA, new Uint8Array(20)));
    const used = memory.used;
    decodePacket(other, packet(0, FEC_TYPE_DATA, new Uint8Array(20)));
    expect(memory.used).toBe(used);
    expect(one.recoveredBytes).toBe(memory.bytes);
    const alone = [1, 2].map(() => new FecDecoder({ dataShards: 2, parityShards: 1 }));
    expect(alone[0]?.recoveredBytes).toBe(alone[1]?.recoveredBytes);
    expect(() => new ShardPool({ slots: 0 })).toThrow('slots');
  });

  test('keeps a limited number of codecs', () => {
    const pool = makePool();
    const first = pool.codec(1, 1);
    expect(pool.codec(1, 1)).toBe(first);
    for (let ds = 2; ds < 30; ds++) pool.codec(ds, 1);
    expect(pool.codec(1, 1)).not.toBe(first);
  });
});

describe('tuning', () => {
  /** Ids 0 to count - 1 of groups of ds + ps. */
  const fill = (ds: number, ps: number, count: number, skip = -1): AutoTuner => {
    const tuner = new AutoTuner();
    for (let seqid = 0; seqid < count; seqid++) if (seqid !== skip) tuner.sample(seqid % (ds + ps) < ds, seqid);
    tuner.sort();
    return tuner;
  };

  test('measures whole runs only', () => {
    expect(fill(3, 2, 2).period(true)).toBe(-1);
    expect(fill(3, 2, 8).period(true)).toBe(-1);
    expect(fill(3, 2, 9).period(true)).toBe(3);
    expect(fill(3, 2, 6).period(false)).toBe(2);
  });

  test('gives no answer across a gap until it has left the samples', () => {
    const tuner = fill(10, 3, 260, 5);
    expect(tuner.period(true)).toBe(-1);
    for (let seqid = 260; seqid < 270; seqid++) tuner.sample(seqid % 13 < 10, seqid);
    tuner.sort();
    expect([tuner.period(true), tuner.period(false)]).toEqual([10, 3]);
  });

  property.prop([fc.nat()], { numRuns: 20 })('does not mind the order of arrival, nor the end of the ids', (seed) => {
    const random = new Random(seed);
    const first = Math.floor(0xffffffff / 13) * 13 - 52;
    const ids = Array.from({ length: TUNE_SAMPLES }, (_, index) => (first + index) >>> 0);
    const tuner = new AutoTuner();
    for (const seqid of random.shuffle(ids)) tuner.sample((seqid >= first ? seqid - first : seqid + 13) % 13 < 10, seqid);
    tuner.sort();
    expect(tuner.period(true)).toBe(10);
  });

  test('an order that no path makes is put right once in a while, not with each packet', () => {
    const tuner = new AutoTuner();
    let sorted = 0;
    const packets = 20 * TUNE_SAMPLES;
    for (let index = 0; index < packets; index++) {
      tuner.sample(false, 0x7ffffff0 - 2 * index);
      if (tuner.sort()) sorted += 1;
    }
    // 33,153 steps for each of them before.
    expect(tuner.steps / packets).toBeLessThan((40_000 + MAX_TUNE_STEPS) / TUNE_SAMPLES);
    expect(sorted).toBeGreaterThanOrEqual(19);
  });

  test('a decoder that guessed wrong recovers after a clean stretch', () => {
    const pool = makePool();
    const groups = makeGroups(pool, 6, 2, 40);
    const decoder = new FecDecoder({ dataShards: 10, parityShards: 3, pool });
    for (const group of groups.slice(0, 39)) for (const bytes of group) decodePacket(decoder, bytes);
    expect([decoder.dataShards, decoder.parityShards, decoder.tuning]).toEqual([6, 2, false]);
    const rebuilt = (groups[39] as Uint8Array[]).slice(2).flatMap((bytes) => decodePacket(decoder, bytes));
    expect(rebuilt.map((bytes) => bytes[0])).toEqual([39 * 6, 39 * 6 + 1]);
    expect(decoder.stats.shardMin).toBe(39);
  });
});
