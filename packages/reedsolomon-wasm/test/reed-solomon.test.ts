// The code against its definition, erasures of every kind, and both kernels against each other.
import { fc, test as property } from '@fast-check/vitest';
import { describe, expect, test } from 'vitest';
import { multiply } from '../src/galois.ts';
import { createMemory, MAX_SHARDS, type MaybeShard, ReedSolomon } from '../src/index.ts';
import { BACKENDS, dataShard, hex, vandermondeRow } from './shards.ts';

const SHAPES: [number, number][] = [
  [1, 1],
  [2, 3],
  [10, 3],
  [20, 5],
  [255, 1],
  [1, 255],
  [128, 128],
  [90, 60],
];

const shape = fc
  .integer({ min: 1, max: MAX_SHARDS - 1 })
  .chain((ds) => fc.tuple(fc.constant(ds), fc.integer({ min: 1, max: Math.min(MAX_SHARDS - ds, 40) })));

test.each(SHAPES)('the parity rows of %i+%i are the definition: times the top of the matrix, they give its bottom', (ds, ps) => {
  const codec = new ReedSolomon(ds, ps);
  const top = Array.from({ length: ds }, (_, r) => vandermondeRow(r, ds));
  for (let k = 0; k < ps; k++) {
    const product = new Array<number>(ds).fill(0);
    codec.parityRow(k).forEach((constant, r) => {
      const row = top[r] as number[];
      for (let c = 0; c < ds; c++) product[c] = (product[c] as number) ^ multiply(constant, row[c] as number);
    });
    expect(product).toEqual(vandermondeRow(ds + k, ds));
  }
});

describe.each(BACKENDS)('$name', ({ name, wasm }) => {
  test.each(SHAPES)('%i+%i: shards lost at both ends come back', (ds, ps) => {
    const codec = new ReedSolomon(ds, ps, { wasm });
    const shards = makeShards(codec, 33);
    for (const lost of [Array.from({ length: ps }, (_, index) => index), Array.from({ length: ps }, (_, index) => ds + ps - 1 - index)]) {
      const left: MaybeShard[] = shards.map((shard, index) => (lost.includes(index) ? null : shard));
      expect(codec.reconstruct(left)).toBe(ps);
      expect(left).toEqual(shards);
    }
  });

  property.prop([shape, fc.integer({ min: 1, max: 4200 }), fc.nat(), fc.boolean()], { numRuns: 20 })(
    'any lost shards come back',
    ([ds, ps], wanted, seed, dataOnly) => {
      const codec = new ReedSolomon(ds, ps, { wasm });
      expect(codec.backend).toBe(name);
      const length = ds + ps > 40 ? (wanted % 50) + 1 : wanted;
      const shards = makeShards(codec, length);
      expect(codec.verify(shards)).toBe(true);
      const lost = pickSome(seed, ds + ps, ps);
      const left: MaybeShard[] = shards.map((shard, index) => (lost.has(index) ? undefined : shard));
      const wantedBack = [...lost].filter((index) => !dataOnly || index < ds);
      expect(codec.reconstruct(left, dataOnly)).toBe(wantedBack.length);
      left.forEach((shard, index) => {
        if (dataOnly && index >= ds && lost.has(index)) expect(shard).toBe(undefined);
        else expect(hex(shard as Uint8Array)).toBe(hex(shards[index] as Uint8Array));
      });
    },
  );

  property.prop([shape, fc.integer({ min: 1, max: 200 }), fc.nat()], { numRuns: 20 })(
    'adding shard by shard, in any order and from any offset, is encoding at once',
    ([ds, ps], length, seed) => {
      const memory = createMemory(400_000, wasm);
      const codec = new ReedSolomon(ds, ps, { memory, wasm });
      const shards = makeShards(new ReedSolomon(ds, ps, { wasm: !wasm }), length);
      const room = (length + 31) & -16;
      const base = memory.reserve((ds + ps) * room);
      const parity = Int32Array.from({ length: ps }, (_, row) => base + (ds + row) * room);
      // What was there before must not matter.
      memory.bytes.fill(0xaa, base + ds * room, base + (ds + ps) * room);
      const order = [...pickSome(seed, ds, ds), ...Array.from({ length: ds }, (_, index) => index)].filter(
        (x, at, all) => all.indexOf(x) === at,
      );
      order.forEach((data, step) => {
        const src = base + data * room + (data % 3);
        memory.bytes.set(shards[data] as Uint8Array, src);
        codec.mulAddAll(data, src, parity, length, step === 0);
      });
      const made = Array.from(parity, (offset) => memory.bytes.slice(offset, offset + length));
      expect(made.map(hex)).toEqual(shards.slice(ds).map(hex));
    },
  );

  test('encodeAt, verifyAt and reconstructAt work in place', () => {
    const memory = createMemory(200_000, wasm);
    const codec = new ReedSolomon(4, 5, { memory, wasm });
    const length = 9000;
    const room = 9008;
    const base = memory.reserve(9 * room);
    const offsets = Int32Array.from({ length: 9 }, (_, shard) => base + shard * room);
    for (let shard = 0; shard < 4; shard++) memory.bytes.set(dataShard(shard, length), offsets[shard]);
    codec.encodeAt(offsets, length);
    expect(codec.verifyAt(offsets, length)).toBe(true);
    const before = memory.bytes.slice(base, base + 9 * room);
    const present = Uint8Array.from([0, 1, 0, 1, 1, 0, 0, 1, 0]);
    for (let shard = 0; shard < 9; shard++)
      if (present[shard] === 0) memory.bytes.fill(0x55, offsets[shard], (offsets[shard] as number) + room);
    expect(codec.reconstructAt(offsets, present, length, true)).toBe(2);
    expect(codec.verifyAt(offsets, length)).toBe(false);
    expect(codec.reconstructAt(offsets, present, length)).toBe(5);
    expect(codec.verifyAt(offsets, length)).toBe(true);
    for (let shard = 0; shard < 9; shard++) {
      expect(memory.bytes.slice(offsets[shard], (offsets[shard] as number) + length)).toEqual(
        before.slice(shard * room, shard * room + length),
      );
    }
    expect(codec.reconstructAt(offsets, Uint8Array.from([0, 0, 1, 0, 1, 0, 0, 0, 1]), length)).toBe(-1);
  });

  test('verify sees a changed byte in any shard and stripe', () => {
    const codec = new ReedSolomon(3, 6, { wasm });
    const shards = makeShards(codec, 5000);
    for (const [shard, at] of [
      [0, 0],
      [2, 4999],
      [3, 4095],
      [8, 4096],
    ] as const) {
      const target = shards[shard] as Uint8Array;
      target[at] = (target[at] as number) ^ 1;
      expect(codec.verify(shards)).toBe(false);
      target[at] = (target[at] as number) ^ 1;
    }
    expect(codec.verify(shards)).toBe(true);
  });
});

test('parity is the sum of the products', () => {
  const codec = new ReedSolomon(10, 3);
  const shards = makeShards(codec, 40);
  for (let row = 0; row < 3; row++) {
    const constants = codec.parityRow(row);
    const sums = Uint8Array.from({ length: 40 }, (_, at) => {
      let sum = 0;
      for (let data = 0; data < 10; data++) sum ^= multiply(constants[data] as number, shards[data]?.[at] as number);
      return sum;
    });
    expect(shards[10 + row]).toEqual(sums);
  }
});

/** Data and parity shards of pattern bytes. */
function makeShards(codec: ReedSolomon, length: number): Uint8Array[] {
  const count = codec.dataShards + codec.parityShards;
  const shards = Array.from({ length: count }, (_, index) =>
    index < codec.dataShards ? dataShard(index, length) : new Uint8Array(length),
  );
  codec.encode(shards);
  return shards;
}

/** Up to `most` different numbers below `limit`. */
function pickSome(seed: number, limit: number, most: number): Set<number> {
  const picked = new Set<number>();
  let state = seed | 1;
  for (let turn = 0; turn < most; turn++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    picked.add((state >>> 8) % limit);
  }
  return picked;
}
