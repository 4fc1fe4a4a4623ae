// What a session sees of encryption: an object that seals and opens batches of packets in place.
// Below it a backend transforms bytes only (PacketTransform); framing, nonces and checksums are the same for all backends.

import type { KernelMemory, PacketBatch, RandomSource } from '@kcptun/common';
import type { CryptMethod, Integrity } from './methods.ts';

/** Encrypts, frames, checks and decrypts batches of packets in place. One per process and key; packets carry no order. */
export interface PacketCrypt {
  /** The cipher. */
  readonly method: CryptMethod;
  /** Who does the work, for the log: `openssl-ffi`, `node`, `wasm`, `portable`. */
  readonly backend: string;
  /** Backends that were preferred but do not work here, each with the reason, for the log; mostly none. */
  readonly selectionNotes: readonly string[];
  /** Bytes put in front of a packet: 0, 12 or 20. */
  readonly headerSize: number;
  /** Bytes put behind a packet: 0 or 16. */
  readonly tagSize: number;
  /** How the receiver recognises a packet: not at all, by a CRC-32 under encryption, or by an authentication tag. */
  readonly integrity: Integrity;
  /** Datagrams that were too short to hold header and tag, since the beginning. They are dropped and are not in the result of `open`. */
  readonly tooShort: number;
  /**
   * Seals packets `[from, batch.count)` in place: `offset` moves back by `headerSize`, `length` grows by `headerSize + tagSize`.
   * Packets of length `DROPPED` are passed over.
   * @param batch - packets at 4-byte aligned offsets with room for header and tag
   * @param from - index of the first packet to seal (default 0)
   * @throws {CryptError} `KCPTUN_ERR_CRYPT_PACKET_TOO_LONG` when a packet would exceed the largest datagram; nothing is sealed then
   * @throws {CryptError} `KCPTUN_ERR_CRYPT_CLOSED` after `close`
   */
  seal(batch: PacketBatch, from?: number): void;
  /**
   * Opens all packets in place: `offset` moves behind the header, `length` shrinks; a refused packet gets length `DROPPED`.
   * @param batch - received datagrams; packets of length `DROPPED` are passed over
   * @returns how many were refused by checksum or tag (also those longer than any datagram); see `tooShort` for the others
   * @throws {CryptError} `KCPTUN_ERR_CRYPT_CLOSED` after `close`
   */
  open(batch: PacketBatch): number;
  /** Overwrites the keys. Idempotent. */
  close(): void;
}

/** Options of `createPacketCrypt`. */
export interface PacketCryptOptions {
  /** The cipher. */
  readonly method: CryptMethod;
  /** The derived key, 32 bytes; only its first bytes are used by most methods (PROTOCOL crypt §2). It is not kept. */
  readonly key: Uint8Array;
  /** Source of nonces. */
  readonly random: RandomSource;
  /** Memory that batches live in; kernels work there. Default: an own small memory, where a kernel needs one. */
  readonly memory?: KernelMemory;
}

/** A backend's work on the packets of a batch, in place and without framing. */
export interface PacketTransform {
  /** Who does the work, for the log. */
  readonly backend: string;
  /** Encrypts packets `[from, batch.count)`, each with its nonce in front (and room for the tag included in its length). */
  encrypt(batch: PacketBatch, from: number): void;
  /** Decrypts all packets; one whose tag does not fit gets length `DROPPED`. Returns how many got it. */
  decrypt(batch: PacketBatch): number;
  /** Overwrites keys and scratch memory. */
  wipe(): void;
}
