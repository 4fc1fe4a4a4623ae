// The names that `--crypt` takes, and what each of them means (PROTOCOL crypt §2). Names are case sensitive.

/** A packet cipher by its name on the command line (PROTOCOL crypt §2). */
export type CryptMethod =
  | 'aes'
  | 'aes-128'
  | 'aes-128-gcm'
  | 'aes-192'
  | 'salsa20'
  | 'blowfish'
  | 'twofish'
  | 'cast5'
  | '3des'
  | 'tea'
  | 'xtea'
  | 'xor'
  | 'sm4'
  | 'none'
  | 'null';

/** How a receiver tells a packet of its peer from garbage. */
export type Integrity = 'none' | 'crc' | 'tag';

/** What a method takes from the derived key; 0 where it uses none. */
const KEY_SIZES: Readonly<Record<CryptMethod, number>> = {
  aes: 32,
  'aes-128': 16,
  'aes-128-gcm': 16,
  'aes-192': 24,
  salsa20: 32,
  blowfish: 32,
  twofish: 32,
  cast5: 16,
  '3des': 24,
  tea: 16,
  xtea: 16,
  xor: 32,
  sm4: 16,
  none: 0,
  null: 0,
};

/** All methods, in the order of the command line's help. */
export const CRYPT_METHODS: readonly CryptMethod[] = Object.freeze(Object.keys(KEY_SIZES) as CryptMethod[]);

/**
 * The method that a name stands for: itself, or `aes` for every unknown name (PROTOCOL crypt §2: the program goes on with AES-256).
 * @param name - as given to `--crypt`; case sensitive
 */
export function resolveCryptMethod(name: string): CryptMethod {
  return Object.hasOwn(KEY_SIZES, name) ? (name as CryptMethod) : 'aes';
}

/**
 * How many leading bytes of the derived key a method uses: 0..32.
 * @throws {RangeError} when there is no such method
 */
export function keySizeOf(method: CryptMethod): number {
  if (!Object.hasOwn(KEY_SIZES, method)) throw new RangeError(`method must be one of ${CRYPT_METHODS.join(', ')}, got ${String(method)}`);
  return KEY_SIZES[method];
}

/** Methods whose nonce says nothing: whoever sees a packet can change it at will. */
const UNBOUND: readonly CryptMethod[] = ['xor', 'none', 'null'];
/** Methods whose packets begin with what decides the whole key stream. */
const NONCE_FIRST: readonly CryptMethod[] = ['salsa20', 'aes-128-gcm'];

/**
 * Where in a datagram 8 bytes begin that are random, and that nobody can change without the key so that the packet still opens: by them a
 * receiver knows a datagram again. With CFB that is the second half of the nonce: ciphers with blocks of 8 bytes do not notice a change of the
 * first half. With salsa20 it is the first half, because the second one is encrypted and thrown away.
 * @returns 0 or 8; -1 when there are no such bytes
 */
export function nonceOffsetOf(method: CryptMethod): number {
  if (UNBOUND.includes(method)) return -1;
  return NONCE_FIRST.includes(method) ? 0 : 8;
}

/** Methods with blocks of 8 bytes. */
const SHORT_BLOCKS: readonly CryptMethod[] = ['blowfish', 'cast5', '3des', 'tea', 'xtea'];

/** So much of something: bytes, or datagrams. */
export interface TrafficBound {
  readonly of: 'bytes' | 'datagrams';
  readonly count: number;
}

/**
 * After how much traffic under one key, of all sessions and in both directions, a repetition is to be expected by chance that an
 * onlooker sees and can use: two equal blocks of ciphertext in CFB tell the XOR of two blocks of plaintext, two equal
 * nonces of salsa20 that of two datagrams.
 * @returns 2^32 blocks of 8 bytes, or 2^32 nonces of 8 bytes; `undefined` where it is out of reach, or where nothing is hidden anyway
 */
export function repeatsAfter(method: CryptMethod): TrafficBound | undefined {
  if (method === 'salsa20') return { of: 'datagrams', count: 2 ** 32 };
  return SHORT_BLOCKS.includes(method) ? { of: 'bytes', count: 2 ** 32 * 8 } : undefined;
}
