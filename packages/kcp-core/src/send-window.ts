// The sender's segments, one ring of parallel typed arrays indexed by sn: no object per segment.
//
//   kept      una                 unsent            nxt                    end
//    v         v                    v                v                      v
//    [ on the  [ in flight, acked.. | moved by an     | snd_queue: numbered  |
//    [ word of | ......snd_buf..... | ACK-only flush  | but not yet sent     |      index = sn & mask
//      one packet
//
// A queued segment has its future sn from the start, so moving it from snd_queue to snd_buf is `nxt + 1`.
// slot < 0 marks an acknowledged segment: its place stays until una passes it (PROTOCOL kcp §6).
//
// As in kcp-go, a payload is gone as soon as one packet acknowledges it. With `keeps` it stays until
// a second packet says so too (`confirm`): `slot` then holds the complement of the payload's slot,
// and `retract` and `revive` take back what a single packet has said and later ones contradict.

import { serialDiff } from '@kcptun/common';
import { FRAGMENTS_MAX } from './constants.ts';
import { moved } from './ring-column.ts';
import type { SegmentPool } from './segment-pool.ts';

const CAPACITY_MIN = 16;
/** Acknowledged, and the payload is gone. The complement of no slot. */
const ACKED = -0x8000_0000;

/** snd_buf and snd_queue of one conversation. The arrays are replaced when the ring grows: read them anew each time. */
export class SendWindow {
  /** Whether payload is kept until two packets have acknowledged it. */
  keeps = false;
  /** Most segments that are kept so behind una: the own send window, as much as one packet can acknowledge. */
  keepsMost = 0;
  /** First sn whose payload may still be here; `una` unless `keeps`. */
  kept: number;
  /** First sn that is not acknowledged by una (snd_una). */
  una: number;
  /** First sn that has never been transmitted: between `una` and `nxt`. */
  unsent: number;
  /** First sn behind snd_buf (snd_nxt). */
  nxt: number;
  /** First sn behind snd_queue. */
  end: number;
  /** Segments that were acknowledged, by una or by an ACK of their own. */
  delivered = 0;
  /** Acknowledged segments that una has not passed. */
  ackedAhead = 0;
  /** Index mask of all arrays. */
  mask: number = CAPACITY_MIN - 1;
  /** Time of the last transmission, low 32 bits of the ms. */
  ts: Int32Array = new Int32Array(CAPACITY_MIN);
  /** When the segment times out, ms. */
  resendts: Float64Array = new Float64Array(CAPACITY_MIN);
  /** Current timeout, ms. */
  rto: Uint32Array = new Uint32Array(CAPACITY_MIN);
  /** How many later transmissions were acknowledged, or FASTACK_DONE. */
  fastack: Int32Array = new Int32Array(CAPACITY_MIN);
  /** Number of transmissions. */
  xmit: Uint32Array = new Uint32Array(CAPACITY_MIN);
  /** Payload slot, negative once acknowledged. */
  slot: Int32Array = new Int32Array(CAPACITY_MIN);
  /** Payload bytes. */
  length: Uint16Array = new Uint16Array(CAPACITY_MIN);
  /** Fragments of the message that follow. */
  frg: Uint8Array = new Uint8Array(CAPACITY_MIN);
  readonly #pool: SegmentPool;

  constructor(pool: SegmentPool, startSn: number) {
    this.#pool = pool;
    this.kept = startSn;
    this.una = startSn;
    this.unsent = startSn;
    this.nxt = startSn;
    this.end = startSn;
  }

  /** Segments in snd_buf, acknowledged ones that una has not passed included. */
  get inflight(): number {
    return (this.nxt - this.una) >>> 0;
  }

  /** Segments in snd_queue. */
  get queued(): number {
    return (this.end - this.nxt) >>> 0;
  }

  /**
   * Appends a message to snd_queue, cut into segments of at most `mss` bytes (PROTOCOL kcp §4).
   * @param stream - the first bytes fill the last queued segment, and borders are not kept
   * @returns false when it needs more than 255 segments; in stream mode what filled up a segment stays there
   */
  pushMessage(bytes: Uint8Array, offset: number, length: number, mss: number, stream: boolean): boolean {
    if (stream) {
      const merged = this.extend(bytes, offset, length, mss);
      offset += merged;
      length -= merged;
      if (length === 0) return true;
    }
    const count = Math.ceil(length / mss);
    if (count > FRAGMENTS_MAX) return false;
    for (let left = count - 1; left >= 0; left--) {
      const part = Math.min(length, mss);
      this.push(bytes, offset, part, stream ? 0 : left);
      offset += part;
      length -= part;
    }
    return true;
  }

  /** Appends a segment to snd_queue. */
  push(bytes: Uint8Array, offset: number, length: number, frg: number): void {
    if ((this.end - this.kept) >>> 0 > this.mask) this.#resize((this.mask + 1) * 2);
    const index = this.end & this.mask;
    const slot = this.#pool.take();
    this.#pool.write(slot, 0, bytes, offset, length);
    this.slot[index] = slot;
    this.length[index] = length;
    this.frg[index] = frg;
    this.xmit[index] = 0;
    this.fastack[index] = 0;
    // A segment that an ACK-only flush moved counts as sent at 0 until it is transmitted.
    this.ts[index] = 0;
    this.end = (this.end + 1) >>> 0;
  }

  /** Fills the last queued segment up to `mss` bytes; returns how many bytes it took. */
  extend(bytes: Uint8Array, offset: number, length: number, mss: number): number {
    if (this.end === this.nxt) return 0;
    const index = (this.end - 1) & this.mask;
    const filled = this.length[index]!;
    const part = Math.min(length, mss - filled);
    if (part <= 0) return 0;
    this.#pool.write(this.slot[index]!, filled, bytes, offset, part);
    this.length[index] = filled + part;
    return part;
  }

  /** Moves segments from snd_queue to snd_buf while fewer than `limit` are in flight; returns how many. */
  admit(limit: number): number {
    const count = Math.min(limit - this.inflight, this.queued);
    if (count <= 0) return 0;
    this.nxt = (this.nxt + count) >>> 0;
    return count;
  }

  /** Takes everything before `una` as acknowledged; returns whether that was anything. */
  acknowledge(una: number): boolean {
    const count = Math.min(serialDiff(una, this.una), this.inflight);
    if (count <= 0) return false;
    let sn = this.una;
    for (let done = 0; done < count; done++) {
      if (this.slot[sn & this.mask]! >= 0) this.delivered += 1;
      else this.ackedAhead -= 1;
      sn = (sn + 1) >>> 0;
    }
    this.una = sn;
    if (serialDiff(sn, this.unsent) > 0) this.unsent = sn;
    // Beyond the limit the oldest give way: packets that FEC rebuilt acknowledge, and confirm nothing.
    if (!this.keeps) this.confirm(sn);
    else if ((sn - this.kept) >>> 0 > this.keepsMost) this.confirm((sn - this.keepsMost) >>> 0);
    return true;
  }

  /** Gives back the payload of what is before `sn`, at most up to una. */
  confirm(sn: number): void {
    if (serialDiff(sn, this.una) > 0) sn = this.una;
    let at = this.kept;
    if (serialDiff(sn, at) <= 0) return;
    while (at !== sn) {
      this.#free(this.slot[at & this.mask]!);
      at = (at + 1) >>> 0;
    }
    this.kept = sn;
  }

  /**
   * Takes una back to where it was before: what is from there on waits for acknowledgements again.
   * @returns false when that is before `kept`, or not before una
   */
  retract(una: number): boolean {
    const count = serialDiff(this.una, una);
    if (count <= 0 || serialDiff(una, this.kept) < 0) return false;
    for (let sn = una; sn !== this.una; sn = (sn + 1) >>> 0) {
      const index = sn & this.mask;
      this.fastack[index] = 0;
      if (this.slot[index]! < 0) this.ackedAhead += 1;
    }
    this.una = una;
    return true;
  }

  /** Takes back that the first segment of snd_buf was acknowledged; returns false when its payload is gone. */
  revive(): boolean {
    const index = this.una & this.mask;
    const slot = this.slot[index]!;
    if (this.una === this.nxt || slot >= 0 || slot === ACKED) return false;
    this.slot[index] = ~slot;
    this.fastack[index] = 0;
    this.ackedAhead -= 1;
    return true;
  }

  /** Whether `sn` is in snd_buf. */
  includes(sn: number): boolean {
    return (sn - this.una) >>> 0 < this.inflight;
  }

  /** Marks a segment of snd_buf as acknowledged; its payload is not needed any more, unless `keeps`. */
  markAcked(sn: number): void {
    const index = sn & this.mask;
    const slot = this.slot[index]!;
    if (slot < 0) return;
    if (this.keeps) {
      this.slot[index] = ~slot;
    } else {
      this.#pool.give(slot);
      this.slot[index] = ACKED;
    }
    this.delivered += 1;
    this.ackedAhead += 1;
  }

  /** Whether `sn` is in snd_buf and still waits for its acknowledgement. */
  pending(sn: number): boolean {
    return this.includes(sn) && this.slot[sn & this.mask]! >= 0;
  }

  /** Makes the ring as small as its content allows, when it is much larger. */
  shrink(): void {
    let capacity = CAPACITY_MIN;
    while (capacity < (this.end - this.kept) >>> 0) capacity *= 2;
    if (capacity * 4 <= this.mask + 1) this.#resize(capacity);
  }

  /** Gives all payload back and empties the window. */
  clear(): void {
    for (let sn = this.kept; sn !== this.end; sn = (sn + 1) >>> 0) this.#free(this.slot[sn & this.mask]!);
    this.kept = this.una;
    this.ackedAhead = 0;
    this.unsent = this.una;
    this.nxt = this.una;
    this.end = this.una;
  }

  #free(slot: number): void {
    if (slot >= 0) this.#pool.give(slot);
    else if (slot !== ACKED) this.#pool.give(~slot);
  }

  #resize(capacity: number): void {
    const from = this.kept & this.mask;
    const count = (this.end - this.kept) >>> 0;
    const to = this.kept & (capacity - 1);
    this.ts = moved(this.ts, new Int32Array(capacity), from, to, count);
    this.resendts = moved(this.resendts, new Float64Array(capacity), from, to, count);
    this.rto = moved(this.rto, new Uint32Array(capacity), from, to, count);
    this.fastack = moved(this.fastack, new Int32Array(capacity), from, to, count);
    this.xmit = moved(this.xmit, new Uint32Array(capacity), from, to, count);
    this.slot = moved(this.slot, new Int32Array(capacity), from, to, count);
    this.length = moved(this.length, new Uint16Array(capacity), from, to, count);
    this.frg = moved(this.frg, new Uint8Array(capacity), from, to, count);
    this.mask = capacity - 1;
  }
}
