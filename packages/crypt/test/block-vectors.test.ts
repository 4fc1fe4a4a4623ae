// Published test vectors of each block cipher, then kcptun's own, byte for byte.

import { describe, expect, test } from 'vitest';
import vectors from '../../testkit/vectors/crypt.json' with { type: 'json' };
import { blowfish, cast5, sm4, tripleDes, twofish, xtea } from '../src/block/index.ts';
import { PI_WORDS } from '../src/block/tables/pi.ts';
import { BLOCK_CIPHERS, encryptBlock, fromHex, toHex } from './block-ciphers.ts';

describe('published vectors', () => {
  // Eric Young's set, as published by Bruce Schneier.
  test.each([
    ['0000000000000000', '0000000000000000', '4ef997456198dd78'],
    ['ffffffffffffffff', 'ffffffffffffffff', '51866fd5b85ecb8a'],
    ['3000000000000000', '1000000000000001', '7d856f9a613063f2'],
    ['1111111111111111', '1111111111111111', '2466dd878b963c9d'],
    ['0123456789abcdef', '1111111111111111', '61f9c3802281b096'],
    ['1111111111111111', '0123456789abcdef', '7d0cc630afda1ec7'],
    ['fedcba9876543210', '0123456789abcdef', '0aceab0fc6a0a28d'],
    ['7ca110454a1a6e57', '01a1d6d039776742', '59c68245eb05282b'],
  ])('blowfish, key %s, block %s', (key, block, expected) => {
    expect(toHex(encryptBlock(blowfish(fromHex(key)), fromHex(block)))).toBe(expected);
  });

  test('cast5: RFC 2144 appendix B.1', () => {
    const cipher = cast5(fromHex('0123456712345678234567893456789a'));
    expect(toHex(encryptBlock(cipher, fromHex('0123456789abcdef')))).toBe('238b4fe5847e44b2');
  });

  test('cast5: the maintenance test of RFC 2144 appendix B.2, its first 2000 rounds', () => {
    // After 1,000,000 rounds (too long for here) the same code ends at the published values
    // a = eea9d0a249fd3ba6b3436fb89d6dca92, b = b2c95eb00c31ad7180ac05b8e83d696e.
    let a = fromHex('0123456712345678234567893456789a');
    let b = a;
    for (let i = 0; i < 2000; i++) {
      a = encryptHalves(a, b);
      b = encryptHalves(b, a);
    }
    expect([toHex(a), toHex(b)]).toEqual(['a3e9dfede0208eeefd6d444f196742b9', 'c116052f9e6398e2de272820e041f4d9']);
  });

  test('twofish: the 256-bit example of the paper', () => {
    const key = fromHex('0123456789abcdeffedcba987654321000112233445566778899aabbccddeeff');
    expect(toHex(encryptBlock(twofish(key), new Uint8Array(16)))).toBe('37527be0052334b89f0cfccae87cfa20');
  });

  test('twofish: the iterated 256-bit test of the paper', () => {
    // Each plaintext is the last ciphertext, each key the last ciphertext but one in front of the last key's first half.
    const ciphertexts: string[] = [];
    let key = new Uint8Array(32);
    let block = new Uint8Array(16);
    for (let i = 0; i < 49; i++) {
      const next = new Uint8Array(encryptBlock(twofish(key), block));
      key = Uint8Array.of(...block, ...key.subarray(0, 16));
      block = next;
      ciphertexts.push(toHex(next));
    }
    expect(ciphertexts.slice(0, 3)).toEqual([
      '57ff739d4dc92c1bd7fc01700cc8216f',
      'd43bb7556ea32e46f2a282b7d45b4e0d',
      '90afe91bb288544f2c32dc239b2635e6',
    ]);
    expect(ciphertexts[48]).toBe('37fe26ff1cf66175f5ddf4c33b97a205');
  });

  // With three equal keys EDE is single DES: NIST SP 500-20 and FIPS 81.
  test.each([
    ['0101010101010101', '8000000000000000', '95f8a5e5dd31d900'],
    ['0101010101010101', '4000000000000000', 'dd7f121ca5015619'],
    ['0101010101010101', '2000000000000000', '2e8653104f3834ea'],
    ['133457799bbcdff1', '0123456789abcdef', '85e813540f0ab405'],
    ['0123456789abcdef', '4e6f772069732074', '3fa40e8a984d4815'],
  ])('des, key %s, block %s', (key, block, expected) => {
    expect(toHex(encryptBlock(tripleDes(fromHex(key.repeat(3))), fromHex(block)))).toBe(expected);
  });

  test.each([
    ['5468652071756663', 'a826fd8ce53b855f'],
    ['6b2062726f776e20', 'cce21c8112256fe6'],
    ['666f78206a756d70', '68d5c05dd9b6b900'],
  ])('3des, block %s of NIST SP 800-67', (block, expected) => {
    const cipher = tripleDes(fromHex('0123456789abcdef 23456789abcdef01 456789abcdef0123'));
    expect(toHex(encryptBlock(cipher, fromHex(block)))).toBe(expected);
  });

  test.each([
    ['000102030405060708090a0b0c0d0e0f', '4142434445464748', '497df3d072612cb5'],
    ['000102030405060708090a0b0c0d0e0f', '4141414141414141', 'e78f2d13744341d8'],
    ['000102030405060708090a0b0c0d0e0f', '5a5b6e278948d77f', '4141414141414141'],
    ['00000000000000000000000000000000', '4142434445464748', 'a0390589f8b8efa5'],
    ['00000000000000000000000000000000', '4141414141414141', 'ed23375a821a8c2d'],
  ])('xtea, key %s, block %s', (key, block, expected) => {
    expect(toHex(encryptBlock(xtea(fromHex(key)), fromHex(block)))).toBe(expected);
  });

  test('sm4: both examples of GB/T 32907, once and a million times', () => {
    const start = fromHex('0123456789abcdeffedcba9876543210');
    const cipher = sm4(start);
    expect(toHex(encryptBlock(cipher, start))).toBe('681edf34d206965e86b3e94f536e4246');
    let block = start;
    for (let i = 0; i < 100; i++) block = encryptBlock(cipher, block, 10_000);
    expect(toHex(block)).toBe('595298c7c6fd271f0402f804c33d3f66');
  });
});

test("blowfish's table is the fraction of pi", () => {
  expect(PI_WORDS.replaceAll('\n', '')).toBe(fractionOfPi(1042 * 32));
});

describe.each(BLOCK_CIPHERS)('kcptun vectors of $name', ({ name, make }) => {
  const sets = vectors.ciphers.filter((set) => set.crypt === name);

  test('there are two keys', () => {
    expect(sets).toHaveLength(2);
  });

  test.each(sets)('key of $passphrase', ({ cipher_key, raw_encrypt, vectors: packets }) => {
    const cipher = make(fromHex(cipher_key));
    const pairs = [...(raw_encrypt ?? []).map((raw) => [raw.in, raw.out]), ...packets.map((packet) => [packet.plain_packet, packet.wire])];
    expect(pairs.length).toBeGreaterThanOrEqual(2);
    for (const [plain, wire] of pairs) {
      const bytes = fromHex(plain!);
      cipher.encrypt(bytes, 0, bytes.length);
      expect(toHex(bytes)).toBe(wire);
      cipher.decrypt(bytes, 0, bytes.length);
      expect(toHex(bytes)).toBe(plain);
    }
  });
});

function encryptHalves(block: Uint8Array, key: Uint8Array): Uint8Array {
  const cipher = cast5(key);
  return Uint8Array.of(...encryptBlock(cipher, block.subarray(0, 8)), ...encryptBlock(cipher, block.subarray(8)));
}

/** The first `bits` bits behind the point of pi as hexadecimal text, by Machin's formula with 64 bits to spare. */
function fractionOfPi(bits: number): string {
  const one = 1n << BigInt(bits + 64);
  const pi = 4n * (4n * arctanOfInverse(5n, one) - arctanOfInverse(239n, one));
  return ((pi % one) >> 64n).toString(16).padStart(bits / 4, '0');
}

function arctanOfInverse(x: bigint, one: bigint): bigint {
  let term = one / x;
  let sum = term;
  for (let n = 3n; term !== 0n; n += 2n) {
    term /= -x * x;
    sum += term / n;
  }
  return sum;
}
