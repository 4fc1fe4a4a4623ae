// What the tests of the block ciphers share: the list of ciphers, and a single block through the CFB interface.

import { blowfish, type CfbCipher, cast5, sm4, type TableCipher, tea, tripleDes, twofish, xtea } from '../src/block/index.ts';

/** Each cipher: the name on the command line, its factory, kcptun's key length and OpenSSL's name where it has one. */
export const BLOCK_CIPHERS: readonly { name: string; make: (key: Uint8Array) => TableCipher; keyLength: number; openssl?: string }[] = [
  { name: 'blowfish', make: blowfish, keyLength: 32 },
  { name: 'twofish', make: twofish, keyLength: 32 },
  { name: 'cast5', make: cast5, keyLength: 16 },
  { name: '3des', make: tripleDes, keyLength: 24, openssl: 'des-ede3-cfb' },
  { name: 'tea', make: tea, keyLength: 16 },
  { name: 'xtea', make: xtea, keyLength: 16 },
  { name: 'sm4', make: sm4, keyLength: 16, openssl: 'sm4-cfb' },
];

/** The constant IV (PROTOCOL crypt §4). */
export const IV = fromHex('a7734f9c12ac1b01a415f2c1fc78e66b');

/** E(block), `times` over: in CFB a block of zeros encrypts to E(previous ciphertext), and E(IV) leads in. */
export function encryptBlock(cipher: CfbCipher, block: Uint8Array, times = 1): Uint8Array {
  const size = cipher.blockSize;
  const chain = new Uint8Array((times + 1) * size);
  cipher.encrypt(chain, 0, size);
  for (let i = 0; i < size; i++) chain[i]! ^= block[i]!;
  cipher.encrypt(chain, 0, chain.length);
  return chain.slice(times * size);
}

export function fromHex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
