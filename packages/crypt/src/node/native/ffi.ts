// OpenSSL of the running Node through the FFI of `koffi`: the only file of this package that knows addresses. What others pass are
// offsets into a `NativeMemory`; each is checked against the memory as it is at that moment, so no caller can make OpenSSL
// read or write anywhere else. Every addressed buffer is held by an object that outlives its use: an address keeps nothing alive.
// Ciphers come from a library context of our own: the default one belongs to the application that this code is a part of.
// It is made for the first cipher and freed with the last one. OpenSSL's error queue is left as it was found.

import { getFips } from 'node:crypto';
import { checkBytes, checkInteger } from '@kcptun/common';
import { CryptError } from '../../errors.ts';
import { type CFunction, type Koffi, koffiPackage, loadKoffi } from './koffi.ts';

/** A number that C takes for a pointer, as wide as one here; 0 is NULL. */
const POINTER = 'uintptr_t';
/** Control codes and sizes of OpenSSL's evp.h. */
const CTRL_GET_TAG = 0x10;
const CTRL_SET_TAG = 0x11;
const TAG_SIZE = 16;
const NONCE_SIZE = 12;
const MAX_KEY_SIZE = 32;
const MAX_IV_SIZE = 16;

interface Bound {
  readonly koffi: Koffi;
  readonly newLibrary: CFunction;
  readonly freeLibrary: CFunction;
  readonly loadProvider: CFunction;
  readonly unloadProvider: CFunction;
  readonly fetchCipher: CFunction;
  readonly freeCipher: CFunction;
  readonly newContext: CFunction;
  readonly freeContext: CFunction;
  readonly setKeyLength: CFunction;
  readonly setPadding: CFunction;
  readonly control: CFunction;
  readonly encryptInit: CFunction;
  readonly encryptUpdate: CFunction;
  readonly encryptFinal: CFunction;
  readonly decryptInit: CFunction;
  readonly decryptUpdate: CFunction;
  readonly decryptFinal: CFunction;
  readonly markErrors: CFunction;
  readonly dropErrors: CFunction;
}

/** Our library context and its providers, while there are ciphers. */
interface Library {
  readonly address: number;
  readonly providers: Map<Provider, number>;
  ciphers: number;
}

/** Where OpenSSL keeps an algorithm; ciphers that are out of fashion are in `legacy`. */
export type Provider = 'default' | 'legacy';

let bound: Bound | undefined;
let library: Library | undefined;

/** Binds OpenSSL's functions, once a thread. Throws with the reason where that is impossible. */
function bind(): Bound {
  if (bound !== undefined) return bound;
  const koffi = loadKoffi();
  const program = koffi.load(null);
  const declare = (name: string, result: string, ...parameters: string[]): CFunction => program.func(name, result, parameters);
  const init = [POINTER, POINTER, POINTER, POINTER, POINTER];
  const update = [POINTER, POINTER, POINTER, POINTER, 'int'];
  bound = {
    koffi,
    newLibrary: declare('OSSL_LIB_CTX_new', POINTER),
    freeLibrary: declare('OSSL_LIB_CTX_free', 'void', POINTER),
    loadProvider: declare('OSSL_PROVIDER_load', POINTER, POINTER, 'str'),
    unloadProvider: declare('OSSL_PROVIDER_unload', 'int', POINTER),
    fetchCipher: declare('EVP_CIPHER_fetch', POINTER, POINTER, 'str', 'str'),
    freeCipher: declare('EVP_CIPHER_free', 'void', POINTER),
    newContext: declare('EVP_CIPHER_CTX_new', POINTER),
    freeContext: declare('EVP_CIPHER_CTX_free', 'void', POINTER),
    setKeyLength: declare('EVP_CIPHER_CTX_set_key_length', 'int', POINTER, 'int'),
    setPadding: declare('EVP_CIPHER_CTX_set_padding', 'int', POINTER, 'int'),
    control: declare('EVP_CIPHER_CTX_ctrl', 'int', POINTER, 'int', 'int', POINTER),
    encryptInit: declare('EVP_EncryptInit_ex', 'int', ...init),
    encryptUpdate: declare('EVP_EncryptUpdate', 'int', ...update),
    encryptFinal: declare('EVP_EncryptFinal_ex', 'int', POINTER, POINTER, POINTER),
    decryptInit: declare('EVP_DecryptInit_ex', 'int', ...init),
    decryptUpdate: declare('EVP_DecryptUpdate', 'int', ...update),
    decryptFinal: declare('EVP_DecryptFinal_ex', 'int', POINTER, POINTER, POINTER),
    markErrors: declare('ERR_set_mark', 'int'),
    dropErrors: declare('ERR_pop_to_mark', 'int'),
  };
  return bound;
}

/**
 * Why ciphers cannot be made here: no `koffi`, no such symbols in this process, or FIPS mode, which we must not go around.
 * @returns the reason, for the log; `undefined` where nothing speaks against it
 */
export function whyNotNative(): string | undefined {
  if (getFips() === 1) return 'FIPS mode is on';
  try {
    bind();
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'MODULE_NOT_FOUND') return `${koffiPackage()} is not installed`;
    return error instanceof Error ? (error.message.split('\n')[0] as string) : String(error);
  }
}

/** How many ciphers are held: 0 once all are freed, and with them our library context. */
export function nativeCiphers(): number {
  return library?.ciphers ?? 0;
}

/** Bytes with a known address. They must not be moved: a buffer that is detached is refused from then on. */
export class NativeMemory {
  /** The bytes; offsets count from their beginning. */
  readonly bytes: Uint8Array;
  /** @internal Address of the first byte. */
  readonly address: number;

  /** @param bytes - held as long as this object lives */
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    // Asking for `buffer` takes small arrays out of the garbage collector's reach, which moves them otherwise.
    const address = Number(bind().koffi.address(bytes.buffer)) + bytes.byteOffset;
    if (!Number.isSafeInteger(address) || address <= 0) throw nativeError('addresses of this system do not fit into a number');
    this.address = address;
  }

  /** Throws unless `[at, at + length)` lies within; also for NaN. */
  check(at: number, length: number): void {
    if (at >= 0 && length >= 0 && at + length <= this.bytes.length) return;
    throw new RangeError(`at must leave room for ${length} bytes within ${this.bytes.length}, got ${at}`);
  }
}

/** An EVP_CIPHER_CTX with its key. */
class Context {
  readonly calls: Bound;
  /** Where OpenSSL says how many bytes it wrote. */
  readonly written: Int32Array = new Int32Array(1);
  readonly writtenMemory: NativeMemory;
  /** 0 when freed. */
  address = 0;

  constructor(algorithm: string, provider: Provider, key: Uint8Array, direction: 'encrypt' | 'decrypt') {
    checkBytes(key, 'key');
    checkInteger(key.length, 'key.length', 1, MAX_KEY_SIZE);
    const calls = bind();
    this.calls = calls;
    this.writtenMemory = new NativeMemory(new Uint8Array(this.written.buffer));
    const copy = new NativeMemory(key.slice());
    calls.markErrors();
    try {
      this.address = open(calls, algorithm, provider, copy, direction === 'encrypt' ? calls.encryptInit : calls.decryptInit);
    } finally {
      copy.bytes.fill(0);
      calls.dropErrors();
    }
  }

  /** Overwrites the key schedule and gives everything back; nothing works afterwards. Idempotent. */
  free(): void {
    if (this.address === 0) return;
    this.calls.freeContext(this.address);
    this.address = 0;
    releaseLibrary(this.calls);
  }
}

/** Makes a context for one direction; it holds the library. */
function open(calls: Bound, algorithm: string, provider: Provider, key: NativeMemory, init: CFunction): number {
  const library = retainLibrary(calls);
  let cipher = 0;
  let context = 0;
  let made = false;
  try {
    if (!ready(calls, library, provider)) throw nativeError(`this OpenSSL has no ${provider} provider`);
    cipher = calls.fetchCipher(library.address, algorithm, null);
    if (cipher === 0) throw nativeError(`this OpenSSL has no ${algorithm}`);
    context = calls.newContext();
    made =
      context !== 0 &&
      init(context, cipher, 0, 0, 0) === 1 &&
      // Refused unless the cipher takes keys of this length: what follows reads as many bytes.
      calls.setKeyLength(context, key.bytes.length) === 1 &&
      init(context, 0, 0, key.address, 0) === 1 &&
      calls.setPadding(context, 0) === 1;
    if (!made) throw nativeError(`this OpenSSL cannot use ${algorithm}`);
    return context;
  } finally {
    // The context has a hold of its own on the cipher.
    if (cipher !== 0) calls.freeCipher(cipher);
    if (!made) {
      if (context !== 0) calls.freeContext(context);
      releaseLibrary(calls);
    }
  }
}

function retainLibrary(calls: Bound): Library {
  if (library === undefined) {
    const address = calls.newLibrary();
    if (address === 0) throw nativeError('OpenSSL cannot make a library context');
    library = { address, providers: new Map(), ciphers: 0 };
  }
  library.ciphers += 1;
  return library;
}

function releaseLibrary(calls: Bound): void {
  if (library === undefined) return;
  library.ciphers -= 1;
  if (library.ciphers > 0) return;
  for (const provider of library.providers.values()) calls.unloadProvider(provider);
  calls.freeLibrary(library.address);
  library = undefined;
}

/** Loads a provider. The default one is loaded first in any case: it is there by itself only as long as no other one is. */
function ready(calls: Bound, library: Library, provider: Provider): boolean {
  for (const name of ['default', provider] as const) {
    if (library.providers.has(name)) continue;
    const address = calls.loadProvider(library.address, name);
    if (address === 0) return false;
    library.providers.set(name, address);
  }
  return true;
}

function nativeError(message: string): CryptError {
  return new CryptError('KCPTUN_ERR_CRYPT_NATIVE', message);
}

/** OpenSSL must never leave bytes as they were without our knowing: what should be ciphertext could be plaintext. */
function failed(work: string): CryptError {
  return nativeError(`OpenSSL failed to ${work}`);
}

/** A block cipher that encrypts whole blocks: ECB, or CBC from a fixed IV on. */
export class NativeBlockCipher {
  readonly #context: Context;
  readonly #iv: NativeMemory | undefined;

  /**
   * @param algorithm - OpenSSL's name, for example `AES-256-ECB`
   * @param provider - where it is
   * @param key - 1..32 bytes; not kept
   * @param iv - one block, for CBC; not kept
   * @throws {CryptError} `KCPTUN_ERR_CRYPT_NATIVE` when this OpenSSL lacks the cipher
   */
  constructor(algorithm: string, provider: Provider, key: Uint8Array, iv?: Uint8Array) {
    if (iv === undefined) {
      this.#iv = undefined;
    } else {
      checkInteger(iv.length, 'iv.length', 1, MAX_IV_SIZE);
      // As long as any cipher's IV, whatever was given: OpenSSL reads as much as the cipher takes.
      this.#iv = new NativeMemory(new Uint8Array(MAX_IV_SIZE));
      this.#iv.bytes.set(iv);
    }
    this.#context = new Context(algorithm, provider, key, 'encrypt');
  }

  /** Back to the IV. */
  restart(): void {
    const { calls, address } = this.#context;
    if (address === 0 || this.#iv === undefined || calls.encryptInit(address, 0, 0, 0, this.#iv.address) !== 1) throw failed('restart');
  }

  /**
   * Encrypts whole blocks. Source and target are the same range or do not overlap.
   * @throws {RangeError} when a range is not within its memory
   * @throws {CryptError} `KCPTUN_ERR_CRYPT_NATIVE` when OpenSSL fails or after `free`
   */
  update(source: NativeMemory, from: number, target: NativeMemory, to: number, length: number): void {
    source.check(from, length);
    target.check(to, length);
    const context = this.#context;
    const { calls, address } = context;
    if (
      address === 0 ||
      calls.encryptUpdate(address, target.address + to, context.writtenMemory.address, source.address + from, length) !== 1 ||
      context.written[0] !== length
    ) {
      throw failed('encrypt');
    }
  }

  /** Overwrites the key schedule and frees it. Idempotent. */
  free(): void {
    this.#context.free();
  }
}

/** AES-128-GCM over datagrams `nonce 12 | text | tag 16`, in place. */
export class NativeGcm {
  readonly #sealing: Context;
  readonly #opening: Context;

  /**
   * @param key - 16 bytes; not kept
   * @throws {CryptError} `KCPTUN_ERR_CRYPT_NATIVE` when this OpenSSL lacks the cipher
   */
  constructor(key: Uint8Array) {
    checkBytes(key, 'key', 16);
    this.#sealing = new Context('AES-128-GCM', 'default', key, 'encrypt');
    try {
      this.#opening = new Context('AES-128-GCM', 'default', key, 'decrypt');
    } catch (error) {
      this.#sealing.free();
      throw error;
    }
  }

  /**
   * Encrypts the text of the datagram of `size` bytes at `at` and writes its tag.
   * @throws {RangeError} when it is not within the memory or shorter than nonce and tag
   * @throws {CryptError} `KCPTUN_ERR_CRYPT_NATIVE` when OpenSSL fails or after `free`
   */
  seal(memory: NativeMemory, at: number, size: number): void {
    const length = textLength(memory, at, size);
    const context = this.#sealing;
    const { calls, address } = context;
    const written = context.writtenMemory.address;
    const nonce = memory.address + at;
    const text = nonce + NONCE_SIZE;
    if (
      address === 0 ||
      calls.encryptInit(address, 0, 0, 0, nonce) !== 1 ||
      calls.encryptUpdate(address, text, written, text, length) !== 1 ||
      context.written[0] !== length ||
      calls.encryptFinal(address, text + length, written) !== 1 ||
      calls.control(address, CTRL_GET_TAG, TAG_SIZE, text + length) !== 1
    ) {
      throw failed('seal');
    }
  }

  /**
   * Decrypts the text of the datagram of `size` bytes at `at`.
   * @returns whether the tag fits; where it does not, the text is zero
   * @throws {RangeError} when it is not within the memory or shorter than nonce and tag
   * @throws {CryptError} `KCPTUN_ERR_CRYPT_NATIVE` when OpenSSL fails or after `free`
   */
  open(memory: NativeMemory, at: number, size: number): boolean {
    const length = textLength(memory, at, size);
    const context = this.#opening;
    const { calls, address } = context;
    const written = context.writtenMemory.address;
    const nonce = memory.address + at;
    const text = nonce + NONCE_SIZE;
    if (
      address === 0 ||
      calls.decryptInit(address, 0, 0, 0, nonce) !== 1 ||
      calls.control(address, CTRL_SET_TAG, TAG_SIZE, text + length) !== 1 ||
      calls.decryptUpdate(address, text, written, text, length) !== 1 ||
      context.written[0] !== length
    ) {
      throw failed('open');
    }
    if (calls.decryptFinal(address, text, written) === 1) return true;
    memory.bytes.fill(0, at + NONCE_SIZE, at + NONCE_SIZE + length);
    return false;
  }

  /** Overwrites the key schedules and frees them. Idempotent. */
  free(): void {
    this.#sealing.free();
    this.#opening.free();
  }
}

function textLength(memory: NativeMemory, at: number, size: number): number {
  memory.check(at, size);
  if (size >= NONCE_SIZE + TAG_SIZE) return size - NONCE_SIZE - TAG_SIZE;
  throw new RangeError(`size must be at least ${NONCE_SIZE + TAG_SIZE}, got ${size}`);
}
