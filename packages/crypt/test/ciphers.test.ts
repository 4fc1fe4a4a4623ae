// The package's own ciphers and checksum against other implementations, byte by byte.

import { createCipheriv } from 'node:crypto';
import { crc32 as zlibCrc32 } from 'node:zlib';
import { Arena, PacketBatch } from '@kcptun/common';
import { salsa20 } from '@noble/ciphers/salsa.js';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import vectors from '../../testkit/vectors/crypt.json' with { type: 'json' };
import { crc32 } from '../src/crc32.ts';
import { CRYPT_METHODS, type CryptMethod, createPacketCrypt } from '../src/index.ts';
import { CryptKernel } from '../src/kernel.ts';
import { createNodePacketCrypt } from '../src/node/index.ts';
import { aes } from '../src/portable/aes.ts';
import { Salsa20Transform } from '../src/portable/salsa20-transform.ts';
import { createPortableTransform } from '../src/portable/transform.ts';
import { KEY } from './compliance.ts';

const IV = Buffer.from('a7734f9c12ac1b01a415f2c1fc78e66b', 'hex');

describe('raw encryption equals the vectors', () => {
  const entries = vectors.ciphers.filter((entry) => 'raw_encrypt' in entry);
  test.each(entries)('$crypt', (entry) => {
    const transform = createPortableTransform(entry.crypt as Exclude<CryptMethod, 'null'>, KEY, undefined);
    for (const { in: plain, out } of entry.raw_encrypt!) {
      // Any offset, also one that is not aligned.
      for (const at of [4, 5]) {
        const batch = new PacketBatch();
        batch.add(at, plain.length / 2, 0);
        batch.packet(0).set(Buffer.from(plain, 'hex'));
        transform.encrypt(batch, 0);
        expect(Buffer.from(batch.packet(0)).toString('hex')).toBe(out);
        transform.decrypt(batch);
        expect(Buffer.from(batch.packet(0)).toString('hex')).toBe(plain);
      }
    }
  });
});

test.each([16, 24, 32])('AES with a key of %i bytes equals OpenSSL', (size) => {
  const property = fc.property(
    fc.uint8Array({ minLength: size, maxLength: size }),
    fc.uint8Array({ maxLength: 200 }),
    fc.nat({ max: 9 }),
    (key, plain, offset) => {
      const bytes = new Uint8Array(offset + plain.length + 3);
      bytes.set(plain, offset);
      const cipher = aes(key);
      cipher.encrypt(bytes, offset, plain.length);
      const wanted = createCipheriv(`aes-${size * 8}-cfb`, key, IV).update(plain);
      expect(Buffer.compare(bytes.subarray(offset, offset + plain.length), wanted)).toBe(0);
      expect([...bytes.subarray(0, offset), ...bytes.subarray(offset + plain.length)].every((byte) => byte === 0)).toBe(true);
      cipher.decrypt(bytes, offset, plain.length);
      expect(bytes.subarray(offset, offset + plain.length)).toEqual(plain);
    },
  );
  fc.assert(property, { numRuns: 60 });
});

test('AES checks its key', () => {
  expect(() => aes(new Uint8Array(20))).toThrow(RangeError);
  expect(() => aes('0123456789abcdef' as unknown as Uint8Array)).toThrow(TypeError);
});

test('Salsa20 equals another implementation', () => {
  const property = fc.property(
    fc.uint8Array({ minLength: 32, maxLength: 32 }),
    fc.uint8Array({ maxLength: 1500 }),
    fc.nat({ max: 9 }),
    (key, plain, at) => {
      const batch = new PacketBatch();
      batch.add(at, plain.length, 0);
      batch.packet(0).set(plain);
      new Salsa20Transform(key).encrypt(batch, 0);
      const wanted = plain.slice();
      if (plain.length > 8) wanted.set(salsa20(key, plain.slice(0, 8), plain.slice(8)), 8);
      expect(Buffer.compare(batch.packet(0), wanted)).toBe(0);
    },
  );
  fc.assert(property, { numRuns: 60 });
});

test('CRC-32 equals zlib', () => {
  const property = fc.property(fc.uint8Array({ maxLength: 1500 }), fc.nat({ max: 9 }), (data, offset) => {
    const bytes = new Uint8Array(offset + data.length + 2).fill(0x55);
    bytes.set(data, offset);
    expect(crc32(bytes, offset, data.length)).toBe(zlibCrc32(data));
  });
  fc.assert(property, { numRuns: 100 });
});

test('the CRC-32 kernel equals zlib for every length', () => {
  const kernel = CryptKernel.create(new Arena({ byteLength: 128 * 1024 }))!;
  const bytes = Uint8Array.from({ length: 1600 }, (_, index) => (index * index * 31 + index * 7) >> 3);
  const wrong: number[] = [];
  for (let length = 0; length <= 1500; length++) {
    const offset = 1 + (length % 17);
    if (kernel.crc32(bytes, offset, length) !== zlibCrc32(bytes.subarray(offset, offset + length))) wrong.push(length);
  }
  expect(wrong).toEqual([]);
});

test('closing gives all memory back, overwritten', () => {
  const memory = new Arena({ byteLength: 512 * 1024 });
  for (const method of CRYPT_METHODS) {
    for (const create of [createPacketCrypt, createNodePacketCrypt]) {
      create({ method, key: KEY, random: (target) => target.fill(7), memory }).close();
      expect(memory.used).toBe(0);
      expect(memory.bytes.every((byte) => byte === 0)).toBe(true);
    }
  }
});
