// Streams of the Go program: what it wrote is read back, what it reads is written, and its refusals are ours.

import { createHash } from 'node:crypto';
import { SnappyEncoder } from '@kcptun/comp';
import { describe, expect, test } from 'vitest';
import vectors from '../../testkit/vectors/snappy.json' with { type: 'json' };
import { decode, Recorder, xorshift } from './streams.ts';

type Description = string | { repeat?: string; byte?: number; times?: number; truncate?: number; len?: number; xorshift32_seed?: number };
type Written = string | { first32: string; last16: string; len: number; sha1: string };

const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const sha1 = (bytes: Uint8Array): string => createHash('sha1').update(bytes).digest('hex');

/** The data of a step. */
function bytesOf(data: Description): Uint8Array {
  if (typeof data === 'string') return hex(data);
  if (data.repeat !== undefined) return new Uint8Array(Buffer.from(data.repeat.repeat(data.times ?? 1))).slice(0, data.truncate);
  if (data.byte !== undefined) return new Uint8Array(data.times ?? 0).fill(data.byte);
  return xorshift(data.xorshift32_seed ?? 0, data.len ?? 0);
}

/** Whether written bytes are what the vector says; long ones are given by length and hash. */
function same(bytes: Uint8Array, expected: Written): boolean {
  if (typeof expected === 'string') return Buffer.from(bytes).toString('hex') === expected;
  return bytes.length === expected.len && sha1(bytes) === expected.sha1;
}

const cases = vectors.cases as unknown as {
  name: string;
  steps: { data: Description; data_sha1: string; underlying_writes: Written[] }[];
}[];

describe.each(cases)('writer: $name', ({ steps }) => {
  test('plain chunks are equal byte for byte, compressed ones decode to the same', () => {
    const encoder = new SnappyEncoder();
    const stream = new Recorder();
    const plain = new Recorder();
    for (const step of steps) {
      const data = bytesOf(step.data);
      expect(sha1(data)).toBe(step.data_sha1);
      plain.write(data, 0, data.length);
      const before = stream.pieces.length;
      encoder.write(stream, data.subarray(0, 8), Math.min(8, data.length), data, 8, Math.max(0, data.length - 8));
      const chunks = stream.pieces.slice(before);

      // Go writes a plain chunk as header and body, a compressed one as a whole.
      let index = 0;
      for (const chunk of chunks) {
        const start = chunk[0] === 0xff ? 10 : 0;
        if (chunk[start] === 0x01) {
          expect(same(chunk.subarray(0, start + 8), step.underlying_writes[index]!)).toBe(true);
          expect(same(chunk.subarray(start + 8), step.underlying_writes[index + 1]!)).toBe(true);
          index += 2;
        } else {
          const go = step.underlying_writes[index]!;
          const goStart = (typeof go === 'string' ? go : go.first32).slice(0, (start + 1) * 2);
          expect(Buffer.from(chunk.subarray(0, start + 1)).toString('hex')).toBe(goStart);
          index += 1;
        }
      }
      expect(index).toBe(step.underlying_writes.length);
    }
    expect(decode(stream.all)).toEqual({ decoded: plain.all, error: undefined });
  });

  test('what Go wrote is read, where the vector has all of it', () => {
    const plain = new Recorder();
    const stream = new Recorder();
    for (const step of steps) {
      const data = bytesOf(step.data);
      plain.write(data, 0, data.length);
      let at = 0;
      for (const written of step.underlying_writes) {
        // Long bodies are given by hash: incompressible ones are the data itself, zeros the repeated copy element.
        const bytes = typeof written === 'string' ? hex(written) : restore(written, data.subarray(at, at + written.len));
        expect(same(bytes, written)).toBe(true);
        if (typeof written !== 'string') at += written.len;
        stream.write(bytes, 0, bytes.length);
      }
    }
    expect(decode(stream.all, [1400]).error).toBeUndefined();
    expect(Buffer.compare(decode(stream.all, [1400]).decoded, plain.all)).toBe(0);
  });
});

function restore(written: Exclude<Written, string>, data: Uint8Array): Uint8Array {
  if (sha1(data) === written.sha1) return data;
  // 65536 zeros: identifier, header, length, one literal, copies of 64 bytes at distance 1, the last one shorter.
  const bytes = new Uint8Array(written.len);
  const head = hex(written.first32);
  for (let at = 23; at < bytes.length; at += 3) bytes.set([0xfe, 0x01, 0x00], at);
  bytes.set(head);
  bytes.set(hex(written.last16), bytes.length - 16);
  return bytes;
}

describe.each(vectors.reader)('reader: $name', ({ stream, decoded, end }) => {
  test.each([[1], [3], [1000]])('in pieces of %i', (size) => {
    const result = decode(hex(stream), [size]);
    expect(Buffer.from(result.decoded).toString('hex')).toBe(decoded);
    expect(result.error ?? 'EOF (clean)').toBe(end);
  });
});
