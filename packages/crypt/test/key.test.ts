// Key derivation and the names of the methods.

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import vectors from '../../testkit/vectors/pbkdf2.json' with { type: 'json' };
import { CRYPT_METHODS, createPacketCrypt, deriveKey, resolveCryptMethod } from '../src/index.ts';
import { deriveXorTable } from '../src/key.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

describe('key derivation', () => {
  test.each(vectors.vectors)('$passphrase', (vector) => {
    const key = deriveKey(vector.passphrase);
    expect(hex(key)).toBe(vector.key32);
    const table = deriveXorTable(key);
    expect(hex(table.subarray(0, 64))).toBe(vector.xor_table_first64);
    expect(createHash('sha1').update(table).digest('hex')).toBe(vector.xor_table_sha1);
  });

  test('the whole xor table', () => {
    expect(hex(deriveXorTable(deriveKey(vectors.xor_table_full.passphrase)))).toBe(vectors.xor_table_full.hex);
  });

  test('a wrong key is named', () => {
    expect(() => deriveXorTable(new Uint8Array(31))).toThrow('key must have 32 bytes');
  });
});

describe('methods', () => {
  test('unknown names mean aes', () => {
    for (const method of CRYPT_METHODS) expect(resolveCryptMethod(method)).toBe(method);
    for (const name of ['', 'AES', 'toString', '__proto__', 'aes-256']) expect(resolveCryptMethod(name)).toBe('aes');
  });

  test('there are fifteen', () => {
    expect(new Set(CRYPT_METHODS).size).toBe(15);
    expect(Object.isFrozen(CRYPT_METHODS)).toBe(true);
  });

  test('mistakes of the program are named', () => {
    const random = (): void => {};
    expect(() => createPacketCrypt({ method: 'AES' as 'aes', key: new Uint8Array(32), random })).toThrow(RangeError);
    expect(() => createPacketCrypt({ method: 'aes', key: new Uint8Array(16), random })).toThrow('key must have 32 bytes');
    expect(() => createPacketCrypt({ method: 'aes', key: 'secret' as unknown as Uint8Array, random })).toThrow(TypeError);
  });
});
