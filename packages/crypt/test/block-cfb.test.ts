// What holds for every portable block cipher: CFB by its definition, any place and length, OpenSSL's bytes, key checks.

import { createCipheriv, createDecipheriv } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CfbCipher } from '../src/block/index.ts';
import { blowfish, tea, xtea } from '../src/block/index.ts';
import { BLOCK_CIPHERS, encryptBlock, IV, toHex } from './block-ciphers.ts';

const MARGIN = 3;
const packet = fc.uint8Array({ maxLength: 100 });

describe.each(BLOCK_CIPHERS)('$name', ({ make, keyLength }) => {
  const keys = fc.uint8Array({ minLength: keyLength, maxLength: keyLength });

  test('is CFB with the fixed IV, in place, and touches nothing else', () => {
    fc.assert(
      fc.property(keys, packet, fc.nat(20), (key, plain, offset) => {
        const cipher = make(key);
        const expected = plainCfb(cipher, plain);
        const bytes = surround(plain, offset);
        cipher.encrypt(bytes, offset, plain.length);
        expect(toHex(bytes)).toBe(toHex(surround(expected, offset)));
        cipher.decrypt(bytes, offset, plain.length);
        expect(toHex(bytes)).toBe(toHex(surround(plain, offset)));
      }),
      { numRuns: 60 },
    );
  });

  test('has the right block size', () => {
    expect(make(new Uint8Array(keyLength)).blockSize).toBe(['twofish', 'sm4'].includes(make.name) ? 16 : 8);
  });

  test('keeps no state from one packet to the next', () => {
    const key = Uint8Array.from({ length: keyLength }, (_, i) => i);
    const cipher = make(key);
    const first = new Uint8Array(45);
    cipher.encrypt(first, 0, 45);
    cipher.decrypt(new Uint8Array(77), 0, 77);
    const second = new Uint8Array(45);
    cipher.encrypt(second, 0, 45);
    expect(second).toEqual(first);
  });

  test('copies what it needs of the key', () => {
    const key = Uint8Array.from({ length: keyLength }, (_, i) => 31 * i);
    const cipher = make(key);
    const before = encryptBlock(cipher, IV);
    key.fill(0xff);
    expect(encryptBlock(cipher, IV)).toEqual(before);
  });

  test('wipe leaves nothing of the key', () => {
    const wiped = [1, 2].map((seed) => {
      const cipher = make(Uint8Array.from({ length: keyLength }, (_, i) => 37 * seed * (i + 1)));
      const before = toHex(encryptBlock(cipher, IV));
      cipher.wipe();
      return { before, after: toHex(encryptBlock(cipher, IV)) };
    });
    expect(wiped[0]!.before).not.toBe(wiped[1]!.before);
    expect(wiped[0]!.after).toBe(wiped[1]!.after);
  });

  test('names a wrong key', () => {
    expect(() => make('secret' as unknown as Uint8Array)).toThrow(TypeError);
    expect(() => make(new Uint8Array(57))).toThrow(RangeError);
    expect(() => make(new Uint8Array(0))).toThrow(/^key must have .* bytes, got 0$/);
  });
});

describe.each(BLOCK_CIPHERS.filter((cipher) => cipher.openssl))('$name against OpenSSL', ({ make, keyLength, openssl }) => {
  test('both directions give the same bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: keyLength, maxLength: keyLength }), fc.uint8Array({ maxLength: 1500 }), (key, input) => {
        const cipher = make(key);
        const iv = IV.subarray(0, cipher.blockSize);
        const encrypted = input.slice();
        cipher.encrypt(encrypted, 0, input.length);
        expect(toHex(encrypted)).toBe(createCipheriv(openssl!, key, iv).update(input).toString('hex'));
        const decrypted = input.slice();
        cipher.decrypt(decrypted, 0, input.length);
        expect(toHex(decrypted)).toBe(createDecipheriv(openssl!, key, iv).update(input).toString('hex'));
      }),
      { numRuns: 20 },
    );
  });
});

test('blowfish takes keys of 1 to 56 bytes, used cyclically', () => {
  for (const length of [1, 3, 8, 28]) {
    const key = Uint8Array.from({ length }, (_, i) => 11 * i + 5);
    const doubled = Uint8Array.of(...key, ...key);
    expect(encryptBlock(blowfish(doubled), IV)).toEqual(encryptBlock(blowfish(key), IV));
  }
  expect(() => blowfish(new Uint8Array(56))).not.toThrow();
});

// PROTOCOL crypt §4 word by word; TEA with 8 cycles has no published vectors.
describe('the plain form', () => {
  test.each([
    ['tea', tea, plainTea],
    ['xtea', xtea, plainXtea],
  ] as const)('%s', (_, make, plain) => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.uint8Array({ minLength: 8, maxLength: 8 }), (key, block) => {
        expect(toHex(encryptBlock(make(key), block))).toBe(toHex(plain(key, block)));
      }),
      { numRuns: 100 },
    );
  });
});

function surround(content: Uint8Array, offset: number): Uint8Array {
  const bytes = new Uint8Array(offset + content.length + MARGIN).fill(0xa5);
  bytes.set(content, offset);
  return bytes;
}

function plainCfb(cipher: CfbCipher, plain: Uint8Array): Uint8Array {
  const size = cipher.blockSize;
  const result = new Uint8Array(plain.length);
  let input = IV.slice(0, size);
  for (let at = 0; at < plain.length; at += size) {
    const keystream = encryptBlock(cipher, input);
    for (let i = at; i < Math.min(at + size, plain.length); i++) result[i] = plain[i]! ^ keystream[i - at]!;
    input = result.slice(at, at + size);
  }
  return result;
}

function plainTea(key: Uint8Array, block: Uint8Array): Uint8Array {
  const k = new DataView(key.slice().buffer);
  const v = new DataView(block.slice().buffer);
  let [v0, v1, sum] = [v.getUint32(0), v.getUint32(4), 0];
  for (let cycle = 0; cycle < 8; cycle++) {
    sum = (sum + 0x9e3779b9) >>> 0;
    v0 = (v0 + (((v1 << 4) + k.getUint32(0)) ^ (v1 + sum) ^ ((v1 >>> 5) + k.getUint32(4)))) >>> 0;
    v1 = (v1 + (((v0 << 4) + k.getUint32(8)) ^ (v0 + sum) ^ ((v0 >>> 5) + k.getUint32(12)))) >>> 0;
  }
  v.setUint32(0, v0);
  v.setUint32(4, v1);
  return new Uint8Array(v.buffer);
}

function plainXtea(key: Uint8Array, block: Uint8Array): Uint8Array {
  const k = new DataView(key.slice().buffer);
  const v = new DataView(block.slice().buffer);
  let [v0, v1, sum] = [v.getUint32(0), v.getUint32(4), 0];
  for (let cycle = 0; cycle < 32; cycle++) {
    v0 = (v0 + ((((v1 << 4) ^ (v1 >>> 5)) + v1) ^ (sum + k.getUint32(4 * (sum & 3))))) >>> 0;
    sum = (sum + 0x9e3779b9) >>> 0;
    v1 = (v1 + ((((v0 << 4) ^ (v0 >>> 5)) + v0) ^ (sum + k.getUint32(4 * ((sum >>> 11) & 3))))) >>> 0;
  }
  v.setUint32(0, v0);
  v.setUint32(4, v1);
  return new Uint8Array(v.buffer);
}
