// The one place where a backend is chosen: for each method OpenSSL where this Node has it and where it passes a test
// against the portable code with the very key that will be used, else the portable code.

import { randomFillSync } from 'node:crypto';
import * as zlib from 'node:zlib';
import { checkBytes, PacketBatch, type RandomSource } from '@kcptun/common';
import { type Crc32, crc32 } from '../crc32.ts';
import { CRC_HEADER_SIZE, CrcPacketCrypt, NullPacketCrypt, TAG_NONCE_SIZE, TAG_SIZE, TagPacketCrypt } from '../framing.ts';
import { CryptKernel } from '../kernel.ts';
import { KEY_SIZE } from '../key.ts';
import { type CryptMethod, keySizeOf } from '../methods.ts';
import type { PacketCrypt, PacketCryptOptions, PacketTransform } from '../packet-crypt.ts';
import { createPortableTransform } from '../portable/transform.ts';
import { GcmBatchTransform } from './gcm-batch-transform.ts';
import { OpensslCfbTransform, type OpensslCipher } from './openssl-cfb-transform.ts';
import { OpensslGcmTransform } from './openssl-gcm-transform.ts';

const OPENSSL_CIPHERS: Readonly<Partial<Record<CryptMethod, OpensslCipher>>> = {
  aes: { cfb: 'aes-256-cfb', ecb: 'aes-256-ecb', blockSize: 16, parallel: true },
  'aes-192': { cfb: 'aes-192-cfb', ecb: 'aes-192-ecb', blockSize: 16, parallel: true },
  'aes-128': { cfb: 'aes-128-cfb', ecb: 'aes-128-ecb', blockSize: 16, parallel: true },
  sm4: { cfb: 'sm4-cfb', ecb: 'sm4-ecb', blockSize: 16, parallel: false },
  '3des': { cfb: 'des-ede3-cfb', ecb: 'des-ede3', blockSize: 8, parallel: false },
};

const TEST_PAYLOAD = 77;
const TEST_AT = 64;

/** Options of {@link createNodePacketCrypt}; `random` defaults to the system's generator. */
export type NodePacketCryptOptions = Omit<PacketCryptOptions, 'random'> & Partial<Pick<PacketCryptOptions, 'random'>>;

/**
 * Makes the fastest packet cipher of this machine from public Node APIs. On the wire it is the same as that of `createPacketCrypt`.
 * @param options - method, derived key; `random` defaults to the system's generator
 * @throws {TypeError} when `key` is no Uint8Array
 * @throws {RangeError} when `key` has not 32 bytes or `method` is unknown
 */
export function createNodePacketCrypt(options: NodePacketCryptOptions): PacketCrypt {
  const { method, key } = options;
  const random = options.random ?? randomFillSync;
  checkBytes(key, 'key', KEY_SIZE);
  keySizeOf(method);
  if (method === 'null') return new NullPacketCrypt();
  const tagged = method === 'aes-128-gcm';
  const kernel = CryptKernel.create(options.memory);
  const portable = createPortableTransform(method, key, kernel);
  const openssl = tryOpenssl(method, key, kernel, random);
  const usable = openssl !== undefined && agree(method, openssl, portable);
  if (usable) portable.wipe();
  else openssl?.wipe();
  const transform = usable ? openssl : portable;
  return tagged
    ? new TagPacketCrypt(method, transform, kernel, random)
    : new CrcPacketCrypt(method, transform, kernel, nodeCrc32(), random);
}

/** `zlib.crc32` where this Node has it (20.15, 22.2), else the portable one. */
function nodeCrc32(): Crc32 {
  const native = zlib.crc32 as typeof zlib.crc32 | undefined;
  if (native === undefined) return crc32;
  return (bytes, offset, length) => native(bytes.subarray(offset, offset + length));
}

/** From OpenSSL 3.5 on (Node 24) making a cipher object costs several times what a packet's own work does; before, less than GHASH in a kernel. */
function cipherObjectsAreSlow(): boolean {
  const [major = 0, minor = 0] = process.versions.openssl.split('.').map(Number);
  return major > 3 || (major === 3 && minor >= 5);
}

function tryOpenssl(
  method: CryptMethod,
  pass: Uint8Array,
  kernel: CryptKernel | undefined,
  random: RandomSource,
): PacketTransform | undefined {
  const key = pass.slice(0, keySizeOf(method));
  try {
    if (method === 'aes-128-gcm') {
      return kernel !== undefined && cipherObjectsAreSlow() ? new GcmBatchTransform(kernel, key) : new OpensslGcmTransform(key);
    }
    const cipher = OPENSSL_CIPHERS[method];
    return cipher === undefined ? undefined : new OpensslCfbTransform(cipher, key, kernel, random);
  } catch {
    // This OpenSSL lacks the cipher (left out, moved to the legacy provider, or forbidden by FIPS mode).
    return undefined;
  } finally {
    key.fill(0);
  }
}

/** Whether two transforms read each other's packets. */
function agree(method: CryptMethod, one: PacketTransform, other: PacketTransform): boolean {
  try {
    return reads(method, one, other) && reads(method, other, one);
  } catch {
    return false;
  }
}

function reads(method: CryptMethod, writer: PacketTransform, reader: PacketTransform): boolean {
  const tagged = method === 'aes-128-gcm';
  const header = tagged ? TAG_NONCE_SIZE : CRC_HEADER_SIZE;
  const batch = new PacketBatch();
  for (let size = 0; size < TEST_PAYLOAD; size += 19) {
    const index = batch.add(TEST_AT, header + size + (tagged ? TAG_SIZE : 0), 0);
    for (let at = 0; at < header + size; at++) batch.packet(index)[at] = at + size;
  }
  writer.encrypt(batch, 0);
  if (reader.decrypt(batch) !== 0) return false;
  for (let index = 0; index < batch.count; index++) {
    const size = index * 19;
    const plain = batch.packet(index);
    for (let at = tagged ? header : 16; at < header + size; at++) {
      if (plain[at] !== ((at + size) & 0xff)) return false;
    }
  }
  return true;
}
