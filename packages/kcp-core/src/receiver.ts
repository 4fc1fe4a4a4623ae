// The receiver's role: segments that arrived, in one ring indexed by sn, and the acknowledgements they are owed
// (PROTOCOL kcp §5, §6.4, §8.1). It does not depend on how the own data are sent.
//
//      read             rcvNxt                          rcvNxt + wnd
//        v                v                                  v
//   ...  [  rcv_queue     | rcv_buf: may have holes          ]        index = sn & mask
//        [  readable      | out of order                     ]
//
// A message with more fragments than the window can be read by nobody, and a full window asks for nothing more: the
// reference stands still for good. Here the window grows for such a message until it is read.

import { serialDiff } from '@kcptun/common';
import { AckRepeats } from './ack-repeats.ts';
import { ACKLIST_MAX, ASK_TELL, CMD_ACK, OVERHEAD, WND_RCV } from './constants.ts';
import { readFrg } from './header.ts';
import type { PacketWriter } from './packet-writer.ts';
import { moved } from './ring-column.ts';
import type { SegmentPool } from './segment-pool.ts';
import type { KcpStats } from './stats.ts';

const CAPACITY_MIN = 16;
const ABSENT = -1;
/** A segment without payload needs no slot. */
const EMPTY = -2;
const NO_BYTES = new Uint8Array(0);

/** rcv_buf, rcv_queue and acklist of one conversation. */
export class Receiver {
  /** First sn that has not arrived in order (rcv_nxt). */
  rcvNxt: number;
  /** Receive window in segments. */
  wnd: number = WND_RCV;
  /** Segments in rcv_buf. */
  buffered = 0;
  /** Acknowledgements that wait for a flush. */
  ackCount = 0;
  /** Window messages that are due: bits ASK_SEND and ASK_TELL. */
  probe = 0;
  readonly #pool: SegmentPool;
  readonly #stats: KcpStats;
  readonly #repeats: AckRepeats | undefined;
  /** Segments of the message at the front that is longer than the window; at most FRAGMENTS_MAX + 1, 0: none. */
  #stretch = 0;
  #read: number;
  #mask: number = CAPACITY_MIN - 1;
  #slot: Int32Array = new Int32Array(CAPACITY_MIN).fill(ABSENT);
  #length: Uint16Array = new Uint16Array(CAPACITY_MIN);
  #frg: Uint8Array = new Uint8Array(CAPACITY_MIN);
  #ackSn: Uint32Array = new Uint32Array(CAPACITY_MIN);
  #ackTs: Uint32Array = new Uint32Array(CAPACITY_MIN);

  /** @param repeatsAcks - whether acknowledgements are repeated while losses on the way back show */
  constructor(pool: SegmentPool, stats: KcpStats, startSn: number, repeatsAcks: boolean) {
    this.#repeats = repeatsAcks ? new AckRepeats() : undefined;
    this.#pool = pool;
    this.#stats = stats;
    this.rcvNxt = startSn;
    this.#read = startSn;
  }

  /** Segments in rcv_queue. */
  get queued(): number {
    return (this.rcvNxt - this.#read) >>> 0;
  }

  /** Free window in segments, to be advertised. */
  get free(): number {
    return Math.max(0, this.#room - this.queued);
  }

  /** Segments that rcv_queue may hold. */
  get #room(): number {
    return Math.max(this.#stretch, this.wnd);
  }

  /**
   * Takes the data segment whose header is at `offset` and whose payload of `size` bytes follows it, and owes its ACK.
   * @returns false when it is a repetition or outside of the window
   */
  accept(bytes: Uint8Array, offset: number, sn: number, ts: number, size: number): boolean {
    if (serialDiff(sn, (this.rcvNxt + this.#room) >>> 0) >= 0) return false;
    if (this.ackCount === ACKLIST_MAX) {
      this.#stats.droppedSegs += 1;
      return true;
    }
    this.#owe(sn, ts);
    const fresh = serialDiff(sn, this.rcvNxt) >= 0 && this.#insert(sn, readFrg(bytes, offset), bytes, offset + OVERHEAD, size);
    this.#repeats?.note(fresh);
    return fresh;
  }

  /** Bytes of the next complete message, -1 when there is none (PROTOCOL kcp §5). */
  peekSize(): number {
    if (!this.readable) return -1;
    let size = 0;
    for (let sn = this.#read; sn !== this.rcvNxt; sn = (sn + 1) >>> 0) {
      const index = sn & this.#mask;
      size += this.#length[index]!;
      if (this.#frg[index] === 0) break;
    }
    return size;
  }

  /** Whether the first segment of rcv_queue belongs to a message that is there as a whole. */
  get readable(): boolean {
    const queued = this.queued;
    if (queued === 0) return false;
    const frg = this.#frg[this.#read & this.#mask]!;
    return frg === 0 || queued > frg;
  }

  /** Fragments of the message that follow the first segment of rcv_queue. */
  get headFrg(): number {
    return this.#frg[this.#read & this.#mask]!;
  }

  /** Payload bytes of the first segment of rcv_queue. */
  get headLength(): number {
    return this.#length[this.#read & this.#mask]!;
  }

  /** Memory with the payload of the first segment of rcv_queue, at `headOffset`. */
  get headBytes(): Uint8Array {
    const slot = this.#slot[this.#read & this.#mask]!;
    return slot < 0 ? NO_BYTES : this.#pool.chunk(slot);
  }

  /** Where the payload of the first segment of rcv_queue begins in `headBytes`. */
  get headOffset(): number {
    const slot = this.#slot[this.#read & this.#mask]!;
    return slot < 0 ? 0 : this.#pool.offset(slot);
  }

  /** Removes the first segment of rcv_queue and refills it from rcv_buf; tells the peer when the window opens by that. */
  drop(): void {
    const full = this.queued >= this.#room;
    const index = this.#read & this.#mask;
    const slot = this.#slot[index]!;
    if (slot >= 0) this.#pool.give(slot);
    this.#slot[index] = ABSENT;
    this.#read = (this.#read + 1) >>> 0;
    if (this.#stretch > 0) this.#stretch -= 1;
    this.#deliver();
    if (full && this.queued < this.#room) this.probe |= ASK_TELL;
  }

  /** Copies the next message to `target` and removes it; its length, -1 when there is none, -2 when `target` is too small. */
  read(target: Uint8Array): number {
    const size = this.peekSize();
    if (size < 0) return -1;
    if (size > target.length) return -2;
    // Counted before: dropping refills the queue, possibly with the beginning of another message.
    let left = this.queued;
    let at = 0;
    for (let more = true; more && left > 0; left--) {
      const start = this.headOffset;
      target.set(this.headBytes.subarray(start, start + this.headLength), at);
      at += this.headLength;
      more = this.headFrg !== 0;
      this.drop();
    }
    return size;
  }

  /** Acknowledgements that fill a packet of `mtu` bytes; half of them while the other half repeats those of the last one. */
  acksOfPacket(mtu: number, now: number): number {
    const most = Math.floor(mtu / OVERHEAD);
    return this.#repeats?.active(now) ? most >> 1 : most;
  }

  /** Writes the acknowledgements: those that una covers only when they are the last of the list. Returns how many. */
  writeAcks(writer: PacketWriter, now: number): number {
    const count = this.ackCount;
    const repeats = this.#repeats;
    let written = 0;
    if (repeats?.active(now)) written = repeats.write(writer, this.rcvNxt, Math.floor(writer.mtu / OVERHEAD) - count);
    for (let index = 0; index < count; index++) {
      const sn = this.#ackSn[index]!;
      writer.reserve(OVERHEAD);
      if (index < count - 1 && serialDiff(sn, this.rcvNxt) < 0) continue;
      const ts = this.#ackTs[index]!;
      writer.header(CMD_ACK, 0, ts, sn, 0);
      writer.lastTs = ts;
      writer.lastSn = sn;
      repeats?.remember(sn, ts);
      written += 1;
    }
    this.ackCount = 0;
    repeats?.turn();
    return written;
  }

  /** Makes the rings as small as their content allows, when they are much larger. */
  shrink(): void {
    // How far rcv_buf reaches is not tracked, so the ring shrinks only while nothing is out of order.
    if (this.buffered === 0) {
      let capacity = CAPACITY_MIN;
      while (capacity < this.queued) capacity *= 2;
      if (capacity * 4 <= this.#mask + 1) this.#resize(capacity);
    }
    if (this.ackCount === 0 && this.#ackSn.length > CAPACITY_MIN) {
      this.#ackSn = new Uint32Array(CAPACITY_MIN);
      this.#ackTs = new Uint32Array(CAPACITY_MIN);
    }
  }

  /** Gives all payload back and forgets what is unread and unacknowledged. */
  clear(): void {
    for (let index = 0; index <= this.#mask; index++) {
      const slot = this.#slot[index]!;
      if (slot >= 0) this.#pool.give(slot);
      this.#slot[index] = ABSENT;
    }
    this.#read = this.rcvNxt;
    this.buffered = 0;
    this.#stretch = 0;
    this.ackCount = 0;
    this.probe = 0;
  }

  /** Remembers to acknowledge (sn, ts). */
  #owe(sn: number, ts: number): void {
    const count = this.ackCount;
    if (count === this.#ackSn.length) {
      const capacity = Math.min(count * 2, ACKLIST_MAX);
      this.#ackSn = moved(this.#ackSn, new Uint32Array(capacity), 0, 0, count);
      this.#ackTs = moved(this.#ackTs, new Uint32Array(capacity), 0, 0, count);
    }
    this.#ackSn[count] = sn;
    this.#ackTs[count] = ts;
    this.ackCount = count + 1;
  }

  /** Keeps a copy of a segment with sn in [rcvNxt, rcvNxt + wnd); returns false when it is already there. */
  #insert(sn: number, frg: number, bytes: Uint8Array, offset: number, length: number): boolean {
    const distance = (sn - this.#read) >>> 0;
    if (distance > this.#mask) {
      let capacity = this.#mask + 1;
      while (distance >= capacity) capacity *= 2;
      this.#resize(capacity);
    }
    const index = sn & this.#mask;
    if (this.#slot[index] !== ABSENT) {
      this.#deliver();
      return false;
    }
    let slot = EMPTY;
    if (length > 0) {
      slot = this.#pool.take();
      this.#pool.write(slot, 0, bytes, offset, length);
    }
    this.#slot[index] = slot;
    this.#length[index] = length;
    this.#frg[index] = frg;
    this.buffered += 1;
    this.#deliver();
    return true;
  }

  /** Moves what has become in order from rcv_buf to rcv_queue. */
  #deliver(): void {
    // While rcv_buf holds anything, the ring reaches beyond rcvNxt, so its index is not that of an unread segment.
    for (;;) {
      while (this.buffered > 0 && this.queued < this.#room && this.#slot[this.rcvNxt & this.#mask] !== ABSENT) {
        this.buffered -= 1;
        this.rcvNxt = (this.rcvNxt + 1) >>> 0;
      }
      if (this.queued < this.#room || this.readable) return;
      this.#stretch = this.headFrg + 1;
    }
  }

  #resize(capacity: number): void {
    const from = this.#read & this.#mask;
    const to = this.#read & (capacity - 1);
    const count = Math.min(capacity, this.#mask + 1);
    this.#slot = moved(this.#slot, new Int32Array(capacity).fill(ABSENT), from, to, count);
    this.#length = moved(this.#length, new Uint16Array(capacity), from, to, count);
    this.#frg = moved(this.#frg, new Uint8Array(capacity), from, to, count);
    this.#mask = capacity - 1;
  }
}
