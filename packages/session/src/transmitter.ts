// The sending half of the packet pipeline (PROTOCOL session §1), one per endpoint:
//
//   Kcp.flush -> SessionSink (one per session: FEC header and parity) -> batch -> seal -> socket
//
// Packets of all sessions that are flushed in one turn share batches; a full batch leaves at once, the rest when the
// endpoint has finished its turn. Every layer writes in place, in the slot's headroom.

import { BatchPool, HEADROOM, type KernelMemory, type PacketBatch, writeU16, writeU32 } from '@kcptun/common';
import type { PacketCrypt } from '@kcptun/crypt';
import { FEC_HEADER_SIZE, type FecEncoder } from '@kcptun/fec';
import { CMD_PUSH, OVERHEAD, type PacketSink } from '@kcptun/kcp-core';
import type { Counters } from './counters.ts';

const NOTHING = new Uint8Array(0);

/** Hands a sealed batch to the socket at once; returns how many of its packets (from the front) were taken. */
export type TransmitBatch = (batch: PacketBatch) => number;

/** Collects packets into a batch, seals and sends it. */
export class Transmitter {
  /** Time of the present turn in ms, for the FEC encoder's gap rule. */
  now = 0;
  readonly #pool: BatchPool;
  #batch: PacketBatch | undefined;
  readonly #crypt: PacketCrypt;
  readonly #transmit: TransmitBatch;
  readonly #counters: Counters;

  constructor(crypt: PacketCrypt, transmit: TransmitBatch, counters: Counters, memory: KernelMemory | undefined) {
    this.#pool = BatchPool.of(memory);
    this.#crypt = crypt;
    this.#transmit = transmit;
    this.#counters = counters;
  }

  /** The batch that is being filled, with room for a packet. */
  batch(): PacketBatch {
    if (this.#batch === undefined) {
      this.#batch = this.#pool.borrow();
    } else if (this.#batch.full) {
      this.#send(this.#batch);
    }
    return this.#batch;
  }

  /** Seals and sends what is in the batch, and gives the batch back. */
  flush(): void {
    const batch = this.#batch;
    if (batch === undefined) return;
    this.#batch = undefined;
    if (batch.count > 0) this.#send(batch);
    this.#pool.giveBack(batch);
  }

  #send(batch: PacketBatch): void {
    const count = batch.count;
    this.#crypt.seal(batch);
    let bytes = 0;
    for (let index = 0; index < count; index++) bytes += batch.length[index]!;
    const taken = this.#transmit(batch);
    const totals = this.#counters.totals;
    for (let index = taken; index < count; index++) bytes -= batch.length[index]!;
    totals.OutPkts += taken;
    totals.OutBytes += bytes;
    this.#counters.sendRefused += count - taken;
    batch.clear();
  }
}

/** Where one session's Kcp writes its packets. */
export class SessionSink implements PacketSink {
  bytes: Uint8Array = NOTHING;
  /** Remote path of the session. */
  path: number;
  /** Bytes of datagrams so far, sealed as they leave and with their parity. */
  written = 0;
  /** What `written` may come to; `Infinity` once the path has answered. */
  limit: number = Number.POSITIVE_INFINITY;
  /** Bytes that sealing and FEC add to a packet. */
  readonly overhead: number;
  readonly #sealing: number;
  readonly #transmitter: Transmitter;
  readonly #fec: FecEncoder | undefined;

  /** @param overhead - bytes that sealing adds to a packet */
  constructor(transmitter: Transmitter, fec: FecEncoder | undefined, path: number, overhead: number) {
    this.path = path;
    this.#sealing = overhead;
    this.overhead = overhead + (fec === undefined ? 0 : FEC_HEADER_SIZE);
    this.#transmitter = transmitter;
    this.#fec = fec;
  }

  begin(): number {
    const batch = this.#transmitter.batch();
    this.bytes = batch.bytes;
    return batch.slot(batch.count) + HEADROOM;
  }

  commit(_offset: number, length: number): void {
    const transmitter = this.#transmitter;
    // Lost, to KCP. The quota leaves nothing but acknowledgements to come here.
    if (this.written + length + this.overhead > this.limit) return;
    // The batch that begin() gave: it has room.
    const batch = transmitter.batch();
    const index = batch.add(HEADROOM, length, this.path);
    const fec = this.#fec;
    if (fec === undefined) {
      this.written += length + this.#sealing;
      return;
    }
    const due = fec.encode(batch, index, transmitter.now);
    this.written += batch.length[index]! + this.#sealing;
    if (this.limit !== Number.POSITIVE_INFINITY) return;
    for (let k = 0; k < due; k++) {
      const filled = transmitter.batch();
      const parity = fec.emitParity(filled, k, this.path);
      if (parity >= 0) this.written += filled.length[parity]! + this.#sealing;
    }
  }

  /** Bytes of a datagram with so many bytes in it. */
  sealedSize(length: number): number {
    return length + this.#sealing;
  }

  /** Bytes of the datagram that {@link ask} sends. */
  get questionSize(): number {
    return OVERHEAD + this.#sealing;
  }

  /** Sends a data segment without payload to any path, beside FEC. */
  ask(path: number, conv: number, wnd: number, ts: number, sn: number, una: number): void {
    const offset = this.begin();
    const { bytes } = this;
    writeU32(bytes, offset, conv);
    bytes[offset + 4] = CMD_PUSH;
    bytes[offset + 5] = 0;
    writeU16(bytes, offset + 6, wnd);
    writeU32(bytes, offset + 8, ts);
    writeU32(bytes, offset + 12, sn);
    writeU32(bytes, offset + 16, una);
    writeU32(bytes, offset + 20, 0);
    this.#transmitter.batch().add(HEADROOM, OVERHEAD, path);
  }
}
