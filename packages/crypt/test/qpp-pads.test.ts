// The pads of all three generations byte for byte, the limits that kcptun warns about, and wrong arguments.

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import vectors from '../../testkit/vectors/qpp.json' with { type: 'json' };
import { QPP_MAX_PADS, type QppGeneration, QppPads, QppStream, qppKeyWarnings, qppMinimumKeyLength } from '../src/qpp/index.ts';
import { deriveChunks } from '../src/qpp/qpp-pads.ts';

describe.each(vectors.variants)('generation $variant', ({ variant, cases, min_seed_len }) => {
  const generation = variant.toLowerCase() as QppGeneration;

  test('the chunks of key material', () => {
    const derived = cases.flatMap(({ seed, derived_chunks }) => (derived_chunks ? [{ seed, derived_chunks }] : []));
    expect(derived).toHaveLength(3);
    for (const { seed, derived_chunks } of derived) {
      const chunks = deriveChunks(new TextEncoder().encode(seed), derived_chunks.length);
      expect(chunks.map((chunk) => Buffer.from(chunk).toString('hex'))).toEqual(derived_chunks);
    }
  });

  test.each(cases.filter((item) => item.pads !== undefined))('$pads pads of $seed: tables and a stream in chunks', (item) => {
    const pads = new QppPads(item.seed, item.pads!, generation);
    expect(sha1(pads.forward)).toBe(item.pads_sha1);
    expect(sha1(pads.inverse)).toBe(item.rpads_sha1);
    expect(Buffer.from(pads.forward.subarray(0, 256)).toString('hex')).toBe(item.pad0);

    const bytes = Uint8Array.from({ length: 255 }, (_, i) => 17 * i + 9);
    const stream = new QppStream(pads);
    let at = 0;
    for (const size of item.chunk_sizes!) {
      stream.encrypt(bytes, at, size);
      at += size;
    }
    expect(at).toBe(255);
    expect(Buffer.from(bytes).toString('hex')).toBe(item.cipher);
  });

  test('the shortest key that is not warned about', () => {
    expect(qppMinimumKeyLength(generation)).toBe(min_seed_len);
    expect(qppKeyWarnings(min_seed_len, 61, generation)).toEqual([]);
    expect(qppKeyWarnings(min_seed_len - 1, 61, generation)).toHaveLength(1);
  });
});

test('the warnings, word for word', () => {
  expect(qppKeyWarnings(14, 4, 'c')).toEqual([
    "QPP Warning: 'key' has size of 14 bytes, required 211 bytes at least",
    'QPP Warning: QPPCount 4, required 7 at least',
    'QPP Warning: QPPCount 4, choose a prime number for security',
  ]);
  expect(qppKeyWarnings(211, 7, 'b')).toEqual([]);
  expect(qppKeyWarnings(211, 9, 'b')).toEqual([]);
  expect(qppKeyWarnings(211, 3, 'b')).toEqual(['QPP Warning: QPPCount 3, required 7 at least']);
  expect(qppKeyWarnings(211, 65_536, 'b')).toEqual(['QPP Warning: QPPCount 65536, choose a prime number for security']);
});

test('a string key is its UTF-8 bytes', () => {
  const text = 'PASSWORD-你好';
  expect(new QppPads(new TextEncoder().encode(text), 2, 'a').forward).toEqual(new QppPads(text, 2, 'a').forward);
});

test('a key of the caller is left alone', () => {
  const key = new Uint8Array(40).fill(7);
  new QppPads(key, 1, 'a');
  expect(key).toEqual(new Uint8Array(40).fill(7));
});

test('wipe zeroes everything derived from the key', () => {
  const pads = new QppPads('key', 1, 'a');
  pads.wipe();
  expect([pads.forward, pads.inverse, pads.startState].every((bytes) => bytes.every((value) => value === 0))).toBe(true);
});

test('wrong arguments are named', () => {
  expect(() => new QppPads('key', 0, 'c')).toThrow(/^count must be between 1 and 65535/);
  expect(() => new QppPads('key', QPP_MAX_PADS + 1, 'c')).toThrow(RangeError);
  expect(() => new QppPads('key', 1.5, 'c')).toThrow(TypeError);
  expect(() => new QppPads('key', 1, 'd' as QppGeneration)).toThrow(/^generation must be/);
  expect(() => new QppPads(17 as unknown as string, 1, 'c')).toThrow(/^key must be a Uint8Array/);
  expect(() => qppKeyWarnings(-1, 7, 'c')).toThrow(RangeError);
  expect(() => qppKeyWarnings(14, 0, 'c')).toThrow(RangeError);
});

function sha1(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('hex');
}
