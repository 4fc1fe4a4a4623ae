// The kernel of block ciphers against the plain ciphers: any lengths, any number of packets, side by side in memory or apart from it.

import { Arena, BATCH_CAPACITY, DROPPED, PacketBatch } from '@kcptun/common';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TableCipher } from '../src/block/index.ts';
import { BLOCK_KERNEL_CODE } from '../src/generated/block-kernel.ts';
import { CryptKernel } from '../src/kernel.ts';
import { type CfbKernelMethod, CfbKernelTransform } from '../src/portable/cfb-kernel-transform.ts';
import { BLOCK_CIPHERS } from './block-ciphers.ts';

const MEMORY = 512 * 1024;

interface Subject {
  readonly memory: Arena;
  readonly kernel: CryptKernel;
  readonly cipher: TableCipher;
  readonly transform: CfbKernelTransform;
}

function subjectOf(name: string, make: (key: Uint8Array) => TableCipher, keyLength: number): Subject {
  const memory = new Arena({ byteLength: MEMORY });
  const kernel = CryptKernel.create(memory)!;
  const cipher = make(Uint8Array.from({ length: keyLength }, (_, at) => 41 * at + 7));
  const transform = new CfbKernelTransform(kernel, memory.instantiate(BLOCK_KERNEL_CODE)!, name as CfbKernelMethod, cipher);
  return { memory, kernel, cipher, transform };
}

/** Lays packets behind one another, `gap` bytes apart, and fills what they take of the batch's memory with a pattern; returns a view of that. */
function lay(batch: PacketBatch, lengths: readonly number[], gap: number, seed: number): Uint8Array {
  batch.clear();
  let at = batch.base;
  for (const length of lengths) {
    batch.offset[batch.add(0, length, 0)] = at;
    at += Math.max(length, 0) + gap;
  }
  const place = batch.bytes.subarray(batch.base, at + 16);
  for (let index = 0; index < place.length; index++) place[index] = Math.imul(index ^ seed, 0x9e3779b1) >>> 24;
  return place;
}

/** The same work packet by packet on a copy of the batch's place. */
function plainly(
  batch: PacketBatch,
  place: Uint8Array,
  from: number,
  work: (bytes: Uint8Array, offset: number, length: number) => void,
): Uint8Array {
  const copy = place.slice();
  for (let index = from; index < batch.count; index++) {
    if (batch.length[index]! > 0) work(copy, batch.offset[index]! - batch.base, batch.length[index]!);
  }
  return copy;
}

const lengthsArbitrary = fc.oneof(
  fc.array(fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 0, max: 60 }) }, fc.integer({ min: 0, max: 1500 }), fc.constant(DROPPED)), {
    minLength: 1,
    maxLength: BATCH_CAPACITY,
  }),
  // As bulk traffic is: equal lengths, and one that is shorter.
  fc
    .tuple(fc.integer({ min: 1, max: BATCH_CAPACITY - 1 }), fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 300 }))
    .map(([count, length, last]) => [...new Array<number>(count).fill(length), last]),
);

describe.each(BLOCK_CIPHERS)('kernel of $name', ({ name, make, keyLength }) => {
  const subject = subjectOf(name, make, keyLength);
  const inside = new PacketBatch(subject.memory);
  const outside = new PacketBatch();

  test.each([
    ['in the memory of the kernel', inside],
    ['elsewhere', outside],
  ])('same bytes as packet by packet, %s', (_, batch) => {
    const { cipher, transform } = subject;
    const property = fc.property(lengthsArbitrary, fc.nat(17), fc.nat(), fc.nat(2), (lengths, gap, seed, from) => {
      const place = lay(batch, lengths, gap, seed);
      const sealed = plainly(batch, place, from, (bytes, offset, length) => cipher.encrypt(bytes, offset, length));
      transform.encrypt(batch, from);
      expect(Buffer.compare(place, sealed)).toBe(0);
      const opened = plainly(batch, place, 0, (bytes, offset, length) => cipher.decrypt(bytes, offset, length));
      expect(transform.decrypt(batch)).toBe(0);
      expect(Buffer.compare(place, opened)).toBe(0);
    });
    fc.assert(property, { numRuns: 25 });
  });

  test('every number of packets', () => {
    const { cipher, transform } = subject;
    for (let count = 1; count <= BATCH_CAPACITY; count++) {
      const lengths = Array.from({ length: count }, (_, at) => 33 + ((at * count) % 41));
      const place = lay(inside, lengths, 0, count);
      const start = place.slice();
      const sealed = plainly(inside, place, 0, (bytes, offset, length) => cipher.encrypt(bytes, offset, length));
      transform.encrypt(inside, 0);
      expect(Buffer.compare(place, sealed)).toBe(0);
      transform.decrypt(inside);
      expect(Buffer.compare(place, start)).toBe(0);
    }
  });

  test('wipe leaves nothing behind and gives the memory back', () => {
    const { memory, kernel, transform } = subjectOf(name, make, keyLength);
    transform.wipe();
    kernel.release();
    expect(memory.used).toBe(0);
    expect(memory.bytes.every((byte) => byte === 0)).toBe(true);
  });
});
