// Ring, ByteQueue and Deadlines against the plainest models there are.

import { ByteQueue, type Chunk, ChunkPool, Deadlines, type HasDeadline, Ring } from '@kcptun/common';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

describe('Ring', () => {
  it('behaves like an array', () => {
    const operation = fc.oneof(
      fc.record({ op: fc.constant('push' as const), value: fc.nat(9) }),
      fc.record({ op: fc.constant('shift' as const) }),
      fc.record({ op: fc.constant('remove' as const), value: fc.nat(9) }),
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
        const ring = new Ring<number>();
        const model: number[] = [];
        for (const step of operations) {
          if (step.op === 'push') {
            ring.push(step.value);
            model.push(step.value);
          } else if (step.op === 'shift') {
            expect(ring.shift()).toBe(model.shift());
          } else {
            const index = model.indexOf(step.value);
            if (index >= 0) model.splice(index, 1);
            expect(ring.remove(step.value)).toBe(index >= 0);
          }
          expect(Array.from({ length: ring.length }, (_, index) => ring.at(index))).toEqual(model);
        }
        ring.clear();
        expect([ring.length, ring.at(0), ring.shift()]).toEqual([0, undefined, undefined]);
      }),
    );
  });
});

describe('ByteQueue', () => {
  it('gives bytes back in order, by chunk or by copy, and every chunk to the pool', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(200_000), fc.nat(3)), { maxLength: 12 }), (steps) => {
        const pool = new ChunkPool(2);
        const queue = new ByteQueue(pool);
        let written = 0;
        let read = 0;
        for (const [size, how] of steps) {
          if (how < 2) {
            const bytes = Uint8Array.from({ length: size + 2 }, (_, index) => (written + index - 1) & 255);
            queue.append(bytes, 1, size);
            written += size;
          } else if (how === 2) {
            const chunk = queue.take();
            if (chunk === undefined) continue;
            expect(chunk.bytes[chunk.start]).toBe(read & 255);
            read += chunk.end - chunk.start;
            expect(chunk.bytes[chunk.end - 1]).toBe((read - 1) & 255);
            pool.release(chunk);
          } else {
            const target = new Uint8Array(size);
            const got = queue.read(target);
            expect(got).toBe(Math.min(size, written - read));
            for (let index = 0; index < got; index += 997) expect(target[index]).toBe((read + index) & 255);
            read += got;
          }
          expect(queue.length).toBe(written - read);
        }
        expect(queue.clear()).toBe(written - read);
        expect(pool.lent).toBe(0);
      }),
      { numRuns: 40 },
    );
  });

  it('takes a small chunk for little and large ones for more', () => {
    const queue = new ByteQueue(new ChunkPool());
    queue.append(new Uint8Array(10), 0, 10);
    queue.append(new Uint8Array(5000), 0, 5000);
    expect([queue.take()?.bytes.length, queue.take()?.bytes.length, queue.take()]).toEqual([4096, 65_536, undefined]);
  });

  it('begins with a large chunk when more is expected', () => {
    const queue = new ByteQueue(new ChunkPool());
    queue.append(new Uint8Array(100), 0, 100, 5000);
    queue.append(new Uint8Array(10_000), 0, 10_000);
    expect([queue.length, queue.take()?.bytes.length, queue.take()]).toEqual([10_100, 65_536, undefined]);
  });

  it('goes on with still larger ones while they are filled', () => {
    const pool = new ChunkPool();
    const queue = new ByteQueue(pool);
    const sizes = (length: number): (number | undefined)[] => {
      queue.append(new Uint8Array(length), 0, length, 8192);
      const found: (number | undefined)[] = [];
      for (let chunk = queue.take(); chunk !== undefined; chunk = queue.take()) {
        found.push(chunk.bytes.length);
        pool.release(chunk);
      }
      return found;
    };
    expect([100_000, 100_000, 65_536, 8192, 8192].map(sizes)).toEqual([[65_536, 65_536], [131_072], [131_072], [131_072], [65_536]]);
    expect(pool.spareBytes).toBe(2 * 65_536 + 131_072);
  });

  it('holds few of those for queues that carried much and hold next to nothing now', () => {
    const pool = new ChunkPool();
    const queues = Array.from({ length: 200 }, () => new ByteQueue(pool));
    for (const queue of queues) {
      queue.append(new Uint8Array(200_000), 0, 200_000);
      for (let chunk = queue.take(); chunk !== undefined; chunk = queue.take()) pool.release(chunk);
    }
    for (const queue of queues) queue.append(new Uint8Array(1), 0, 1);
    const chunks = queues.map((queue) => queue.take() as Chunk);
    const sizes = chunks.map((chunk) => chunk.bytes.length).sort((one, other) => other - one);
    expect(sizes).toEqual([...new Array(64).fill(131_072), ...new Array(136).fill(4096)]);
    // Given back, there are such again.
    for (const chunk of chunks) pool.release(chunk);
    expect(pool.borrow(100_000).bytes.length).toBe(131_072);
  });
});

describe('Deadlines', () => {
  it('is a sorted list', () => {
    const step = fc.tuple(fc.nat(9), fc.option(fc.nat(100), { nil: undefined }));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 100 }), fc.nat(100), (steps, now) => {
        const items = Array.from({ length: 10 }, (): HasDeadline => ({ deadline: 0, deadlineIndex: -1 }));
        const deadlines = new Deadlines<HasDeadline>();
        const model = new Map<HasDeadline, number>();
        for (const [index, deadline] of steps) {
          const item = items[index] as HasDeadline;
          deadlines.set(item, deadline);
          if (deadline === undefined) model.delete(item);
          else model.set(item, deadline);
          expect(deadlines.length).toBe(model.size);
          expect(deadlines.next).toBe(model.size === 0 ? undefined : Math.min(...model.values()));
        }
        const due: number[] = [];
        for (let item = deadlines.pollDue(now); item !== undefined; item = deadlines.pollDue(now)) {
          expect(item.deadlineIndex).toBe(-1);
          due.push(item.deadline);
        }
        expect(due).toEqual([...model.values()].filter((deadline) => deadline <= now).sort((a, b) => a - b));
      }),
    );
  });
});
