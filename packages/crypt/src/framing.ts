// The three framings of a packet (PROTOCOL crypt §3) around a backend's transform:
//
//   A  crc    nonce 16 | CRC-32 of the payload, u32 LE | payload            everything encrypted, length unchanged
//   B  tag    nonce 12 | payload | tag 16                                   payload encrypted
//   C  none   payload
//
// The CRC covers the payload only, and is computed before encryption. Headers are written in the packet's headroom.

import { DROPPED, MAX_DATAGRAM, type PacketBatch, type RandomSource, readU32, writeU32 } from '@kcptun/common';
import type { Crc32 } from './crc32.ts';
import { CryptError } from './errors.ts';
import type { CryptKernel } from './kernel.ts';
import type { CryptMethod, Integrity } from './methods.ts';
import { NoncePool } from './nonce-pool.ts';
import type { PacketCrypt, PacketTransform } from './packet-crypt.ts';

/** Bytes of the nonce in front of a packet with a CRC. */
const NONCE_SIZE = 16;
/** Bytes of the header with a CRC: nonce and CRC-32. */
export const CRC_HEADER_SIZE = 20;
/** Bytes of the nonce in front of a packet with a tag. */
export const TAG_NONCE_SIZE = 12;
/** Bytes of the tag behind a packet. */
export const TAG_SIZE = 16;

/** Checks that the packets to be sealed will fit into a datagram; no packet of a peer comes here. */
function checkLengths(batch: PacketBatch, from: number, overhead: number): void {
  const { length, count } = batch;
  for (let index = from; index < count; index++) {
    if (length[index]! <= MAX_DATAGRAM - overhead) continue;
    throw new CryptError(
      'KCPTUN_ERR_CRYPT_PACKET_TOO_LONG',
      `a packet must have at most ${MAX_DATAGRAM - overhead} bytes before it is sealed, got ${length[index]}`,
    );
  }
}

/** Drops the datagrams that cannot hold `least` bytes of overhead; returns how many. */
function dropShort(batch: PacketBatch, least: number): number {
  const length = batch.length;
  let dropped = 0;
  for (let index = 0; index < batch.count; index++) {
    const size = length[index]!;
    if (size >= least || size === DROPPED) continue;
    length[index] = DROPPED;
    dropped += 1;
  }
  return dropped;
}

/** Drops datagrams longer than any that is sent: their tail is missing or they are no datagrams of ours. Returns how many. */
function dropLong(batch: PacketBatch): number {
  const length = batch.length;
  let dropped = 0;
  for (let index = 0; index < batch.count; index++) {
    if (length[index]! <= MAX_DATAGRAM) continue;
    length[index] = DROPPED;
    dropped += 1;
  }
  return dropped;
}

function closedError(): CryptError {
  return new CryptError('KCPTUN_ERR_CRYPT_CLOSED', 'the packet cipher must be open, it was closed');
}

/** Framing A: nonce and CRC-32 in front, all of it encrypted. */
export class CrcPacketCrypt implements PacketCrypt {
  readonly method: CryptMethod;
  readonly backend: string;
  readonly selectionNotes: readonly string[];
  readonly headerSize: number = CRC_HEADER_SIZE;
  readonly tagSize: number = 0;
  readonly integrity: Integrity = 'crc';
  tooShort = 0;
  readonly #transform: PacketTransform;
  readonly #crc32: Crc32;
  readonly #kernel: CryptKernel | undefined;
  readonly #nonces: NoncePool;
  #closed = false;

  /**
   * @param method - any with this framing
   * @param transform - the backend's work; owned from now on
   * @param kernel - computes the CRC where it can; owned from now on
   * @param crc32 - computes it elsewhere
   * @param random - source of nonces
   * @param selectionNotes - for the log
   */
  constructor(
    method: CryptMethod,
    transform: PacketTransform,
    kernel: CryptKernel | undefined,
    crc32: Crc32,
    random: RandomSource,
    selectionNotes: readonly string[] = [],
  ) {
    this.method = method;
    this.selectionNotes = selectionNotes;
    this.#kernel = kernel;
    this.backend = transform.backend;
    this.#transform = transform;
    this.#crc32 = kernel === undefined ? crc32 : (bytes, offset, length) => kernel.crc32(bytes, offset, length);
    this.#nonces = new NoncePool(random, NONCE_SIZE);
  }

  seal(batch: PacketBatch, from = 0): void {
    if (this.#closed) throw closedError();
    checkLengths(batch, from, CRC_HEADER_SIZE);
    const bytes = batch.bytes;
    const crc32 = this.#crc32;
    const nonces = this.#nonces;
    for (let index = from; index < batch.count; index++) {
      const size = batch.length[index]!;
      if (size === DROPPED) continue;
      const payload = batch.offset[index]!;
      nonces.take(bytes, payload - CRC_HEADER_SIZE, NONCE_SIZE);
      writeU32(bytes, payload - 4, crc32(bytes, payload, size));
      batch.offset[index] = payload - CRC_HEADER_SIZE;
      batch.length[index] = size + CRC_HEADER_SIZE;
    }
    this.#transform.encrypt(batch, from);
  }

  open(batch: PacketBatch): number {
    if (this.#closed) throw closedError();
    this.tooShort += dropShort(batch, CRC_HEADER_SIZE);
    let refused = dropLong(batch) + this.#transform.decrypt(batch);
    const bytes = batch.bytes;
    const crc32 = this.#crc32;
    for (let index = 0; index < batch.count; index++) {
      const size = batch.length[index]! - CRC_HEADER_SIZE;
      if (size < 0) continue;
      const payload = batch.offset[index]! + CRC_HEADER_SIZE;
      batch.offset[index] = payload;
      batch.length[index] = size;
      if (((crc32(bytes, payload, size) ^ readU32(bytes, payload - 4)) | 0) === 0) continue;
      batch.length[index] = DROPPED;
      refused += 1;
    }
    return refused;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#transform.wipe();
    this.#kernel?.release();
    this.#nonces.wipe();
  }
}

/** Framing B: nonce in front, tag behind. */
export class TagPacketCrypt implements PacketCrypt {
  readonly method: CryptMethod;
  readonly backend: string;
  readonly selectionNotes: readonly string[];
  readonly headerSize: number = TAG_NONCE_SIZE;
  readonly tagSize: number = TAG_SIZE;
  readonly integrity: Integrity = 'tag';
  tooShort = 0;
  readonly #transform: PacketTransform;
  readonly #kernel: CryptKernel | undefined;
  readonly #nonces: NoncePool;
  #closed = false;

  /**
   * @param method - any with this framing
   * @param transform - the backend's work; owned from now on
   * @param kernel - what the transform works with, if any; owned from now on
   * @param random - source of nonces
   * @param selectionNotes - for the log
   */
  constructor(
    method: CryptMethod,
    transform: PacketTransform,
    kernel: CryptKernel | undefined,
    random: RandomSource,
    selectionNotes: readonly string[] = [],
  ) {
    this.method = method;
    this.selectionNotes = selectionNotes;
    this.backend = transform.backend;
    this.#transform = transform;
    this.#kernel = kernel;
    this.#nonces = new NoncePool(random, TAG_NONCE_SIZE);
  }

  seal(batch: PacketBatch, from = 0): void {
    if (this.#closed) throw closedError();
    checkLengths(batch, from, TAG_NONCE_SIZE + TAG_SIZE);
    for (let index = from; index < batch.count; index++) {
      const size = batch.length[index]!;
      if (size === DROPPED) continue;
      const offset = batch.offset[index]! - TAG_NONCE_SIZE;
      this.#nonces.take(batch.bytes, offset, TAG_NONCE_SIZE);
      batch.offset[index] = offset;
      batch.length[index] = size + TAG_NONCE_SIZE + TAG_SIZE;
    }
    this.#transform.encrypt(batch, from);
  }

  open(batch: PacketBatch): number {
    if (this.#closed) throw closedError();
    this.tooShort += dropShort(batch, TAG_NONCE_SIZE + TAG_SIZE);
    const refused = dropLong(batch) + this.#transform.decrypt(batch);
    for (let index = 0; index < batch.count; index++) {
      const size = batch.length[index]!;
      if (size === DROPPED) continue;
      batch.offset[index]! += TAG_NONCE_SIZE;
      batch.length[index] = size - TAG_NONCE_SIZE - TAG_SIZE;
    }
    return refused;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#transform.wipe();
    this.#kernel?.release();
    this.#nonces.wipe();
  }
}

/** Framing C: the packet as it is. */
export class NullPacketCrypt implements PacketCrypt {
  readonly method: CryptMethod = 'null';
  readonly backend: string = 'portable';
  readonly selectionNotes: readonly string[] = [];
  readonly headerSize: number = 0;
  readonly tagSize: number = 0;
  readonly integrity: Integrity = 'none';
  readonly tooShort: number = 0;
  #closed = false;

  seal(batch: PacketBatch, from = 0): void {
    if (this.#closed) throw closedError();
    checkLengths(batch, from, 0);
  }

  open(batch: PacketBatch): number {
    if (this.#closed) throw closedError();
    return dropLong(batch);
  }

  close(): void {
    this.#closed = true;
  }
}
