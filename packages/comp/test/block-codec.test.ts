// The block codecs against each other, against the native package as oracle, and against hostile blocks.

import { Arena, KcptunError } from '@kcptun/common';
import {
  type BlockCodec,
  CODEC_MEMORY,
  crc32c,
  createBlockCodec,
  MAX_BLOCK,
  maxCompressedLength,
  readBlockLength,
  sharedBlockCodec,
  TypescriptBlockCodec,
} from '@kcptun/comp';
import { loadSnappyCodec, loadSnappyCodecSync, selectCodec } from '@kcptun/comp/node';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { wordy, xorshift } from './streams.ts';

const native = loadSnappyCodecSync();
const typescript = new TypescriptBlockCodec();
const wasm = createBlockCodec();
const codecs: BlockCodec[] = [typescript, wasm, ...(native === undefined ? [] : [native])];

const data = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.tuple(fc.integer({ min: 1, max: 1e9 }), fc.integer({ min: 0, max: 9000 })).map(([seed, length]) => wordy(seed, length)),
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 4000 }))
    .map(([unit, length]) => Uint8Array.from({ length }, (_, index) => unit[index % unit.length]!)),
);

function compress(codec: BlockCodec, bytes: Uint8Array): Uint8Array {
  const target = new Uint8Array(codec.maxCompressedLength(bytes.length));
  return target.slice(0, codec.compress(bytes, 0, bytes.length, target, 0, target.length));
}

/** Uncompresses into the middle of a guarded buffer; the guards must stay. */
function uncompress(codec: BlockCodec, block: Uint8Array, room: number): Uint8Array | undefined {
  const target = new Uint8Array(room + 64).fill(0xa5);
  const length = codec.uncompress(block, 0, block.length, target, 32, room);
  expect(length).toBeLessThanOrEqual(room);
  const outside = [...target.subarray(0, 32), ...target.subarray(32 + room)];
  expect(outside.every((byte) => byte === 0xa5)).toBe(true);
  return length < 0 ? undefined : target.slice(32, 32 + length);
}

test('the kernel runs here, so that the suite compares two codecs', () => {
  expect(wasm.name).toBe('wasm');
  expect(createBlockCodec({ wasm: false }).name).toBe('typescript');
  expect(createBlockCodec({ memory: new Arena({ wasm: false, byteLength: CODEC_MEMORY }) }).name).toBe('typescript');
  expect(sharedBlockCodec()).toBe(sharedBlockCodec());
});

describe('selectCodec', () => {
  afterEach(() => vi.unstubAllEnvs());

  test('takes the kernel, unless KCPTUN_NO_WASM=1', () => {
    vi.stubEnv('KCPTUN_NO_WASM', undefined);
    expect(selectCodec().name).toBe('wasm');
    vi.stubEnv('KCPTUN_NO_WASM', '1');
    expect(selectCodec().name).toBe('typescript');
  });
});

test('a memory that is too small is refused', () => {
  expect(() => createBlockCodec({ memory: new Arena({ byteLength: 65_536 }) })).toThrow(KcptunError);
});

test('the native package loads both ways or not at all', async () => {
  expect((await loadSnappyCodec())?.name).toBe(native?.name);
});

describe.each(codecs)('$name', (codec) => {
  test('gives back what it compressed, as every other codec reads it', () => {
    fc.assert(
      fc.property(data, (bytes) => {
        const block = compress(codec, bytes);
        for (const reader of codecs) expect(Buffer.compare(uncompress(reader, block, bytes.length) ?? Buffer.alloc(1), bytes)).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  test.each([0, 1, 15, 16, 17, 255, 256, 65_535, 65_536])('%i bytes of zeros, words and noise', (length) => {
    for (const bytes of [new Uint8Array(length), wordy(5, length), xorshift(5, length)]) {
      const block = compress(codec, bytes);
      expect(block.length).toBeLessThanOrEqual(maxCompressedLength(length));
      expect(Buffer.compare(uncompress(codec, block, MAX_BLOCK) ?? Buffer.alloc(1), bytes)).toBe(0);
    }
  });

  test('says 0 when the block does not stay below the limit', () => {
    const noise = xorshift(3, 5000);
    const target = new Uint8Array(6000).fill(0xa5);
    expect(codec.compress(noise, 0, 5000, target, 10, 4375)).toBe(0);
    const words = compress(codec, wordy(3, 5000));
    expect(codec.compress(wordy(3, 5000), 0, 5000, target, 10, words.length)).toBe(0);
    expect(codec.compress(wordy(3, 5000), 0, 5000, target, 10, 3)).toBe(0);
  });

  test('hostile blocks neither throw nor write outside of their room', () => {
    const element = fc.oneof(
      fc.uint8Array({ maxLength: 6 }),
      fc.constantFrom(
        [0xfc, 255, 255, 255, 255],
        [0xf8, 255, 255, 255],
        [0xf4, 0, 1],
        [0x03, 1, 0, 0, 0x80],
        [0xff, 1, 0, 0, 0],
        [0x01, 0],
      ),
    );
    fc.assert(
      fc.property(fc.nat(400), fc.array(element, { maxLength: 12 }), fc.nat(500), (length, elements, room) => {
        const block = Uint8Array.from([(length & 0x7f) | 0x80, length >> 7, ...elements.flatMap((bytes) => [...bytes])]);
        const result = uncompress(codec, block, room);
        expect(result === undefined || result.length === length).toBe(true);
        // All codecs agree on what is corrupt, and on the bytes of what is not.
        expect(result).toEqual(uncompress(typescript, block, room));
      }),
      { numRuns: 400 },
    );
  });

  test('changed and cut blocks are refused or decoded, never worse', () => {
    fc.assert(
      fc.property(data, fc.nat(), fc.nat(255), fc.nat(), (bytes, where, value, cut) => {
        const block = compress(codec, bytes);
        block[where % block.length] = value;
        const part = block.subarray(0, block.length - (cut % 4));
        expect(uncompress(codec, part, MAX_BLOCK)).toEqual(uncompress(typescript, part, MAX_BLOCK));
      }),
      { numRuns: 150 },
    );
  });

  test('a block beyond the limit of this format is refused', () => {
    expect(uncompress(codec, Uint8Array.of(0x81, 0x80, 0x04, 0x00, 0x61), MAX_BLOCK)).toBeUndefined();
    expect(uncompress(codec, Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f, 0x00), MAX_BLOCK)).toBeUndefined();
  });

  test('source and target may both be its working memory', () => {
    const bytes = wordy(9, 4000);
    codec.bytes.set(bytes, codec.input);
    const length = codec.compress(codec.bytes, codec.input, bytes.length, codec.bytes, codec.output, 4000);
    expect(length).toBeGreaterThan(0);
    expect(codec.uncompress(codec.bytes, codec.output, length, codec.bytes, codec.input, 4000)).toBe(4000);
    expect(codec.bytes.slice(codec.input, codec.input + 4000)).toEqual(bytes);
    const outside = new Uint8Array(4000);
    expect(codec.uncompress(codec.bytes, codec.output, length, outside, 0, 4000)).toBe(4000);
    expect(outside).toEqual(bytes);
    const block = codec.bytes.slice(codec.output, codec.output + length);
    expect(codec.uncompress(block, 0, length, codec.bytes, codec.input, 4000)).toBe(4000);
    expect(codec.bytes.slice(codec.input, codec.input + 4000)).toEqual(bytes);
  });

  test('CRC-32C', () => {
    const check = new Uint8Array(Buffer.from('123456789'));
    expect(codec.crc32c(check, 0, 9)).toBe(0xe3069283);
    expect(codec.crc32c(check, 0, 0)).toBe(0);
    const noise = xorshift(11, MAX_BLOCK);
    for (const [offset, length] of [
      [0, MAX_BLOCK],
      [1, 255],
      [3, 256],
      [5, 257],
      [7, 383],
      [9, 384],
      [11, 1401],
      [13, 65_000],
      // From 2048 bytes on a piece is reduced first; the kernel moves on after 16 KiB, its twin after 8 KiB.
      ...[2047, 2048, 2049, 2050, 2051, 2052, 2100, 4099, 8200, 9027, 9028, 9029, 9031, 10_240].map(
        (size, index) => [index, size] as const,
      ),
      ...[16_383, 17_219, 17_220, 17_221, 17_283, 17_284, 17_285, 33_604, 50_052].map((size, index) => [index, size] as const),
    ] as const) {
      expect(codec.crc32c(noise, offset, length)).toBe(bitwise(noise.subarray(offset, offset + length)));
    }
  });
});

describe.each(codecs)('a match that is one pattern over and over: $name', (codec) => {
  test.each([1, 2, 3, 4, 5, 7, 8, 9, 10, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 2047, 2048, 4000])('of %i bytes', (period) => {
    const pattern = xorshift(period, period);
    for (const length of [
      period + 64,
      period + 65,
      period + 127,
      period + 128,
      period + 129,
      period + 131,
      period + 2000,
      8200,
      MAX_BLOCK,
    ]) {
      const bytes = Uint8Array.from({ length }, (_, index) => pattern[index % period]!);
      const block = compress(codec, bytes);
      for (const reader of codecs) {
        // `toEqual` looks at each of 64 KiB by itself: half a minute for all periods.
        const read = uncompress(reader, block, length);
        expect(read !== undefined && Buffer.compare(read, bytes) === 0, `length ${length}, read by ${reader.name}`).toBe(true);
      }
    }
  });

  test('does not reach beyond the length of its block', () => {
    // A byte, then copies of 64 at distance 1: one more than there is room for.
    const copies = Array.from({ length: 5 }, () => [0xfe, 1, 0]).flat();
    expect(uncompress(codec, Uint8Array.of(0xc1, 0x02, 0, 65, ...copies), 321)).toEqual(new Uint8Array(321).fill(65));
    expect(uncompress(codec, Uint8Array.of(0xc0, 0x02, 0, 65, ...copies), 321)).toBeUndefined();
    expect(uncompress(codec, Uint8Array.of(0xc1, 0x02, 0, 65, ...copies, 0xfe, 1, 0), 321)).toBeUndefined();
    expect(uncompress(codec, Uint8Array.of(0xc1, 0x02, 0, 65, ...copies, 0xfe, 1), 321)).toBeUndefined();
    expect(uncompress(codec, Uint8Array.of(0xc1, 0x02, 0, 65, 0xfe, 2, 0, ...copies), 321)).toBeUndefined();
  });
});

test('the kernel writes the same blocks as its twin', () => {
  fc.assert(
    fc.property(data, fc.integer({ min: 1, max: 10_000 }), (bytes, limit) => {
      const results = [typescript, wasm].map((codec) => {
        const target = new Uint8Array(maxCompressedLength(bytes.length));
        const length = codec.compress(bytes, 0, bytes.length, target, 0, Math.min(limit, target.length));
        return { length, block: target.slice(0, length) };
      });
      expect(results[0]).toEqual(results[1]);
    }),
    { numRuns: 200 },
  );
});

test('more than a block is a mistake of the caller', () => {
  for (const codec of [typescript, wasm]) {
    expect(() => codec.compress(new Uint8Array(70_000), 0, 65_537, new Uint8Array(80_000), 0, 80_000)).toThrow(RangeError);
  }
  expect(() => wasm.crc32c(new Uint8Array(70_000), 0, 65_537)).toThrow(RangeError);
  expect(crc32c(new Uint8Array(70_000), 0, 65_537)).toBe(bitwise(new Uint8Array(65_537)));
});

test('readBlockLength', () => {
  expect(readBlockLength(Uint8Array.of(0x05), 0, 1)).toBe(5 * 8 + 1);
  expect(readBlockLength(Uint8Array.of(9, 0x80, 0x80, 0x04), 1, 3)).toBe(MAX_BLOCK * 8 + 3);
  expect(readBlockLength(Uint8Array.of(0x80), 0, 1)).toBe(-1);
  expect(readBlockLength(new Uint8Array(9).fill(0x80), 0, 9)).toBe(-1);
  expect(readBlockLength(new Uint8Array(0), 0, 0)).toBe(-1);
});

/** The definition, bit by bit. */
function bitwise(bytes: Uint8Array): number {
  let register = -1;
  for (const byte of bytes) {
    register ^= byte;
    for (let bit = 0; bit < 8; bit++) register = (register >>> 1) ^ (register & 1 ? 0x82f63b78 : 0);
  }
  return ~register >>> 0;
}
