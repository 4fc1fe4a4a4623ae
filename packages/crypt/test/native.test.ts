// The backend that calls OpenSSL by FFI: the suite in three kinds of memory, the bytes of packet by packet, hygiene, and what
// happens where it cannot run. It is an option of the machine, so the tests say so loudly where they are left out.

import { createCipheriv, createDecipheriv } from 'node:crypto';
import { createRequire } from 'node:module';
import { Arena, BATCH_CAPACITY, DROPPED, PacketBatch, type RandomSource } from '@kcptun/common';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type CryptMethod, createPacketCrypt } from '../src/index.ts';
import { createNodePacketCrypt, koffiPackage } from '../src/node/index.ts';
import { NativeBlockCipher, NativeGcm, NativeMemory, nativeCiphers, whyNotNative } from '../src/node/native/ffi.ts';
import { describeBackend, KEY, ONE_OF_A_KIND, openAll, payloads, sealAll, WITH_WASM, WITHOUT_MEMORY, WITHOUT_WASM } from './compliance.ts';

const reason = whyNotNative();
const METHODS: readonly CryptMethod[] = ['aes', 'aes-192', 'aes-128', 'aes-128-gcm'];
/** What kernels do faster, where they can run. */
const BY_KERNEL: readonly CryptMethod[] = ['sm4', '3des', 'blowfish', 'cast5'];
const failure = (code: string) => expect.objectContaining({ code: `KCPTUN_ERR_CRYPT_${code}` });

test('runs here', () => {
  if (reason === undefined) return expect(createNodePacketCrypt({ method: 'aes', key: KEY, native: true }).backend).toBe('openssl-ffi');
  console.warn(`\n*** the native backend is NOT TESTED: ${reason} ***\n`);
  return expect(process.platform === 'linux' && process.env['CI'] === 'true').toBe(false);
});

describe.skipIf(reason !== undefined)('native', () => {
  const create = (options: Parameters<typeof createPacketCrypt>[0]) => createNodePacketCrypt({ ...options, native: true });
  describeBackend({ name: 'native', create, memory: WITH_WASM });
  describeBackend({ name: 'native without shared memory', create, memory: WITHOUT_MEMORY, methods: ONE_OF_A_KIND });
  describeBackend({ name: 'native without WebAssembly', create, memory: WITHOUT_WASM, methods: [...METHODS, ...BY_KERNEL] });

  test.each([...METHODS, ...BY_KERNEL])('%s: the very bytes of the portable code, for every batch size and mixed lengths', (method) => {
    const memory = BY_KERNEL.includes(method) ? WITHOUT_WASM() : WITH_WASM();
    const random: RandomSource = (target) => target.fill(9);
    const native = create({ method, key: KEY, random, memory });
    const portable = createPacketCrypt({ method, key: KEY, random });
    expect(native.backend).toBe('openssl-ffi');
    for (let count = 1; count <= BATCH_CAPACITY; count++) {
      // Full packets, which go by rows from some batch size on, and every third time lengths all over the range.
      const lengths = Array.from({ length: count }, (_, at) => (count % 3 === 0 ? (at * 397 + count) % 1400 : 300 + ((at * 7) & 31)));
      const plain = payloads(lengths, count);
      const wires = sealAll(native, plain, count % 5 === 0 ? undefined : memory);
      const wanted = sealAll(portable, plain);
      expect(Buffer.compare(Buffer.concat(wires), Buffer.concat(wanted))).toBe(0);
      const opened = openAll(native, wires, count % 7 === 0 ? undefined : memory);
      expect(opened.refused).toBe(0);
      expect(Buffer.compare(Buffer.concat(opened.plain as Uint8Array[]), Buffer.concat(plain))).toBe(0);
    }
  });

  test('packets anywhere in the memory: out of order, with gaps of any size, side by side', () => {
    const memory = new Arena({ byteLength: 512 * 1024 });
    for (const method of METHODS) {
      const crypt = create({ method, key: KEY, random: (target) => target.fill(3), memory });
      const plain = payloads([900, 40, 0, 1400, 333, 332, 64, 5], 2);
      const wires = sealAll(crypt, plain);
      const batch = new PacketBatch(memory);
      const places = [40_000, 44, 60_000, 60_060, 42_000, 70_000, 70_396, 30_000];
      wires.forEach((wire, index) => {
        const at = batch.add(0, wire.length, 0);
        batch.offset[at] = batch.base + places[index]!;
        batch.bytes.set(wire, batch.offset[at]);
      });
      expect(crypt.open(batch)).toBe(0);
      plain.forEach((payload, index) => {
        expect(Buffer.compare(batch.packet(index), payload)).toBe(0);
      });
      batch.release();
      crypt.close();
    }
  });

  test('a refused packet shows nothing of its text', () => {
    const crypt = create({ method: 'aes-128-gcm', key: KEY, random: (target) => target.fill(1) });
    const batch = new PacketBatch();
    const wire = sealAll(crypt, payloads([200], 4))[0]!;
    wire[wire.length - 1]! ^= 1;
    const start = batch.offset[batch.addReceived(wire, 0)]!;
    expect(crypt.open(batch)).toBe(1);
    expect(batch.length[0]).toBe(DROPPED);
    expect(batch.bytes.subarray(start + 12, start + 212)).toEqual(new Uint8Array(200));
  });

  test('close frees every context and overwrites the memory', () => {
    const memory = WITH_WASM();
    const before = nativeCiphers();
    for (const method of METHODS) {
      const crypt = create({ method, key: KEY, random: (target) => target.fill(7), memory });
      expect(nativeCiphers()).toBe(before + 2);
      sealAll(crypt, payloads([1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000], 1), memory);
      openAll(crypt, sealAll(crypt, payloads([900], 1)), memory);
      const batch = new PacketBatch(memory);
      batch.bytes.fill(0, batch.base, batch.slot(64));
      batch.release();
      crypt.close();
      crypt.close();
      expect(nativeCiphers()).toBe(before);
      expect(memory.bytes.every((byte) => byte === 0)).toBe(true);
    }
  });

  test('ten thousand ciphers come and go without a leak', () => {
    const cycle = (count: number): number => {
      for (let at = 0; at < count; at++) {
        const gcm = new NativeGcm(KEY.subarray(0, 16));
        new NativeBlockCipher('AES-256-ECB', 'default', KEY).free();
        gcm.free();
        gcm.free();
      }
      return process.memoryUsage.rss();
    };
    const keep = new NativeGcm(KEY.subarray(0, 16));
    const first = cycle(5000);
    // Contexts left behind would be 4 KiB a cycle, 80 MiB; the collector's own coming and going has been 14 MiB.
    expect(cycle(20_000) - first).toBeLessThan(40 * 1024 * 1024);
    keep.free();
  });

  test('node:crypto is not disturbed', () => {
    const crypt = create({ method: 'aes-128-gcm', key: KEY, random: (target) => target.fill(1) });
    openAll(crypt, payloads([200, 300], 4));
    expect(() => new NativeBlockCipher('NO-SUCH-CIPHER', 'default', KEY)).toThrow(failure('NATIVE'));
    const cipher = createCipheriv('aes-256-cbc', KEY, KEY.subarray(0, 16));
    const sealed = Buffer.concat([cipher.update('text'), cipher.final()]);
    const decipher = createDecipheriv('aes-256-cbc', KEY, KEY.subarray(0, 16));
    expect(Buffer.concat([decipher.update(sealed), decipher.final()]).toString()).toBe('text');
    // What our context has loaded is not to be had in the default one.
    new NativeBlockCipher('BF-ECB', 'legacy', KEY).free();
    expect(() => createCipheriv('bf-ecb', KEY.subarray(0, 16), null)).toThrow('unsupported');
  });

  test('nothing outside of a memory can be addressed', () => {
    const cipher = new NativeBlockCipher('AES-256-ECB', 'default', KEY);
    const memory = new NativeMemory(new Uint8Array(64));
    for (const [from, to, length] of [
      [-16, 0, 16],
      [0, 64, 16],
      [56, 0, 16],
      [0, 0, 80],
      [0, 0, -16],
      [Number.NaN, 0, 16],
      [0, 0, Number.NaN],
    ] as const) {
      expect(() => cipher.update(memory, from, memory, to, length)).toThrow(RangeError);
    }
    expect(() => cipher.update(memory, 0, memory, 0, 15)).toThrow(failure('NATIVE'));
    expect(() => cipher.restart()).toThrow(failure('NATIVE'));
    structuredClone(memory.bytes, { transfer: [memory.bytes.buffer as ArrayBuffer] });
    expect(() => cipher.update(memory, 0, memory, 0, 16)).toThrow(RangeError);
    cipher.free();
    expect(() => cipher.update(new NativeMemory(new Uint8Array(16)), 0, new NativeMemory(new Uint8Array(16)), 0, 16)).toThrow(
      failure('NATIVE'),
    );
    const gcm = new NativeGcm(KEY.subarray(0, 16));
    const packets = new NativeMemory(new Uint8Array(64));
    expect(() => gcm.seal(packets, 40, 28)).toThrow(RangeError);
    expect(() => gcm.open(packets, 0, 27)).toThrow(RangeError);
    gcm.free();
    expect(() => gcm.seal(packets, 0, 28)).toThrow(failure('NATIVE'));
    expect(() => gcm.open(packets, 0, 28)).toThrow(failure('NATIVE'));
  });

  test('a cipher that this OpenSSL lacks', () => {
    expect(() => new NativeBlockCipher('NO-SUCH-CIPHER', 'default', KEY.subarray(0, 16))).toThrow(
      expect.objectContaining({ code: 'KCPTUN_ERR_CRYPT_NATIVE' }),
    );
  });

  test('keys and IVs of a wrong length', () => {
    const before = nativeCiphers();
    expect(() => new NativeBlockCipher('AES-256-ECB', 'default', KEY.subarray(0, 16))).toThrow(failure('NATIVE'));
    expect(() => new NativeBlockCipher('AES-256-ECB', 'default', new Uint8Array(33))).toThrow('key.length');
    expect(() => new NativeBlockCipher('AES-256-CBC', 'default', KEY, new Uint8Array(17))).toThrow('iv.length');
    expect(() => new NativeGcm(KEY)).toThrow('key must have 16 bytes');
    expect(nativeCiphers()).toBe(before);
  });
});

describe.skipIf(reason !== undefined)('where it cannot run, the next backend does, and the log can say why', () => {
  const require = createRequire(import.meta.url);
  const path = require.resolve(koffiPackage());
  const koffi = require(path) as { load(path: null): { func(...declaration: unknown[]): unknown } };
  const real = require.cache[path];

  beforeEach(() => {
    vi.stubEnv('KCPTUN_NO_NATIVE', undefined);
  });
  afterEach(() => {
    require.cache[path] = real;
    vi.unstubAllEnvs();
    vi.resetModules();
  });

  /** Creates a cipher in a fresh copy of the package that sees another `koffi`. */
  async function createWith(stub: object): Promise<ReturnType<typeof createNodePacketCrypt>> {
    require.cache[path] = { ...real, exports: stub } as NonNullable<typeof real>;
    vi.resetModules();
    const { createNodePacketCrypt: create } = await import('../src/node/index.ts');
    return create({ method: 'aes', key: KEY });
  }

  /** A `koffi` whose declarations go through `declare`. */
  function stubbed(declare: (name: string, bound: unknown) => unknown): object {
    const load = (): object => {
      const program = koffi.load(null);
      return { func: (name: string, ...rest: unknown[]) => declare(name, program.func(name, ...rest)) };
    };
    return { ...koffi, load };
  }

  test('switched off', async () => {
    vi.stubEnv('KCPTUN_NO_NATIVE', '1');
    const crypt = await createWith(koffi);
    expect([crypt.backend, crypt.selectionNotes]).toEqual(['node', ['openssl-ffi: switched off']]);
  });

  test('koffi does not load', async () => {
    const crypt = await createWith({
      load: () => {
        throw new Error('Cannot load FFI\nfor a long reason');
      },
    });
    expect([crypt.backend, crypt.selectionNotes]).toEqual(['node', ['openssl-ffi: Cannot load FFI']]);
  });

  test('a symbol is missing', async () => {
    const crypt = await createWith(
      stubbed((name, bound) => {
        if (name === 'OSSL_LIB_CTX_new') throw new Error(`Cannot find function '${name}'`);
        return bound;
      }),
    );
    expect([crypt.backend, crypt.selectionNotes]).toEqual(['node', ["openssl-ffi: Cannot find function 'OSSL_LIB_CTX_new'"]]);
  });

  test('the cipher is missing', async () => {
    const crypt = await createWith(stubbed((name, bound) => (name === 'EVP_CIPHER_fetch' ? () => 0 : bound)));
    expect([crypt.backend, crypt.selectionNotes]).toEqual(['node', ['openssl-ffi: this OpenSSL has no AES-256-ECB']]);
  });

  test('the library fails', async () => {
    for (const name of ['OSSL_LIB_CTX_new', 'OSSL_PROVIDER_load', 'EVP_CIPHER_CTX_new', 'EVP_EncryptInit_ex', 'EVP_EncryptUpdate']) {
      const crypt = await createWith(stubbed((symbol, bound) => (symbol === name ? () => 0 : bound)));
      expect(crypt.backend).toBe('node');
      expect(crypt.selectionNotes[0]).toMatch(/^openssl-ffi: .*OpenSSL/);
      crypt.close();
    }
  });

  test('everything that OpenSSL gave is given back', async () => {
    const held = new Map<string, number>();
    const pairs: Record<string, [string, number]> = {
      OSSL_LIB_CTX_new: ['library', 1],
      OSSL_LIB_CTX_free: ['library', -1],
      OSSL_PROVIDER_load: ['provider', 1],
      OSSL_PROVIDER_unload: ['provider', -1],
      EVP_CIPHER_fetch: ['cipher', 1],
      EVP_CIPHER_free: ['cipher', -1],
      EVP_CIPHER_CTX_new: ['context', 1],
      EVP_CIPHER_CTX_free: ['context', -1],
    };
    const counting = stubbed((name, bound) => {
      const pair = pairs[name];
      if (pair === undefined) return bound;
      return (...args: unknown[]) => {
        const result = (bound as (...args: unknown[]) => unknown)(...args);
        if (result !== 0) held.set(pair[0], (held.get(pair[0]) ?? 0) + pair[1]);
        return result;
      };
    });
    const crypt = await createWith(counting);
    expect(Object.fromEntries(held)).toEqual({ library: 1, provider: 1, cipher: 0, context: 2 });
    crypt.close();
    const { NativeBlockCipher: Fresh } = await import('../src/node/native/ffi.ts');
    new Fresh('CAST5-ECB', 'legacy', KEY.subarray(0, 16)).free();
    expect(() => new Fresh('AES-256-ECB', 'default', KEY.subarray(1))).toThrow('cannot use AES-256-ECB');
    expect(() => new Fresh('NO-SUCH-CIPHER', 'default', KEY)).toThrow('has no NO-SUCH-CIPHER');
    expect(Object.fromEntries(held)).toEqual({ library: 0, provider: 0, cipher: 0, context: 0 });
  });

  test('addresses are no numbers', async () => {
    const crypt = await createWith({ ...koffi, address: () => 2n ** 60n });
    expect([crypt.backend, crypt.selectionNotes.length]).toEqual(['node', 1]);
  });

  test('the bytes are wrong', async () => {
    const crypt = await createWith(
      stubbed((name, bound) =>
        name === 'EVP_CIPHER_CTX_set_key_length' ? () => 1 : name === 'EVP_CIPHER_fetch' ? cbcForEcb(bound) : bound,
      ),
    );
    expect([crypt.backend, crypt.selectionNotes]).toEqual(['node', ['openssl-ffi: failed its self-test']]);
  });

  function cbcForEcb(fetch: unknown): unknown {
    return (library: number, name: string, properties: null) =>
      (fetch as (library: number, name: string, properties: null) => number)(library, name.replace('ECB', 'CBC'), properties);
  }
});

test('the option wins over the environment', () => {
  vi.stubEnv('KCPTUN_NO_NATIVE', '1');
  expect(createNodePacketCrypt({ method: 'aes', key: KEY, native: true }).backend).toBe(reason === undefined ? 'openssl-ffi' : 'node');
  vi.unstubAllEnvs();
  expect(createNodePacketCrypt({ method: 'aes', key: KEY, native: false }).backend).toBe('node');
});
