// The one place where a backend is chosen: for each method the first of those measured to be faster than the portable code
// that can be made here and passes a test against it with the very key that will be used, else the portable code.

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
import { fillRandom } from './kernel-random.ts';
import { whyNotNative } from './native/ffi.ts';
import { NativeCfbTransform, type NativeCipher } from './native/native-cfb-transform.ts';
import { NativeGcmTransform } from './native/native-gcm-transform.ts';
import { OpensslCfbTransform, type OpensslCipher } from './openssl-cfb-transform.ts';
import { OpensslGcmTransform } from './openssl-gcm-transform.ts';

const OPENSSL_CIPHERS: Readonly<Partial<Record<CryptMethod, OpensslCipher>>> = {
  aes: { cfb: 'aes-256-cfb', ecb: 'aes-256-ecb', blockSize: 16, parallel: true },
  'aes-192': { cfb: 'aes-192-cfb', ecb: 'aes-192-ecb', blockSize: 16, parallel: true },
  'aes-128': { cfb: 'aes-128-cfb', ecb: 'aes-128-ecb', blockSize: 16, parallel: true },
  sm4: { cfb: 'sm4-cfb', ecb: 'sm4-ecb', blockSize: 16, parallel: false },
  '3des': { cfb: 'des-ede3-cfb', ecb: 'des-ede3', blockSize: 8, parallel: false },
};

const NATIVE_CIPHERS: Readonly<Partial<Record<CryptMethod, NativeCipher>>> = {
  aes: { ecb: 'AES-256-ECB', cbc: 'AES-256-CBC', provider: 'default', blockSize: 16, parallel: true },
  'aes-192': { ecb: 'AES-192-ECB', cbc: 'AES-192-CBC', provider: 'default', blockSize: 16, parallel: true },
  'aes-128': { ecb: 'AES-128-ECB', cbc: 'AES-128-CBC', provider: 'default', blockSize: 16, parallel: true },
  sm4: { ecb: 'SM4-ECB', cbc: 'SM4-CBC', provider: 'default', blockSize: 16, parallel: false },
  '3des': { ecb: 'DES-EDE3-ECB', cbc: 'DES-EDE3-CBC', provider: 'default', blockSize: 8, parallel: false },
  blowfish: { ecb: 'BF-ECB', cbc: 'BF-CBC', provider: 'legacy', blockSize: 8, parallel: false },
  cast5: { ecb: 'CAST5-ECB', cbc: 'CAST5-CBC', provider: 'legacy', blockSize: 8, parallel: false },
};

const TEST_PAYLOAD = 77;
const TEST_AT = 64;

/** Options of {@link createNodePacketCrypt}. */
export interface NodePacketCryptOptions extends Omit<PacketCryptOptions, 'random'> {
  /** Source of nonces; default: the system's generator. */
  readonly random?: RandomSource;
  /** Whether OpenSSL may be called by FFI, where the optional package `koffi` is installed; default yes unless the environment says KCPTUN_NO_NATIVE=1. */
  readonly native?: boolean;
}

/**
 * Makes the fastest packet cipher of this machine. On the wire it is the same as that of `createPacketCrypt`.
 * @param options - method, derived key; the environment variables KCPTUN_NO_NATIVE=1 and KCPTUN_NO_WASM=1 rule out FFI and kernels
 * @throws {TypeError} when `key` is no Uint8Array
 * @throws {RangeError} when `key` has not 32 bytes or `method` is unknown
 */
export function createNodePacketCrypt(options: NodePacketCryptOptions): PacketCrypt {
  const { method, key } = options;
  const random = options.random ?? fillRandom;
  checkBytes(key, 'key', KEY_SIZE);
  keySizeOf(method);
  if (method === 'null') return new NullPacketCrypt();
  const kernel = process.env['KCPTUN_NO_WASM'] === '1' ? undefined : CryptKernel.create(options.memory);
  const native = options.native ?? process.env['KCPTUN_NO_NATIVE'] !== '1';
  const notes: string[] = [];
  const transform = fastest(method, key, kernel, random, native, notes);
  return method === 'aes-128-gcm'
    ? new TagPacketCrypt(method, transform, kernel, random, notes)
    : new CrcPacketCrypt(method, transform, kernel, nodeCrc32(), random, notes);
}

/** The first backend of the method's order that works here, and in `notes` why those before it do not. */
function fastest(
  method: Exclude<CryptMethod, 'null'>,
  pass: Uint8Array,
  kernel: CryptKernel | undefined,
  random: RandomSource,
  native: boolean,
  notes: string[],
): PacketTransform {
  const portable = createPortableTransform(method, pass, kernel);
  for (const { name, make } of candidates(method, kernel, random)) {
    const reason = name === 'openssl-ffi' ? (native ? whyNotNative() : 'switched off') : undefined;
    if (reason !== undefined) {
      notes.push(`${name}: ${reason}`);
      continue;
    }
    const key = pass.slice(0, keySizeOf(method));
    try {
      const transform = make(key);
      if (agree(method, transform, portable)) {
        portable.wipe();
        return transform;
      }
      transform.wipe();
      notes.push(`${name}: failed its self-test`);
    } catch (error) {
      // This OpenSSL lacks the cipher (left out, moved to the legacy provider, or forbidden by FIPS mode), or memory is full.
      notes.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      key.fill(0);
    }
  }
  return portable;
}

interface Candidate {
  readonly name: 'openssl-ffi' | 'node';
  readonly make: (key: Uint8Array) => PacketTransform;
}

/** Ciphers whose kernels seal and open a batch in two thirds of OpenSSL's time: it runs one block after the other, they several at once. */
const FASTER_BY_KERNEL: ReadonlySet<CryptMethod> = new Set<CryptMethod>(['sm4', '3des', 'blowfish', 'cast5']);

/**
 * What is faster than the portable code, best first. CPU time of a 1350-byte datagram in batches of 48, sealing / opening, as a part of
 * that of node's: openssl-ffi 0.4 / 0.6 for aes, 0.2 / 0.2 for aes-128-gcm (alone in its batch: 0.5 / 0.35 and 0.2 / 0.2); portable 6 to 15.
 */
function candidates(method: CryptMethod, kernel: CryptKernel | undefined, random: RandomSource): Candidate[] {
  if (method === 'aes-128-gcm') {
    const make = (key: Uint8Array): PacketTransform =>
      kernel !== undefined && cipherObjectsAreSlow() ? new GcmBatchTransform(kernel, key) : new OpensslGcmTransform(key);
    return [
      { name: 'openssl-ffi', make: (key) => new NativeGcmTransform(key) },
      { name: 'node', make },
    ];
  }
  if (kernel !== undefined && FASTER_BY_KERNEL.has(method)) return [];
  const found: Candidate[] = [];
  const native = NATIVE_CIPHERS[method];
  if (native !== undefined) found.push({ name: 'openssl-ffi', make: (key) => new NativeCfbTransform(native, key, kernel) });
  const cipher = OPENSSL_CIPHERS[method];
  if (cipher !== undefined) found.push({ name: 'node', make: (key) => new OpensslCfbTransform(cipher, key, kernel, random) });
  return found;
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
