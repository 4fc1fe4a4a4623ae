// What a programmer can do wrong, and the switch between the kernels.
import { afterEach, describe, expect, test } from 'vitest';
import { createMemory, ReedSolomon, ReedSolomonError } from '../src/index.ts';

const before = process.env['KCPTUN_NO_WASM'];

afterEach(() => {
  if (before === undefined) delete process.env['KCPTUN_NO_WASM'];
  else process.env['KCPTUN_NO_WASM'] = before;
});

test.each([
  [0, 1, RangeError, 'dataShards'],
  [256, 1, RangeError, 'dataShards'],
  [1, 0, RangeError, 'parityShards'],
  [1.5, 1, TypeError, 'dataShards'],
  [1, Number.NaN, TypeError, 'parityShards'],
  [200, 57, RangeError, 'dataShards + parityShards'],
])('%d+%d is refused', (ds, ps, kind, name) => {
  expect(() => new ReedSolomon(ds, ps)).toThrow(kind);
  expect(() => new ReedSolomon(ds, ps)).toThrow(name);
});

test('a memory that is full says so', () => {
  const memory = createMemory(65_536);
  memory.reserve(65_000);
  expect(() => memory.reserve(1000)).toThrow(
    expect.objectContaining({
      name: 'ReedSolomonError',
      code: 'KCPTUN_ERR_RS_MEMORY_FULL',
      message: expect.stringMatching(/65008 used, 1000 wanted/),
    }),
  );
});

describe('array methods', () => {
  const codec = new ReedSolomon(2, 1);
  const shard = new Uint8Array(4);

  test('want all shards, of one length', () => {
    expect(() => codec.encode([shard, shard])).toThrow(RangeError);
    expect(() => codec.verify([shard, shard, new Uint8Array(5)])).toThrow(RangeError);
    expect(() => codec.reconstruct([shard, 'x' as unknown as Uint8Array, null])).toThrow(TypeError);
  });

  test('tell when too few shards are left', () => {
    let caught: unknown;
    try {
      codec.reconstruct([shard, null, undefined]);
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(ReedSolomonError);
    expect(caught).toMatchObject({ code: 'KCPTUN_ERR_RS_TOO_FEW_SHARDS', name: 'ReedSolomonError' });
    expect(Symbol.for('kcptun.error') in (caught as object)).toBe(true);
  });

  test('take empty shards', () => {
    const empty = [new Uint8Array(0), new Uint8Array(0), new Uint8Array(0)];
    codec.encode(empty);
    expect(codec.verify(empty)).toBe(true);
    expect(codec.reconstruct([empty[0], null, empty[2]])).toBe(1);
  });
});

test('places outside of the memory are refused', () => {
  const codec = new ReedSolomon(2, 1);
  const end = codec.memory.bytes.length;
  expect(() => codec.encodeAt(Int32Array.of(0, 16), 16)).toThrow(RangeError);
  expect(() => codec.encodeAt(Int32Array.of(0, 16, end), 1)).toThrow('offsets[2]');
  expect(() => codec.verifyAt(Int32Array.of(0, -1, 16), 16)).toThrow('offsets[1]');
  expect(() => codec.reconstructAt(Int32Array.of(0, 16, 32), Uint8Array.of(1, 1, 0), end + 1)).toThrow('length');
  expect(() => codec.parityRow(1)).toThrow('index');
});

test('a memory says when it is full', () => {
  const memory = createMemory(1);
  expect(memory.bytes.length).toBe(65_536);
  expect(memory.reserve(3)).toBe(0);
  expect(memory.reserve(3)).toBe(16);
  expect(() => memory.reserve(65_536)).toThrow(ReedSolomonError);
  expect(() => createMemory(0)).toThrow(RangeError);
  expect(() => createMemory(2 ** 31)).toThrow(RangeError);
});

test('KCPTUN_NO_WASM=1 and memories without WebAssembly get the TypeScript kernel', () => {
  expect(new ReedSolomon(2, 1, { memory: createMemory(65_536, false) }).backend).toBe('typescript');
  process.env['KCPTUN_NO_WASM'] = '1';
  expect(new ReedSolomon(2, 1).backend).toBe('typescript');
  delete process.env['KCPTUN_NO_WASM'];
  expect(new ReedSolomon(2, 1).backend).toBe('wasm');
});

test('one memory has one set of tables, whatever number of codecs', () => {
  const memory = createMemory(65_536);
  new ReedSolomon(10, 3, { memory });
  const first = memory.reserve(16);
  new ReedSolomon(20, 5, { memory });
  expect(memory.reserve(16)).toBe(first + 16);
});

test('the TypeScript kernel wants words at their place', () => {
  const bytes = new Uint8Array(new ArrayBuffer(64), 1, 40);
  expect(() => new ReedSolomon(1, 1, { memory: { bytes, reserve: () => 0, instantiate: () => undefined } })).toThrow(RangeError);
});
