// CFB with a fixed IV over one packet in place (PROTOCOL crypt §4): what all portable block ciphers of this folder share.
//
//   keystream 0 = E(IV)      c i = p i xor keystream i      keystream i+1 = E(c i)      a last partial block uses a prefix
//
// Only the forward direction of a block cipher is needed. Each cipher fuses its rounds with this loop: blocks live in
// local variables, two at a time when decrypting (there keystream i+1 does not wait for anything but the ciphertext).

import { readWord, writeWord } from './words.ts';

/** A block cipher in CFB mode with the fixed IV; every call is one whole packet and independent of the others. */
export interface CfbCipher {
  /** Bytes per block. */
  readonly blockSize: 8 | 16;
  /** Encrypts `length` bytes from `offset` in place. The range must lie within `bytes`. */
  encrypt(bytes: Uint8Array, offset: number, length: number): void;
  /** Decrypts `length` bytes from `offset` in place. The range must lie within `bytes`. */
  decrypt(bytes: Uint8Array, offset: number, length: number): void;
  /** Zeroes the key schedule; the cipher must not be used afterwards. */
  wipe(): void;
}

/** A cipher that has a WebAssembly kernel too. */
export interface TableCipher extends CfbCipher {
  /** Its tables and round keys in the order in which the kernel wants them; `wipe` zeroes those that depend on the key. */
  readonly words: readonly Int32Array[];
}

// `IV0 | 0` where one is used: V8 does not fold an imported constant, and without the `| 0` it keeps the block that
// starts from it as a floating-point number (XTEA: 5x slower).

/** The IV of every packet as four big-endian words; 8-byte ciphers use the first two. */
export const IV0: number = 0xa7734f9c | 0;
/** Bytes 4 to 7 of the IV. */
export const IV1: number = 0x12ac1b01 | 0;
/** Bytes 8 to 11 of the IV. */
export const IV2: number = 0xa415f2c1 | 0;
/** Bytes 12 to 15 of the IV. */
export const IV3: number = 0xfc78e66b | 0;

/** XORs the last 0 to 16 bytes of a packet with a prefix of four big-endian keystream words. */
export function xorTail(bytes: Uint8Array, offset: number, length: number, k0: number, k1: number, k2: number, k3: number): void {
  for (let i = 0; i < length; i++) {
    const word = i < 8 ? (i < 4 ? k0 : k1) : i < 12 ? k2 : k3;
    bytes[offset + i]! ^= word >>> (24 - 8 * (i & 3));
  }
}

/** XORs the 16 bytes at `offset` with four big-endian words. */
export function xorBlock(bytes: Uint8Array, offset: number, k0: number, k1: number, k2: number, k3: number): void {
  writeWord(bytes, offset, readWord(bytes, offset) ^ k0);
  writeWord(bytes, offset + 4, readWord(bytes, offset + 4) ^ k1);
  writeWord(bytes, offset + 8, readWord(bytes, offset + 8) ^ k2);
  writeWord(bytes, offset + 12, readWord(bytes, offset + 12) ^ k3);
}
