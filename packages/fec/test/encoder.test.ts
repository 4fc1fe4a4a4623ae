// The sender's rules: numbering, skipped groups, policies, changing shard counts, and what a programmer can do wrong.
import { BATCH_CAPACITY, HEADROOM, PacketBatch, readU16, readU32, SLOT_SIZE } from '@kcptun/common';
import { describe, expect, test } from 'vitest';
import {
  FEC_HEADER_SIZE,
  FEC_TYPE_DATA,
  FEC_TYPE_PARITY,
  FecDecoder,
  FecEncoder,
  type FecPolicy,
  MAX_SHARD_SIZE,
  SKIP_PARITY_MS,
} from '../src/index.ts';
import { decodePacket, encodePacket, hex, makePool } from './packets.ts';

const PACKET = new Uint8Array(24).fill(7);

/** Sequence ids and types of what goes out for packets at these times. */
function run(encoder: FecEncoder, times: readonly number[]): string[] {
  const batch = new PacketBatch();
  return times.map((now) =>
    encodePacket(encoder, batch, PACKET, now)
      .map((packet) => `${readU32(packet, 0)}${readU16(packet, 4) === FEC_TYPE_PARITY ? 'p' : ''}`)
      .join(' '),
  );
}

test('headers go in front of the packet; parity stands where data packets start', () => {
  const pool = makePool();
  const batch = new PacketBatch(pool.memory);
  const encoder = new FecEncoder({ dataShards: 2, parityShards: 1, pool });
  for (let index = 0; index < 2; index++) {
    batch.add(HEADROOM, 24 + index, 3);
    expect(encoder.encode(batch, index, 0)).toBe(index);
    expect(batch.offset[index]).toBe(batch.slot(index) + HEADROOM - FEC_HEADER_SIZE);
    expect(batch.length[index]).toBe(24 + index + FEC_HEADER_SIZE);
    expect(readU16(batch.packet(index), 4)).toBe(FEC_TYPE_DATA);
    expect(readU16(batch.packet(index), 6)).toBe(26 + index);
  }
  expect(encoder.emitParity(batch, 0, 5)).toBe(2);
  expect(batch.offset[2]).toBe(batch.slot(2) + HEADROOM - FEC_HEADER_SIZE);
  expect(batch.length[2]).toBe(25 + FEC_HEADER_SIZE);
  expect(batch.path[2]).toBe(5);
});

test("nothing outside of the packet's slot is touched", () => {
  const pool = makePool();
  const batch = new PacketBatch(pool.memory);
  const encoder = new FecEncoder({ dataShards: 1, parityShards: 1, pool });
  for (const length of [0, 1, MAX_SHARD_SIZE - 2]) {
    batch.clear();
    batch.bytes.fill(0x11, batch.base, batch.slot(3));
    batch.add(HEADROOM, 0, 0);
    batch.add(HEADROOM, length, 0);
    encoder.encode(batch, 1, 0);
    expect(batch.bytes.subarray(batch.slot(0), batch.slot(1)).every((byte) => byte === 0x11)).toBe(true);
    expect(batch.bytes.subarray(batch.slot(2), batch.slot(3)).every((byte) => byte === 0x11)).toBe(true);
    expect(batch.bytes.subarray(batch.slot(1), batch.slot(1) + HEADROOM - FEC_HEADER_SIZE).every((byte) => byte === 0x11)).toBe(true);
  }
});

test('a packet at the end of its slot is encoded from a copy', () => {
  const pool = makePool();
  const batch = new PacketBatch(pool.memory);
  const encoder = new FecEncoder({ dataShards: 1, parityShards: 1, pool });
  encodePacket(encoder, batch, PACKET, 0);
  batch.clear();
  batch.add(SLOT_SIZE - 24, 24, 0);
  batch.bytes.set(PACKET, batch.offset[0]);
  expect(encoder.encode(batch, 0, 0)).toBe(1);
  encoder.emitParity(batch, 0, 0);
  expect(hex(batch.packet(1)).slice(12)).toBe(hex(batch.packet(0)).slice(12));
});

test('a group whose last packets are 500 ms apart gets no parity, but uses up the ids', () => {
  const encoder = new FecEncoder({ dataShards: 2, parityShards: 2, pool: makePool() });
  expect(run(encoder, [0, 1, 2, 2 + SKIP_PARITY_MS, 600, 600 + SKIP_PARITY_MS - 0.5, 9000, 9001])).toEqual([
    '0',
    '1 2p 3p',
    '4',
    '5',
    '8',
    '9 10p 11p',
    '12',
    '13 14p 15p',
  ]);
});

test('with one data shard the first group has no packet before it, and so no parity', () => {
  expect(run(new FecEncoder({ dataShards: 1, parityShards: 1, pool: makePool() }), [0, 1, 501])).toEqual(['0', '2 3p', '4']);
});

test('a policy chooses how much parity is sent; ids stay at their places', () => {
  const wanted = [2, 0, 9, -1, Number.NaN, 1.9];
  const calls: number[][] = [];
  const policy: FecPolicy = {
    parity: (parityShards, now) => {
      calls.push([parityShards, now]);
      return wanted[calls.length - 1] as number;
    },
  };
  const encoder = new FecEncoder({ dataShards: 1, parityShards: 3, policy, pool: makePool() });
  expect(run(encoder, [0, 1, 2, 3, 4, 5, 6, 700])).toEqual(['0', '4 5p 6p', '8', '12 13p 14p 15p', '16', '20', '24 25p', '28']);
  expect(calls).toEqual([1, 2, 3, 4, 5, 6].map((now) => [3, now]));
});

test('ids start again from 0 at their limit', () => {
  const firstSeqid = (Math.floor(0xffffffff / 13) - 1) * 13;
  const encoder = new FecEncoder({ dataShards: 10, parityShards: 3, pool: makePool(), firstSeqid });
  const ids = run(
    encoder,
    Array.from({ length: 11 }, (_, index) => index),
  );
  expect(ids[9]).toBe(`${firstSeqid + 9} ${firstSeqid + 10}p ${firstSeqid + 11}p ${firstSeqid + 12}p`);
  expect(ids[10]).toBe('0');
});

test('shard counts change at the next group, and a receiver follows', () => {
  const pool = makePool();
  const encoder = new FecEncoder({ dataShards: 3, parityShards: 1, pool });
  const decoder = new FecDecoder({ dataShards: 3, parityShards: 1, pool });
  const batch = new PacketBatch(pool.memory);
  const sendOne = (now: number, lose = false): number => {
    const [data, ...parity] = encodePacket(encoder, batch, PACKET, now) as [Uint8Array, ...Uint8Array[]];
    return (lose ? [] : [data]).concat(parity).reduce((sum, packet) => sum + decodePacket(decoder, packet).length, 0);
  };
  sendOne(0);
  encoder.changeShards(4, 2);
  expect([encoder.dataShards, encoder.parityShards, encoder.seqid]).toEqual([3, 1, 1]);
  sendOne(1);
  sendOne(2);
  sendOne(3);
  // The group of 3 + 1 ends at id 3; groups of 6 start at 6.
  expect([encoder.dataShards, encoder.parityShards, encoder.seqid]).toEqual([4, 2, 7]);
  for (let now = 4; now < 300; now++) sendOne(now);
  expect([decoder.dataShards, decoder.parityShards, decoder.tuning]).toEqual([4, 2, false]);
  while (encoder.seqid % 6 !== 0) sendOne(300);
  expect([sendOne(301, true), sendOne(301), sendOne(301), sendOne(301)]).toEqual([0, 0, 0, 1]);
});

describe('mistakes', () => {
  const make = (dataShards: number, parityShards: number) => () => new FecEncoder({ dataShards, parityShards, pool: makePool() });

  test('shard counts', () => {
    expect(make(0, 1)).toThrow(RangeError);
    expect(make(1, 0)).toThrow('parityShards');
    expect(make(1.5, 1)).toThrow(TypeError);
    expect(make(200, 57)).toThrow('dataShards + parityShards must be at most 256');
    expect(() => new FecDecoder({ dataShards: 200, parityShards: 57 })).toThrow(RangeError);
    expect(() => make(1, 1)().changeShards(0, 1)).toThrow(RangeError);
    expect(() => new FecEncoder({ dataShards: 2, parityShards: 1, firstSeqid: 4 })).toThrow('firstSeqid');
  });

  test('packets and batches', () => {
    const encoder = make(1, 1)();
    const batch = new PacketBatch();
    batch.add(HEADROOM, MAX_SHARD_SIZE - 1, 0);
    batch.add(FEC_HEADER_SIZE - 1, 24, 0);
    batch.add(HEADROOM, 24, 0);
    expect(() => encoder.encode(batch, 0, 0)).toThrow('packet must have 0 to 1492 bytes');
    expect(() => encoder.encode(batch, 1, 0)).toThrow('8 bytes of room');
    expect(encoder.seqid).toBe(0);
    expect(() => encoder.emitParity(batch, 0, 0)).toThrow(RangeError);
    encoder.encode(batch, 2, 0);
    batch.add(HEADROOM, 24, 0);
    expect(encoder.encode(batch, 3, 0)).toBe(1);
    expect(() => encoder.emitParity(batch, 1, 0)).toThrow(RangeError);
    while (batch.count < BATCH_CAPACITY) batch.add(HEADROOM, 24, 0);
    expect(() => encoder.emitParity(batch, 0, 0)).toThrow('room');
    batch.clear();
    expect(encoder.emitParity(batch, 0, 0)).toBe(0);
  });
});
