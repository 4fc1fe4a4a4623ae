// What an unmodified peer does with one datagram, written without the code under test where another implementation exists:
// OpenSSL for aes, 3des, sm4 and gcm, @noble for salsa20, node's PBKDF2 for xor; the portable block ciphers (which have
// tests of their own against published vectors) for the rest.

import { createDecipheriv, pbkdf2Sync } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { salsa20 } from '@noble/ciphers/salsa.js';
import { blowfish, cast5, tea, twofish, xtea } from '../src/block/index.ts';
import type { CryptMethod } from '../src/index.ts';

const IV = Buffer.from('a7734f9c12ac1b01a415f2c1fc78e66b', 'hex');

function decrypt(method: CryptMethod, key: Uint8Array, wire: Uint8Array): Uint8Array {
  const plain = Uint8Array.from(wire);
  switch (method) {
    case 'aes':
      return createDecipheriv('aes-256-cfb', key, IV).update(wire);
    case 'aes-192':
      return createDecipheriv('aes-192-cfb', key.subarray(0, 24), IV).update(wire);
    case 'aes-128':
      return createDecipheriv('aes-128-cfb', key.subarray(0, 16), IV).update(wire);
    case '3des':
      return createDecipheriv('des-ede3-cfb', key.subarray(0, 24), IV.subarray(0, 8)).update(wire);
    case 'sm4':
      return createDecipheriv('sm4-cfb', key.subarray(0, 16), IV).update(wire);
    case 'blowfish':
      blowfish(key).decrypt(plain, 0, plain.length);
      return plain;
    case 'twofish':
      twofish(key).decrypt(plain, 0, plain.length);
      return plain;
    case 'cast5':
      cast5(key.subarray(0, 16)).decrypt(plain, 0, plain.length);
      return plain;
    case 'tea':
      tea(key.subarray(0, 16)).decrypt(plain, 0, plain.length);
      return plain;
    case 'xtea':
      xtea(key.subarray(0, 16)).decrypt(plain, 0, plain.length);
      return plain;
    case 'salsa20':
      plain.set(salsa20(key, plain.slice(0, 8), plain.slice(8)), 8);
      return plain;
    case 'xor': {
      const table = pbkdf2Sync(key, 'sH3CIVoF#rWLtJo6', 32, 1500, 'sha1');
      return plain.map((byte, index) => byte ^ table[index]!);
    }
    default:
      return plain;
  }
}

/** The payload of a datagram as an unmodified peer reads it, `undefined` when it refuses it. */
export function referenceOpen(method: CryptMethod, key: Uint8Array, wire: Uint8Array): Uint8Array | undefined {
  if (method === 'null') return wire;
  if (method === 'aes-128-gcm') {
    const decipher = createDecipheriv('aes-128-gcm', key.subarray(0, 16), wire.subarray(0, 12), { authTagLength: 16 });
    decipher.setAuthTag(wire.subarray(wire.length - 16));
    const plain = decipher.update(wire.subarray(12, wire.length - 16));
    try {
      decipher.final();
      return plain;
    } catch {
      return undefined;
    }
  }
  const plain = Buffer.from(decrypt(method, key, wire));
  return plain.readUInt32LE(16) === crc32(plain.subarray(20)) ? plain.subarray(20) : undefined;
}
