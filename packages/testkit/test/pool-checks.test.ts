// The checks of the pools find what they are for.

import { Arena, BatchPool, ChunkPool } from '@kcptun/common';
import { ShardPool } from '@kcptun/fec';
import { SegmentPool } from '@kcptun/kcp-core';
import { findLeaks, installPoolChecks, type ShardSlots, takeFaults } from '@kcptun/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';

let restore: () => void;
beforeEach(() => {
  restore = installPoolChecks();
});
afterEach(() => {
  restore();
  takeFaults();
});

test('what is given back twice', () => {
  const arena = new Arena({ byteLength: 65_536 });
  const place = arena.reserve(100);
  arena.release(place, 100);
  expect(() => arena.release(place, 100)).toThrow(/Arena: given back twice/);
  const batches = new BatchPool();
  const batch = batches.borrow();
  batches.giveBack(batch);
  expect(() => batches.giveBack(batch)).toThrow(/BatchPool: given back twice/);
  const chunks = new ChunkPool();
  const chunk = chunks.borrow(10);
  chunks.release(chunk);
  expect(() => chunks.release(chunk)).toThrow(/ChunkPool: given back twice/);
  const segments = new SegmentPool();
  const slot = segments.take();
  segments.give(slot);
  expect(() => segments.give(slot)).toThrow(/SegmentPool: a segment is given back twice/);
  const shards = new ShardPool() as unknown as ShardSlots;
  const shard = shards.take(undefined);
  shards.release(shard);
  expect(() => shards.release(shard)).toThrow(/ShardPool: given back twice/);
  expect(takeFaults()).toHaveLength(5);
  expect(takeFaults()).toEqual([]);
});

test('another length than was reserved, and another pool', () => {
  const arena = new Arena({ byteLength: 65_536 });
  const place = arena.reserve(100);
  expect(() => arena.release(place, 10)).toThrow(/Arena: 16 bytes given back where 112 were reserved/);
  const batch = new BatchPool().borrow();
  expect(() => new BatchPool().giveBack(batch)).toThrow(/BatchPool: given back but never lent here/);
});

test('writing and reading after giving back', () => {
  const chunks = new ChunkPool();
  const chunk = chunks.borrow(10);
  chunk.bytes.fill(1, 0, 10);
  chunks.release(chunk);
  expect(chunk.bytes[5]).toBe(0xdd);
  chunk.bytes[5] = 1;
  expect(() => chunks.borrow(10)).toThrow(/ChunkPool: written to after it was given back/);
  const batches = new BatchPool();
  const batch = batches.borrow();
  batch.addReceived(Uint8Array.of(1, 2, 3), 0);
  batches.giveBack(batch);
  batch.bytes[batch.slot(0) + 20] = 7;
  expect(() => batches.borrow()).toThrow(/BatchPool: written to after it was given back/);
});

test('what never comes back', () => {
  const chunks = new ChunkPool();
  chunks.release(chunks.borrow(10));
  expect(findLeaks()).toEqual([]);
  chunks.borrow(10);
  new BatchPool().borrow();
  expect(findLeaks().map((line) => line.split(':')[0])).toEqual(['ChunkPool', 'BatchPool']);
});
