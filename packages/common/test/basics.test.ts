// Errors, argument checks, integers and packet batches.

import {
  Arena,
  BATCH_CAPACITY,
  BatchPool,
  checkBytes,
  checkInteger,
  HEADROOM,
  isKcptunError,
  KcptunError,
  MAX_DATAGRAM,
  PacketBatch,
  RECEIVE_OFFSET,
  readU16,
  readU32,
  SLOT_SIZE,
  serialDiff,
  writeU16,
  writeU32,
} from '@kcptun/common';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

describe('KcptunError', () => {
  class SubError extends KcptunError {}

  it('keeps code, cause and the name of its class', () => {
    const cause = new Error('below');
    const error = new SubError('KCPTUN_ERR_TEST', 'expected a, got b', { cause });
    expect([error.name, error.code, error.message, error.cause]).toEqual(['SubError', 'KCPTUN_ERR_TEST', 'expected a, got b', cause]);
    expect(error).toBeInstanceOf(Error);
  });

  it('is recognised by brand and code, not by class', () => {
    const foreign = Object.assign(new Error('made by another copy'), { code: 'KCPTUN_ERR_TEST', [Symbol.for('kcptun.error')]: true });
    expect(isKcptunError(foreign)).toBe(true);
    expect(isKcptunError(foreign, 'KCPTUN_ERR_TEST')).toBe(true);
    expect(isKcptunError(foreign, 'KCPTUN_ERR_OTHER')).toBe(false);
    for (const value of [new Error('plain'), undefined, null, 'text', { code: 'KCPTUN_ERR_TEST' }])
      expect(isKcptunError(value)).toBe(false);
  });
});

describe('argument checks', () => {
  it('return what they accept', () => {
    const bytes = Uint8Array.of(1, 2);
    expect([checkInteger(1, 'n', 1, 2), checkInteger(2, 'n', 1, 2)]).toEqual([1, 2]);
    expect(checkBytes(bytes, 'b', 2)).toBe(bytes);
  });

  it('name the argument that they refuse', () => {
    expect(() => checkInteger(0, 'mtu', 1, 2)).toThrow(new RangeError('mtu must be between 1 and 2, got 0'));
    expect(() => checkInteger(1.5, 'mtu', 1, 2)).toThrow(new TypeError('mtu must be an integer, got 1.5'));
    expect(() => checkInteger(Number.NaN, 'mtu', 1, 2)).toThrow(TypeError);
    expect(() => checkBytes([] as never, 'key')).toThrow(new TypeError('key must be a Uint8Array'));
    expect(() => checkBytes(new Uint8Array(3), 'key', 2)).toThrow(new RangeError('key must have 2 bytes, got 3'));
  });
});

describe('integers', () => {
  it('are little endian, as a DataView writes them', () => {
    fc.assert(
      fc.property(fc.nat(0xffff), fc.integer({ min: 0, max: 0xffff_ffff }), (small, large) => {
        const bytes = new Uint8Array(8);
        const view = new DataView(bytes.buffer);
        writeU16(bytes, 1, small);
        writeU32(bytes, 3, large);
        expect([view.getUint16(1, true), view.getUint32(3, true)]).toEqual([small, large]);
        expect([readU16(bytes, 1), readU32(bytes, 3)]).toEqual([small, large]);
      }),
    );
  });

  it('compare as serial numbers around the wrap', () => {
    expect([serialDiff(1, 0xffff_ffff), serialDiff(0xffff_ffff, 1), serialDiff(5, 5)]).toEqual([2, -2, 0]);
  });
});

describe.each(['own memory', 'shared memory'])('PacketBatch on %s', (kind) => {
  it('puts packets into slots that do not overlap, with headroom in front', () => {
    const arena = new Arena({ byteLength: 4 * BATCH_CAPACITY * SLOT_SIZE });
    const batches = kind === 'own memory' ? [new PacketBatch(), new PacketBatch()] : [new PacketBatch(arena), new PacketBatch(arena)];
    for (const batch of batches) {
      for (let index = 0; index < BATCH_CAPACITY; index++) {
        expect(batch.full).toBe(false);
        batch.bytes.fill(index, batch.slot(index), batch.slot(index) + SLOT_SIZE);
        expect(batch.add(HEADROOM, 100 + index, index * 2)).toBe(index);
      }
      expect(batch.full).toBe(true);
    }
    for (const batch of batches) {
      for (let index = 0; index < BATCH_CAPACITY; index++) {
        expect(batch.offset[index]).toBe(batch.slot(index) + HEADROOM);
        expect(batch.packet(index)).toEqual(new Uint8Array(100 + index).fill(index));
        expect(batch.path[index]).toBe(index * 2);
      }
      batch.clear();
      expect(batch.count).toBe(0);
      batch.release();
    }
    expect(arena.used).toBe(0);
  });

  it('copies received datagrams in and cuts what is too long', () => {
    const batch = new PacketBatch(kind === 'own memory' ? undefined : new Arena({ byteLength: 2 * BATCH_CAPACITY * SLOT_SIZE }));
    const long = new Uint8Array(2000).fill(7);
    expect([batch.addReceived(Uint8Array.of(1, 2, 3), 4), batch.addReceived(long, 5), batch.addReceived(new Uint8Array(0), 6)]).toEqual([
      0, 1, 2,
    ]);
    expect(batch.packet(0)).toEqual(Uint8Array.of(1, 2, 3));
    expect(batch.packet(1)).toEqual(long.subarray(0, MAX_DATAGRAM));
    expect(batch.packet(2)).toHaveLength(0);
    expect(batch.offset[0]).toBe(batch.slot(0) + RECEIVE_OFFSET);
    expect([...batch.path.subarray(0, 3)]).toEqual([4, 5, 6]);
  });
});

describe('PacketBatch on a full memory', () => {
  it('has a memory of its own, and gives nothing back that it has not taken', () => {
    const arena = new Arena({ byteLength: 65_536 });
    const batch = new PacketBatch(arena);
    batch.addReceived(Uint8Array.of(1, 2, 3), 4);
    expect(batch.packet(0)).toEqual(Uint8Array.of(1, 2, 3));
    batch.release();
    expect(arena.used).toBe(0);
  });

  it('passes on any other trouble', () => {
    const arena = new Arena({ byteLength: 65_536 });
    arena.reserve = () => {
      throw new RangeError('broken');
    };
    expect(() => new PacketBatch(arena)).toThrow(RangeError);
  });
});

describe('BatchPool', () => {
  it('lends the same few batches to all who ask for those of a memory', () => {
    const arena = new Arena({ byteLength: 16 * BATCH_CAPACITY * SLOT_SIZE });
    const pool = BatchPool.of(arena);
    expect(BatchPool.of(arena)).toBe(pool);
    expect(BatchPool.of(undefined)).not.toBe(BatchPool.of(undefined));
    const first = pool.borrow();
    first.addReceived(Uint8Array.of(1), 0);
    const second = pool.borrow();
    expect([pool.lent, second === first]).toEqual([2, false]);
    pool.giveBack(first);
    const again = pool.borrow();
    expect([again === first, again.count]).toEqual([true, 0]);
  });

  it('keeps a bounded number of them', () => {
    const arena = new Arena({ byteLength: 16 * BATCH_CAPACITY * SLOT_SIZE });
    const pool = BatchPool.of(arena);
    const batches = Array.from({ length: 16 }, () => pool.borrow());
    expect(arena.used).toBe(16 * BATCH_CAPACITY * SLOT_SIZE);
    for (const batch of batches) pool.giveBack(batch);
    expect(pool.lent).toBe(0);
    expect(arena.used).toBe(4 * BATCH_CAPACITY * SLOT_SIZE);
  });
});
