// Counting for fast retransmission (PROTOCOL kcp §6.4b). By the letter every ACK walks the whole window up to its sn; here
// the ACKs of a packet, or of a whole batch of packets, are collected and applied in one walk, and the walk leaves out the
// settled front of the window. The packets are the same:
//
// * An ACK (sn, ts) counts for the segments below sn whose last transmission is not newer than ts. Neither changes before
//   the next full flush, and ACKs are applied before it, so the order of ACKs does not matter.
// * Segments that una removes in between would have asked for a flush, but their removal asks for one as well.
// * A segment is settled when its exact count has no effect any more: it was retransmitted early (DONE), or it is
//   acknowledged and stands at the threshold. The latter still asks for a flush whenever it is counted again; the highest
//   such segment, the witness, nearly always speaks for all of them.
//
//      una                    settled                   highest ACK
//       v                       v                            v
//       [ DONE, or acknowledged | counted one by one         )        witness: highest acknowledged one before `settled`

import { serialDiff } from '@kcptun/common';
import { AckCounts } from './ack-counts.ts';
import { FASTACK_DONE } from './constants.ts';
import type { SendWindow } from './send-window.ts';

/** ACKs collected before a walk of the window is due: so many share its cost. */
export const FAST_ACK_LOG_MAX = 2048;
/** Above it, ACKs whose times go in all directions are counted by a tree. */
const FEW = 16;
/** Keeps keys positive. */
const KEY_BIAS = 2 ** 20;

const COUNT_MAX = 0x7fff_fffe;

/** ACKs that have not been applied yet, in the order of sn, and what earlier ones have led to. */
export class FastAcks {
  /** Number of ACKs collected. */
  count = 0;
  /** Whether an unacknowledged segment has reached the threshold. */
  fastDue = false;
  /** Whether an unacknowledged segment has been counted at all: all such are in [low, high]. */
  earlyDue = false;
  /** First sn that may have been counted. */
  low = 0;
  /** Last sn that may have been counted. */
  high = 0;
  #unordered = false;
  #dominance: AckCounts | undefined = undefined;
  #sn: Int32Array = new Int32Array(8);
  #ts: Int32Array = new Int32Array(8);
  #settled: number;
  #witness = 0;
  #hasWitness = false;

  /** @param startSn - first sn of the window */
  constructor(startSn: number) {
    this.#settled = startSn;
  }

  /** Collects an ACK whose sn is in the window. Apply first when `count` is {@link FAST_ACK_LOG_MAX}. */
  add(sn: number, ts: number): void {
    if (this.count === this.#sn.length) this.#grow();
    const sns = this.#sn;
    const tss = this.#ts;
    const at = this.count;
    if (at > 0 && serialDiff(sns[at - 1]!, sn) > 0) this.#unordered = true;
    sns[at] = sn;
    tss[at] = ts;
    this.count += 1;
  }

  /**
   * Adds the collected ACKs to the segments' counts, from the highest sn down.
   * @param threshold - counts from here on ask for a flush (`resend`)
   * @returns whether a segment that was counted now stands at the threshold or above; acknowledged ones count too
   */
  apply(window: SendWindow, threshold: number): boolean {
    const una = window.una;
    // Serial numbers must not be left behind by half of their circle.
    if (serialDiff(this.#settled, una) < 0) this.unsettle(una);
    if (this.earlyDue && serialDiff(this.high, una) < 0) this.earlyDue = false;
    if (this.count === 0) return false;
    if (this.#unordered) this.#sort(una);
    let from = this.#settled;
    let due = false;
    if (this.#hasWitness && serialDiff(this.#witness, una) >= 0) {
      // ACKs that do not count for the witness may still count for another segment of the settled front.
      if (this.#counts(this.#witness, window.ts[this.#witness & window.mask]!)) due = true;
      else from = una;
    } else {
      this.#hasWitness = false;
    }
    if (this.#walk(window, threshold, from)) due = true;
    this.count = 0;
    return due;
  }

  /** The count of a segment was set back, or the threshold changed: nothing is settled any more. */
  unsettle(una: number): void {
    this.#settled = una;
    this.#hasWitness = false;
  }

  /** Notes an unacknowledged segment that has been counted. */
  note(sn: number): void {
    if (!this.earlyDue) {
      this.earlyDue = true;
      this.low = sn;
      this.high = sn;
    } else if (serialDiff(sn, this.low) < 0) {
      this.low = sn;
    } else if (serialDiff(sn, this.high) > 0) {
      this.high = sn;
    }
  }

  /** Forgets everything. */
  clear(una: number): void {
    this.count = 0;
    this.#unordered = false;
    this.fastDue = false;
    this.earlyDue = false;
    this.unsettle(una);
  }

  /** Counts for the segments from the highest ACK down to `from`, and finds out how far the window is settled now. */
  #walk(window: SendWindow, threshold: number, from: number): boolean {
    const sns = this.#sn;
    const tss = this.#ts;
    const fastacks = window.fastack;
    const times = window.ts;
    const slots = window.slot;
    const mask = window.mask;
    const total = this.count;
    const base = tss[total - 1]!;
    let rest = total;
    let low = 0;
    let high = 0;
    let due = false;
    let settled = sns[total - 1]!;
    let witness = 0;
    let hasWitness = false;
    const tree = total > FEW ? this.#counter() : undefined;
    for (let sn = (sns[total - 1]! - 1) | 0; serialDiff(sn, from) >= 0; sn = (sn - 1) | 0) {
      while (rest > 0 && serialDiff(sns[rest - 1]!, sn) > 0) {
        rest -= 1;
        const distance = serialDiff(tss[rest]!, base);
        if (distance < low) low = distance;
        if (distance > high) high = distance;
      }
      const index = sn & mask;
      const before = fastacks[index]!;
      if (before === FASTACK_DONE) continue;
      const age = serialDiff(times[index]!, base);
      // Not newer than the oldest of the ACKs above: all count. The second test keeps serial arithmetic from wrapping.
      let counted = total - rest;
      if (age > low || high - age > 0x7fff_ffff) counted = this.#countFrom(rest, times[index]!, tree);
      const after = Math.min(before + counted, COUNT_MAX);
      fastacks[index] = after;
      const reached = after >= threshold;
      if (counted > 0) {
        if (reached) due = true;
        if (slots[index]! >= 0) {
          this.note(sn >>> 0);
          if (reached) this.fastDue = true;
        }
      }
      if (slots[index]! >= 0 || !reached) {
        settled = sn;
        hasWitness = false;
      } else if (!hasWitness) {
        hasWitness = true;
        witness = sn;
      }
    }
    if (serialDiff(settled, this.#settled) > 0) this.#settled = settled;
    if (hasWitness && (!this.#hasWitness || serialDiff(witness, this.#witness) > 0)) {
      this.#hasWitness = true;
      this.#witness = witness;
    }
    return due;
  }

  /** Whether one of the ACKs counts for a segment. */
  #counts(sn: number, ts: number): boolean {
    for (let index = this.count - 1; index >= 0 && serialDiff(this.#sn[index]!, sn) > 0; index--) {
      if (serialDiff(ts, this.#ts[index]!) <= 0) return true;
    }
    return false;
  }

  #counter(): AckCounts {
    this.#dominance ??= new AckCounts();
    this.#dominance.begin(this.#ts, this.count);
    return this.#dominance;
  }

  #countFrom(from: number, ts: number, tree: AckCounts | undefined): number {
    if (tree !== undefined) return tree.count(from, ts);
    let counted = 0;
    for (let index = from; index < this.count; index++) if (serialDiff(ts, this.#ts[index]!) <= 0) counted += 1;
    return counted;
  }

  /** Puts the ACKs into the order of their sn, a rare thing to have to do. */
  #sort(una: number): void {
    const { count } = this;
    const sns = this.#sn;
    const tss = this.#ts;
    const keys = new Float64Array(count);
    // Both numbers in one: windows are narrow, and una may have passed some.
    for (let at = 0; at < count; at++) keys[at] = (serialDiff(sns[at]!, una) + KEY_BIAS) * 2 ** 32 + (tss[at]! >>> 0);
    keys.sort();
    for (let at = 0; at < count; at++) {
      const key = keys[at]!;
      sns[at] = una + Math.floor(key / 2 ** 32) - KEY_BIAS;
      tss[at] = key % 2 ** 32;
    }
    this.#unordered = false;
  }

  #grow(): void {
    const sn = new Int32Array(this.#sn.length * 2);
    const ts = new Int32Array(this.#ts.length * 2);
    sn.set(this.#sn);
    ts.set(this.#ts);
    this.#sn = sn;
    this.#ts = ts;
  }
}
