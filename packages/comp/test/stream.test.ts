// Encoder and decoder as a pair: boundaries do not matter, memory stays bounded, hostile streams end with an error.

import {
  CompError,
  createBlockCodec,
  IDENTIFIER,
  MAX_BLOCK,
  MAX_CHUNK,
  maskChecksum,
  SnappyDecoder,
  SnappyEncoder,
  sharedBlockCodec,
} from '@kcptun/comp';
import { loadSnappyCodecSync, selectCodec } from '@kcptun/comp/node';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decode, Recorder, wordy, xorshift } from './streams.ts';

const EMPTY = new Uint8Array(0);

function encode(pieces: readonly Uint8Array[], options = {}): Recorder {
  const encoder = new SnappyEncoder(options);
  const sink = new Recorder();
  for (const piece of pieces) encoder.write(sink, EMPTY, 0, piece, 0, piece.length);
  return sink;
}

const pieces = fc.array(
  fc
    .tuple(fc.boolean(), fc.integer({ min: 1, max: 1e9 }), fc.oneof(fc.nat(40), fc.nat(5000), fc.constantFrom(65_535, 65_536, 65_544)))
    .map(([words, seed, length]) => (words ? wordy(seed, length) : xorshift(seed, length))),
  { maxLength: 5 },
);

test('round trip, in any pieces', () => {
  fc.assert(
    fc.property(pieces, fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 4 }), (input, sizes) => {
      const { decoded, error } = decode(encode(input).all, sizes);
      expect(error).toBeUndefined();
      expect(Buffer.compare(decoded, Buffer.concat(input))).toBe(0);
    }),
    { numRuns: 60 },
  );
});

test('all codecs read each other', () => {
  const input = [wordy(1, 8200), xorshift(2, 3000), wordy(3, 65_536)];
  const codecs = [createBlockCodec({ wasm: false }), selectCodec(), loadSnappyCodecSync() ?? sharedBlockCodec()];
  for (const writer of codecs) {
    for (const reader of codecs) {
      const { decoded } = decode(encode(input, { codec: writer }).all, [1400], { codec: reader });
      expect(Buffer.compare(decoded, Buffer.concat(input))).toBe(0);
    }
  }
});

test('head and payload are one piece, whatever the cut', () => {
  const whole = wordy(4, 70_000);
  const expected = encode([whole]).all;
  for (const cut of [0, 1, 8, 40, 65_535, 65_536, 65_537, 70_000]) {
    const sink = new Recorder();
    const encoder = new SnappyEncoder();
    const behind = new Uint8Array(whole.length + 5);
    behind.set(whole.subarray(cut), 5);
    encoder.write(sink, whole.subarray(0, cut), cut, cut === whole.length ? undefined : behind, 5, whole.length - cut);
    expect(sink.pieces.length).toBe(2);
    expect(Buffer.compare(sink.all, expected)).toBe(0);
  }
});

test('each write is one chunk of the sink, the identifier only in front of the first', () => {
  const sink = encode([Uint8Array.of(1, 2, 3), EMPTY, wordy(1, 2000)]);
  expect(sink.pieces.map((piece) => piece[0])).toEqual([0xff, 0x00]);
});

test('two streams do not disturb each other, though they share the working memory', () => {
  const a = encode([wordy(1, 9000), wordy(2, 9000)]).all;
  const b = encode([xorshift(1, 9000), wordy(4, 100)]).all;
  const decoders = [new SnappyDecoder(), new SnappyDecoder()] as const;
  const sinks = [new Recorder(), new Recorder()] as const;
  const at = [0, 0];
  while (at[0]! < a.length || at[1]! < b.length) {
    for (const [index, stream] of [a, b].entries()) {
      at[index]! += decoders[index]!.handleData(stream, at[index]!, Math.min(3000, stream.length - at[index]!));
    }
    // Only now are both read: what waited has survived the other's work.
    for (const index of [0, 1] as const) {
      const decoder = decoders[index];
      sinks[index].write(decoder.outputBytes, decoder.outputOffset, decoder.outputLength);
      decoder.consumed(decoder.outputLength);
    }
  }
  expect(Buffer.compare(sinks[0].all, Buffer.concat([wordy(1, 9000), wordy(2, 9000)]))).toBe(0);
  expect(Buffer.compare(sinks[1].all, Buffer.concat([xorshift(1, 9000), wordy(4, 100)]))).toBe(0);
});

test('nothing further is taken while decoded bytes wait', () => {
  const stream = encode([wordy(1, 3000), wordy(2, 3000)]);
  const decoder = new SnappyDecoder();
  expect(decoder.handleData(stream.all, 0, stream.all.length)).toBe(stream.pieces[0]!.length);
  expect(decoder.outputLength).toBe(3000);
  expect(decoder.handleData(stream.all, stream.pieces[0]!.length, 100)).toBe(0);
  decoder.consumed(2999);
  expect([decoder.outputOffset, decoder.outputLength]).toEqual([2999, 1]);
  expect(decoder.handleData(stream.all, stream.pieces[0]!.length, 100)).toBe(0);
  decoder.consumed(5);
  expect(decoder.outputLength).toBe(0);
  expect(decoder.handleData(stream.all, stream.pieces[0]!.length, 100)).toBe(100);
});

describe('hostile streams', () => {
  const chunk = (type: number, body: readonly number[], length = body.length): number[] => [
    type,
    length & 255,
    (length >> 8) & 255,
    length >> 16,
    ...body,
  ];
  const checksum = (...bytes: number[]): number[] => {
    const masked = maskChecksum(sharedBlockCodec().crc32c(Uint8Array.from(bytes), 0, bytes.length));
    return [masked & 255, (masked >>> 8) & 255, (masked >>> 16) & 255, masked >>> 24];
  };
  const after = (bytes: readonly number[]): string | undefined => decode(Uint8Array.from([...IDENTIFIER, ...bytes])).error;

  test.each<[string, number[], string | undefined]>([
    ['a chunk without room for its checksum', chunk(0x01, [1, 2, 3]), 'snappy: corrupt input'],
    ['an empty compressed chunk', chunk(0x00, []), 'snappy: corrupt input'],
    ['a compressed chunk without a block', chunk(0x00, [0, 0, 0, 0]), 'snappy: corrupt input'],
    ['a plain chunk that is too long', chunk(0x01, [], MAX_BLOCK + 5), 'snappy: corrupt input'],
    ['a compressed chunk that is too long', chunk(0x00, [], MAX_CHUNK + 1), 'snappy: unsupported input'],
    ['a skippable chunk that is too long', chunk(0x90, [], MAX_CHUNK + 1), 'snappy: unsupported input'],
    ['the last reserved type', chunk(0x7f, []), 'snappy: unsupported input'],
    ['an identifier of another length', chunk(0xff, [0x73]), 'snappy: corrupt input'],
    ['an identifier of other bytes', chunk(0xff, [0x73, 0x4e, 0x61, 0x50, 0x70, 0x58]), 'snappy: corrupt input'],
    ['a block that is corrupt under a good header', chunk(0x00, [0, 0, 0, 0, 5, 0xff]), 'snappy: corrupt input'],
    ['a block whose checksum is wrong', chunk(0x00, [1, 2, 3, 4, 1, 0, 0x61]), 'snappy: corrupt input'],
    ['an empty block', chunk(0x00, [...checksum(), 0]), undefined],
    ['an empty plain chunk', chunk(0x01, checksum()), undefined],
    ['empty skippable chunks', [...chunk(0x80, []), ...chunk(0xfe, [])], undefined],
    ['the longest skippable chunk, cut', chunk(0x80, [1, 2], MAX_CHUNK), undefined],
  ])('%s', (_name, bytes, error) => {
    expect(after(bytes)).toBe(error);
  });

  test('an error is final, typed, and takes all bytes', () => {
    const decoder = new SnappyDecoder();
    expect(decoder.handleData(Uint8Array.of(1, 0, 0, 0, 9, 9), 0, 6)).toBe(6);
    expect(decoder.error).toBeInstanceOf(CompError);
    expect(decoder.error?.code).toBe('KCPTUN_ERR_COMP_CORRUPT');
    const good = encode([Uint8Array.of(1)]).all;
    expect(decoder.handleData(good, 0, good.length)).toBe(good.length);
    expect(decoder.outputLength).toBe(0);
    const reserved = new SnappyDecoder();
    reserved.handleData(Uint8Array.from([...IDENTIFIER, 2, 0, 0, 0]), 0, 14);
    expect(reserved.error?.code).toBe('KCPTUN_ERR_COMP_UNSUPPORTED');
  });

  test('noise and changed streams end or decode, in any pieces alike', () => {
    const stream = encode([wordy(7, 600), xorshift(8, 100), wordy(9, 300)]).all;
    fc.assert(
      fc.property(
        fc.nat(stream.length - 1),
        fc.nat(255),
        fc.uint8Array({ maxLength: 30 }),
        fc.integer({ min: 1, max: 50 }),
        (at, value, tail, size) => {
          const changed = new Uint8Array([...stream, ...tail]);
          changed[at] = value;
          expect(decode(changed, [size])).toEqual(decode(changed));
        },
      ),
      { numRuns: 150 },
    );
  });
});
