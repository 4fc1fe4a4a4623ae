// Streams under QPP: the plain 64-bit form of the generator, chunk boundaries, both directions.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { QppPads, QppStream } from '../src/qpp/index.ts';

const pads = new QppPads('a key for the streams of this file', 7, 'c');
const MASK = 0xffff_ffff_ffff_ffffn;

test('64-bit arithmetic in halves gives what BigInt gives, over 20,000 values', () => {
  const bytes = Uint8Array.from({ length: 160_003 }, (_, i) => i * i);
  const expected = plainQpp(pads, bytes);
  new QppStream(pads).encrypt(bytes, 0, bytes.length);
  expect(Buffer.compare(bytes, expected)).toBe(0);
});

test('chunk boundaries do not matter, and decryption undoes encryption', () => {
  const sizes = fc.array(fc.oneof(fc.nat(20), fc.nat(1200)), { maxLength: 12 });
  fc.assert(
    fc.property(sizes, sizes, fc.nat(9), fc.integer(), (sending, receiving, margin, seed) => {
      const length = sending.reduce((sum, size) => sum + size, 0);
      const plain = Uint8Array.from({ length: length + 2 * margin }, (_, i) => Math.imul(i + seed, 0x9e3779b1) >>> 24);
      const whole = plain.slice();
      new QppStream(pads).encrypt(whole, margin, length);

      const bytes = plain.slice();
      const sender = new QppStream(pads);
      let at = margin;
      for (const size of sending) {
        sender.encrypt(bytes, at, size);
        at += size;
      }
      expect(Buffer.compare(bytes, whole)).toBe(0);

      const receiver = new QppStream(pads);
      at = margin;
      for (const size of [...receiving, length]) {
        const part = Math.min(size, margin + length - at);
        receiver.decrypt(bytes, at, part);
        at += part;
      }
      expect(Buffer.compare(bytes, plain)).toBe(0);
    }),
    { numRuns: 100 },
  );
});

test('every stream starts at the same state, in both directions', () => {
  const first = new Uint8Array(40);
  const second = new Uint8Array(40);
  new QppStream(pads).encrypt(first, 0, 40);
  new QppStream(pads).encrypt(second, 0, 40);
  expect(first).toEqual(second);
  expect(first).not.toEqual(new Uint8Array(40));
});

test('wipe takes the generator away but not the pads of other streams', () => {
  const wiped = new QppStream(pads);
  const other = new QppStream(pads);
  const expected = new Uint8Array(24);
  new QppStream(pads).encrypt(expected, 0, 24);
  wiped.wipe();
  const bytes = new Uint8Array(24);
  wiped.encrypt(bytes, 0, 24);
  // Only a generator of zeros gives the same byte every time.
  expect(new Set(bytes).size).toBe(1);
  const after = new Uint8Array(24);
  other.encrypt(after, 0, 24);
  expect(after).toEqual(expected);
});

/** PROTOCOL tunnel §9 word by word. */
function plainQpp({ forward, startState, count }: QppPads, plain: Uint8Array): Uint8Array {
  const s = Array.from({ length: 4 }, (_, i) => (BigInt(startState[2 * i + 1]! >>> 0) << 32n) | BigInt(startState[2 * i]! >>> 0));
  const rotl = (x: bigint, bits: bigint) => ((x << bits) | (x >> (64n - bits))) & MASK;
  const next = () => {
    const result = (rotl((s[1]! * 5n) & MASK, 7n) * 9n) & MASK;
    const t = (s[1]! << 17n) & MASK;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = rotl(s[3]!, 45n);
    return result;
  };
  let r = 0n;
  return plain.map((byte, i) => {
    if (i % 8 === 0) r = next();
    const pad = Number(r & 0xffffn) % count;
    return forward[256 * pad + (byte ^ Number((r >> BigInt(8 * (i % 8))) & 0xffn))]!;
  });
}
