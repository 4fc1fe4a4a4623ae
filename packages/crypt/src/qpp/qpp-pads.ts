// The pads of QPP (PROTOCOL tunnel §9): `count` permutations of the 256 byte values, shuffled by a state that is stepped
// with AES-256 under keys derived from the seed. One set a process; all streams share it. Three generations of the
// construction exist, which nothing on the wire tells apart:
//
//   a = 6 chunks of key material, half of the state stepped      kcptun 2024-07-16 to 2025-12-17
//   b = 7 chunks, half                                           2025-12-18 to 21
//   c = 7 chunks, the whole state                                since 2025-12-22

import { checkBytes, checkInteger } from '@kcptun/common';
import { ecb } from '@noble/ciphers/aes.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { pbkdf2 } from '@noble/hashes/pbkdf2.js';
import { sha256 } from '@noble/hashes/sha2.js';

/** Which construction of the pads both ends use: `a` with programs of 2024-07-16 to 2025-12-17, `b` to 2025-12-21, `c` since. */
export type QppGeneration = 'a' | 'b' | 'c';

/** The most pads that fit the wire's 16-bit count. */
export const QPP_MAX_PADS = 65_535;

const SEED_SALT = '___QUANTUM_PERMUTATION_PAD_SEED_DERIVE___';
const SHUFFLE_SALT = '___QUANTUM_PERMUTATION_PAD_SHUFFLE_SALT___';
const PRNG_SALT = '___QUANTUM_PERMUTATION_PAD_PRNG_SALT___';
const SELECTOR = 'PERMUTATION_MATRIX_SELECTOR';
const PAD_NAME = 'QPP_';

const PAD_SIZE = 256;
/** Bytes of a chunk, of a key and of the shuffling state. */
const CHUNK_SIZE = 32;
const HALF = 16;

const GENERATIONS = {
  a: { chunks: 6, halves: 1 },
  b: { chunks: 7, halves: 1 },
  c: { chunks: 7, halves: 2 },
} as const;

/** The permutations of one key, and where the generator of every stream starts. */
export class QppPads {
  /** Number of pads. */
  readonly count: number;
  /** The permutations, 256 bytes each. Read only; owned by this object. */
  readonly forward: Uint8Array;
  /** The inverse permutations, 256 bytes each. Read only; owned by this object. */
  readonly inverse: Uint8Array;
  /** The four u64 s0 to s3 with which every stream starts, each as low and high half. Read only; owned by this object. */
  readonly startState: Int32Array;

  /**
   * Derives the pads: about 0.1 s for the usual 61 and 1 ms for each further one (a minute for the most).
   * @param key - `--key` as given (not the derived packet key); a string is taken as UTF-8
   * @param count - number of pads (`--QPPCount`), 1 to {@link QPP_MAX_PADS}; a prime is advised
   * @param generation - that of the peer
   * @throws {TypeError | RangeError} when an argument is wrong
   */
  constructor(key: string | Uint8Array, count: number, generation: QppGeneration) {
    checkInteger(count, 'count', 1, QPP_MAX_PADS);
    if (!Object.hasOwn(GENERATIONS, generation)) throw new RangeError("generation must be 'a', 'b' or 'c'");
    const seed = typeof key === 'string' ? utf8(key) : checkBytes(key, 'key');
    const { chunks, halves } = GENERATIONS[generation];
    this.count = count;
    this.forward = new Uint8Array(count * PAD_SIZE);
    this.inverse = new Uint8Array(count * PAD_SIZE);
    this.startState = deriveStartState(seed);
    shuffle(this.forward, count, deriveChunks(seed, chunks), halves);
    for (let base = 0; base < this.forward.length; base += PAD_SIZE) {
      for (let x = 0; x < PAD_SIZE; x++) this.inverse[base + this.forward[base + x]!] = x;
    }
  }

  /** Zeroes pads and start state; streams made from them must not be used afterwards. */
  wipe(): void {
    this.forward.fill(0);
    this.inverse.fill(0);
    this.startState.fill(0);
  }
}

/** Derives `count` chunks of 32 bytes from a seed of any length, which is used cyclically. */
export function deriveChunks(seed: Uint8Array, count: number): Uint8Array[] {
  const source = seed.length < CHUNK_SIZE ? derive(seed, SEED_SALT, 128) : seed;
  return Array.from({ length: count }, (_, i) => {
    const raw = Uint8Array.from({ length: CHUNK_SIZE }, (_, j) => source[(CHUNK_SIZE * i + j) % source.length]!);
    return derive(raw, SEED_SALT, 1024);
  });
}

/**
 * Fills all pads. They are shuffled in step, so that one call of AES-ECB moves the state of every pad on: the states lie
 * as all first halves, then all second halves.
 */
function shuffle(pads: Uint8Array, count: number, chunks: readonly Uint8Array[], halves: 1 | 2): void {
  const keys = chunks.map((chunk) => derive(chunk, SHUFFLE_SALT, 128));
  const states = new Uint8Array(2 * HALF * count);
  const stepped = states.subarray(0, halves * HALF * count);
  for (let i = 0; i < count; i++) {
    const start = hmac(sha256, chunks[i % chunks.length]!, utf8(PAD_NAME + i.toString(2)));
    states.set(start.subarray(0, HALF), HALF * i);
    states.set(start.subarray(HALF), HALF * (count + i));
    for (let x = 0; x < PAD_SIZE; x++) pads[PAD_SIZE * i + x] = x;
  }
  for (let k = PAD_SIZE - 1; k > 0; k--) {
    for (const key of keys) stepped.set(ecb(key, { disablePadding: true }).encrypt(stepped));
    for (let i = 0; i < count; i++) {
      const j = remainder(states, HALF * (count + i), HALF, k + 1, remainder(states, HALF * i, HALF, k + 1, 0));
      const base = PAD_SIZE * i;
      const moved = pads[base + k]!;
      pads[base + k] = pads[base + j]!;
      pads[base + j] = moved;
    }
  }
  states.fill(0);
  for (const secret of [...keys, ...chunks]) secret.fill(0);
}

/** Continues `big-endian integer mod modulus` over `length` bytes; `start` is the remainder of the bytes in front. */
function remainder(bytes: Uint8Array, offset: number, length: number, modulus: number, start: number): number {
  let rest = start;
  for (let i = offset; i < offset + length; i += 2) rest = ((rest << 16) | (bytes[i]! << 8) | bytes[i + 1]!) % modulus;
  return rest;
}

function deriveStartState(seed: Uint8Array): Int32Array {
  const bytes = derive(hmac(sha256, seed, utf8(SELECTOR)), PRNG_SALT, 128);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const state = Int32Array.from({ length: 8 }, (_, i) => view.getInt32(4 * i, true));
  bytes.fill(0);
  return state;
}

function derive(password: Uint8Array, salt: string, iterations: number): Uint8Array {
  return pbkdf2(sha1, password, utf8(salt), { c: iterations, dkLen: CHUNK_SIZE });
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
