// The backend of public Node APIs: the suite in three kinds of memory, and how it is chosen.

import { randomFillSync } from 'node:crypto';
import type { RandomSource } from '@kcptun/common';
import { describe, expect, test, vi } from 'vitest';
import { TagPacketCrypt } from '../src/framing.ts';
import { CRYPT_METHODS, createPacketCrypt, deriveKey, type PacketCrypt, type PacketCryptOptions } from '../src/index.ts';
import { CryptKernel } from '../src/kernel.ts';
import { GcmBatchTransform } from '../src/node/gcm-batch-transform.ts';
import { createNodePacketCrypt, deriveKeyAsync } from '../src/node/index.ts';
import { OpensslGcmTransform } from '../src/node/openssl-gcm-transform.ts';
import { describeBackend, KEY, ONE_OF_A_KIND, openAll, payloads, sealAll, WITH_WASM, WITHOUT_MEMORY, WITHOUT_WASM } from './compliance.ts';

const create = (options: PacketCryptOptions): PacketCrypt => createNodePacketCrypt({ ...options, native: false });
describeBackend({ name: 'node', create, memory: WITH_WASM });
describeBackend({ name: 'node without shared memory', create, memory: WITHOUT_MEMORY, methods: ONE_OF_A_KIND });
describeBackend({ name: 'node without WebAssembly', create, memory: WITHOUT_WASM, methods: [...ONE_OF_A_KIND, 'sm4'] });

// Which of the two is chosen depends on the OpenSSL of this Node; both are tested everywhere.
describeBackend({
  name: 'GCM by batches',
  create: ({ key, random, memory }) => {
    const kernel = CryptKernel.create(memory)!;
    return new TagPacketCrypt('aes-128-gcm', new GcmBatchTransform(kernel, key.subarray(0, 16)), kernel, random);
  },
  memory: WITH_WASM,
  methods: ['aes-128-gcm'],
});
describeBackend({
  name: 'GCM by cipher objects',
  create: ({ key, random }) => new TagPacketCrypt('aes-128-gcm', new OpensslGcmTransform(key.subarray(0, 16)), undefined, random),
  memory: WITHOUT_MEMORY,
  methods: ['aes-128-gcm'],
});

describe('selection', () => {
  test('OpenSSL does what it does faster', () => {
    for (const method of ['aes', 'aes-128', 'aes-192', 'aes-128-gcm'] as const) {
      expect(create({ method, key: KEY, random: randomFillSync }).backend).toBe('node');
    }
    for (const method of ['3des', 'sm4'] as const) {
      expect(create({ method, key: KEY, random: randomFillSync, memory: WITHOUT_WASM() }).backend).toBe('node');
    }
  });

  test('large batches of long packets are the very bytes of packet by packet', () => {
    vi.stubEnv('KCPTUN_NO_WASM', undefined);
    const memory = WITH_WASM();
    const lengths = Array.from({ length: 64 }, (_, at) => 1400 - 3 * at);
    const plain = payloads(lengths, 6);
    // The same nonce for all packets: the backends take random bytes in a different order.
    const random: RandomSource = (target) => target.fill(9);
    for (const method of ['aes', 'aes-192', 'aes-128'] as const) {
      const wires = sealAll(createNodePacketCrypt({ method, key: KEY, random, memory, native: false }), plain, memory);
      const wanted = sealAll(createPacketCrypt({ method, key: KEY, random }), plain);
      expect(Buffer.compare(Buffer.concat(wires), Buffer.concat(wanted))).toBe(0);
    }
    vi.unstubAllEnvs();
  });

  test('nonces come from the system when no source is given', () => {
    for (const method of CRYPT_METHODS) {
      const crypt = createNodePacketCrypt({ method, key: KEY });
      const [one, two] = sealAll(crypt, [KEY, KEY]);
      expect(Buffer.compare(one!, two!) === 0).toBe(method === 'null');
      expect(openAll(crypt, [one!, two!]).plain).toEqual([KEY, KEY]);
    }
  });

  test('checks its arguments', () => {
    expect(() => createNodePacketCrypt({ method: 'aes', key: KEY.subarray(1) })).toThrow(RangeError);
    expect(() => createNodePacketCrypt({ method: 'rot13' as 'aes', key: KEY })).toThrow('method must be one of');
  });
});

test('the key derived in the thread pool is the same', async () => {
  expect(await deriveKeyAsync('PASSWORD-你好')).toEqual(deriveKey('PASSWORD-你好'));
});
