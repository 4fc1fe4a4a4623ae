// Acknowledgements are sent once, and where many datagrams are lost on the way back, the sender sees
// losses that did not happen: that is the limit at high loss. Segments that arrive twice tell of it.
// While they do, datagrams with acknowledgements leave half full, and the other half repeats those of
// the datagram before that una does not cover. A sender ignores what it knows already.

import { serialDiff } from '@kcptun/common';
import { CMD_ACK, OVERHEAD } from './constants.ts';
import type { PacketWriter } from './packet-writer.ts';

/** Segments and ms of one look at how many arrive twice. */
const LOOK_SEGMENTS = 64;
const LOOK_MS = 200;
const WEIGHT = 0.3;
/** Share of segments that arrive twice from which on it is worth it, and for how long after that, in ms. */
const SHARE = 0.01;
const HOLD_MS = 10_000;
/** Most acknowledgements that are remembered: a datagram's. */
const MOST = 64;

/** Repeats the acknowledgements of one receiver while that helps. */
export class AckRepeats {
  #fresh = 0;
  #again = 0;
  #lookedAt = 0;
  #share = 0;
  #until: number = Number.NEGATIVE_INFINITY;
  #sn: Uint32Array = new Uint32Array(MOST);
  #ts: Uint32Array = new Uint32Array(MOST);
  #count = 0;
  #nextSn: Uint32Array = new Uint32Array(MOST);
  #nextTs: Uint32Array = new Uint32Array(MOST);
  #nextCount = 0;

  /** A data segment has arrived; `fresh`: for the first time. */
  note(fresh: boolean): void {
    if (fresh) this.#fresh += 1;
    else this.#again += 1;
  }

  /** Whether acknowledgements are repeated at `now` (ms). */
  active(now: number): boolean {
    const total = this.#fresh + this.#again;
    if (total >= LOOK_SEGMENTS && now - this.#lookedAt >= LOOK_MS) {
      this.#share += (this.#again / total - this.#share) * WEIGHT;
      this.#fresh = 0;
      this.#again = 0;
      this.#lookedAt = now;
      if (this.#share > SHARE) this.#until = now + HOLD_MS;
    }
    return now < this.#until;
  }

  /** Remembers an acknowledgement that is being written. */
  remember(sn: number, ts: number): void {
    if (this.#nextCount === MOST) return;
    this.#nextSn[this.#nextCount] = sn;
    this.#nextTs[this.#nextCount] = ts;
    this.#nextCount += 1;
  }

  /**
   * Writes those of the datagram before, in front of the fresh ones: the newest come last.
   * @param rcvNxt - una speaks for what lies before
   * @param most - how many at most
   * @returns how many were written
   */
  write(writer: PacketWriter, rcvNxt: number, most: number): number {
    let written = 0;
    for (let index = 0; index < this.#count && written < most; index++) {
      const sn = this.#sn[index]!;
      if (serialDiff(sn, rcvNxt) < 0) continue;
      writer.reserve(OVERHEAD);
      writer.header(CMD_ACK, 0, this.#ts[index]!, sn, 0);
      written += 1;
    }
    return written;
  }

  /** Ends a flush that wrote acknowledgements: what was remembered is what the next one repeats. */
  turn(): void {
    const sn = this.#sn;
    const ts = this.#ts;
    this.#sn = this.#nextSn;
    this.#ts = this.#nextTs;
    this.#count = this.#nextCount;
    this.#nextSn = sn;
    this.#nextTs = ts;
    this.#nextCount = 0;
  }
}
