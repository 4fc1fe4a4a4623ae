// Puts segments one behind the other into packets of at most mtu bytes and hands each finished packet to the sink
// (PROTOCOL kcp §8). Nothing is held back between two flushes.

import { writeU16, writeU32 } from '@kcptun/common';
import { ASK_SEND, ASK_TELL, CMD_WASK, CMD_WINS, OVERHEAD } from './constants.ts';
import type { SegmentPool } from './segment-pool.ts';

/**
 * Where packets go. {@link Kcp} asks for room, writes the packet in place and says when it is complete.
 * A sink must not call back into the same `Kcp`.
 */
export interface PacketSink {
  /** The memory that offsets point into; read again after every `begin`. */
  readonly bytes: Uint8Array;
  /** Gives the offset of room for a packet of mtu bytes. */
  begin(): number;
  /** The packet of `length` bytes at `offset` is complete. */
  commit(offset: number, length: number): void;
}

const CLOSED = -1;

/** Writes the segments of one flush. */
export class PacketWriter {
  /** Largest packet in bytes. */
  mtu: number;
  /** `ts` of the last segment header that carried one; window messages repeat it (PROTOCOL kcp §8). */
  lastTs = 0;
  /** `sn` of the last segment header that carried one. */
  lastSn = 0;
  readonly #sink: PacketSink;
  readonly #conv: number;
  #wnd = 0;
  #una = 0;
  #bytes: Uint8Array;
  #start: number = CLOSED;
  #position = 0;

  constructor(sink: PacketSink, conv: number, mtu: number) {
    this.mtu = mtu;
    this.#sink = sink;
    this.#conv = conv;
    this.#bytes = sink.bytes;
  }

  /** Begins a flush: all its segments advertise `wnd` and `una`. */
  open(wnd: number, una: number): void {
    this.lastTs = 0;
    this.lastSn = 0;
    this.#wnd = wnd;
    this.#una = una;
  }

  /** Makes sure that `length` bytes fit: completes the packet if they do not. */
  reserve(length: number): void {
    if (this.#start !== CLOSED && this.#position - this.#start + length > this.mtu) this.finish();
  }

  /** Appends a header; its room must be reserved. */
  header(cmd: number, frg: number, ts: number, sn: number, length: number): void {
    if (this.#start === CLOSED) {
      this.#start = this.#sink.begin();
      this.#position = this.#start;
      this.#bytes = this.#sink.bytes;
    }
    const bytes = this.#bytes;
    const at = this.#position;
    writeU32(bytes, at, this.#conv);
    bytes[at + 4] = cmd;
    bytes[at + 5] = frg;
    writeU16(bytes, at + 6, this.#wnd);
    writeU32(bytes, at + 8, ts);
    writeU32(bytes, at + 12, sn);
    writeU32(bytes, at + 16, this.#una);
    writeU32(bytes, at + 20, length);
    this.#position = at + OVERHEAD;
  }

  /** Appends the questions and words about windows that `probe` asks for; returns how many. */
  windowMessages(probe: number): number {
    const asks = (probe & ASK_SEND) !== 0;
    const tells = (probe & ASK_TELL) !== 0;
    if (asks) this.#windowMessage(CMD_WASK);
    if (tells) this.#windowMessage(CMD_WINS);
    return Number(asks) + Number(tells);
  }

  #windowMessage(cmd: number): void {
    this.reserve(OVERHEAD);
    this.header(cmd, 0, this.lastTs, this.lastSn, 0);
  }

  /** Appends the payload that belongs to the header just written. */
  payload(pool: SegmentPool, slot: number, length: number): void {
    pool.read(slot, length, this.#bytes, this.#position);
    this.#position += length;
  }

  /** Hands out what has been written since the last complete packet. */
  finish(): void {
    const start = this.#start;
    if (start === CLOSED) return;
    this.#start = CLOSED;
    this.#sink.commit(start, this.#position - start);
  }
}
