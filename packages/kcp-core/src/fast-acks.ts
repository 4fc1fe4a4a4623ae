// Counting for fast retransmission (PROTOCOL kcp §6.4b). By the letter every ACK walks the whole window up to its sn; here
// the ACKs of a packet, or of a whole batch of packets, are collected and applied in one walk. The result is the same:
//
// * An ACK (sn, ts) counts for the segments below sn whose last transmission is not newer than ts. Neither changes before
//   the next full flush, and ACKs are applied before it, so the order of ACKs does not matter.
// * Segments that una removes in between would have asked for a flush, but their removal asks for one as well.

import { serialDiff } from '@kcptun/common';
import { FASTACK_DONE } from './constants.ts';
import type { SendWindow } from './send-window.ts';

/** ACKs collected before a walk is due. Kept small, since they are sorted by insertion. */
export const FAST_ACK_LOG_MAX = 256;

/** ACKs that have not been applied yet, in the order of sn. */
export class FastAcks {
  /** Number of ACKs collected. */
  count = 0;
  /** Whether an unacknowledged segment has reached the threshold: the next full flush must walk the window. */
  fastDue = false;
  /** Whether an unacknowledged segment has been counted at all: a full flush without new data must walk the window. */
  earlyDue = false;
  #sn: Uint32Array = new Uint32Array(8);
  #ts: Uint32Array = new Uint32Array(8);

  /** Collects an ACK whose sn is in the window. Apply first when `count` is {@link FAST_ACK_LOG_MAX}. */
  add(sn: number, ts: number): void {
    if (this.count === this.#sn.length) this.#grow();
    const sns = this.#sn;
    const tss = this.#ts;
    // ACKs come nearly in order, so this rarely moves anything.
    let at = this.count;
    while (at > 0 && serialDiff(sns[at - 1]!, sn) > 0) {
      sns[at] = sns[at - 1]!;
      tss[at] = tss[at - 1]!;
      at -= 1;
    }
    sns[at] = sn;
    tss[at] = ts;
    this.count += 1;
  }

  /**
   * Adds the collected ACKs to the segments' counts, in one walk from the highest sn down.
   * @param threshold - counts from here on ask for a flush (`resend`, u32)
   * @returns whether a segment that was counted now stands at the threshold or above; acknowledged ones count too
   */
  apply(window: SendWindow, threshold: number): boolean {
    const sns = this.#sn;
    const tss = this.#ts;
    const una = window.una;
    const fastacks = window.fastack;
    const mask = window.mask;
    let rest = this.count;
    this.count = 0;
    if (rest === 0) return false;
    const total = rest;
    const base = tss[rest - 1]!;
    let low = 0;
    let high = 0;
    let due = false;
    for (let sn = (sns[rest - 1]! - 1) >>> 0; serialDiff(sn, una) >= 0; sn = (sn - 1) >>> 0) {
      while (rest > 0 && serialDiff(sns[rest - 1]!, sn) > 0) {
        rest -= 1;
        const distance = serialDiff(tss[rest]!, base);
        if (distance < low) low = distance;
        if (distance > high) high = distance;
      }
      const index = sn & mask;
      const before = fastacks[index]!;
      if (before === FASTACK_DONE) continue;
      const age = serialDiff(window.ts[index]!, base);
      // Not newer than the oldest of the ACKs above: all count. The second test keeps serial arithmetic from wrapping.
      let counted = total - rest;
      if (age > low || high - age > 0x7fff_ffff) counted = this.#countFrom(rest, total, window.ts[index]!);
      if (counted === 0) continue;
      const after = Math.min(before + counted, FASTACK_DONE - 1);
      fastacks[index] = after;
      const reached = after >= threshold;
      if (reached) due = true;
      if (window.slot[index]! >= 0) {
        this.earlyDue = true;
        if (reached) this.fastDue = true;
      }
    }
    return due;
  }

  /** Forgets everything. */
  clear(): void {
    this.count = 0;
    this.fastDue = false;
    this.earlyDue = false;
  }

  #countFrom(from: number, total: number, ts: number): number {
    let counted = 0;
    for (let index = from; index < total; index++) if (serialDiff(ts, this.#ts[index]!) <= 0) counted += 1;
    return counted;
  }

  #grow(): void {
    const sn = new Uint32Array(this.#sn.length * 2);
    const ts = new Uint32Array(this.#ts.length * 2);
    sn.set(this.#sn);
    ts.set(this.#ts);
    this.#sn = sn;
    this.#ts = ts;
  }
}
