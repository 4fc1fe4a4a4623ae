// How a receiver finds out the sender's shard counts (PROTOCOL fec §6): it remembers the last packets, puts them into
// order and measures the first whole run of data and of parity. Any missing id before the end of a run: no answer.

import { serialDiff } from '@kcptun/common';

/** How many packets are remembered: a little more than the largest group. */
export const TUNE_SAMPLES = 258;
/**
 * Steps that an attempt to put the samples into order may take. One that needs more is given up, and the next is made
 * {@link TUNE_SAMPLES} packets later, with as many as it needs.
 */
export const MAX_TUNE_STEPS = 2064;

/** Remembers packets and measures the runs of their types. */
export class AutoTuner {
  readonly #seqids: Uint32Array = new Uint32Array(TUNE_SAMPLES);
  readonly #isData: Uint8Array = new Uint8Array(TUNE_SAMPLES);
  #count = 0;
  #next = 0;
  #samples = 0;
  /** No attempt before so many samples in all. */
  #waitsUntil = 0;
  /** The next attempt may take as many steps as it needs. */
  #free = true;
  /** Steps that all attempts have taken. */
  steps = 0;
  readonly #sortedSeqids: Uint32Array = new Uint32Array(TUNE_SAMPLES);
  readonly #sortedIsData: Uint8Array = new Uint8Array(TUNE_SAMPLES);

  /** Remembers a packet in place of the oldest one. */
  sample(isData: boolean, seqid: number): void {
    this.#seqids[this.#next] = seqid;
    this.#isData[this.#next] = isData ? 1 : 0;
    this.#next = this.#next + 1 === TUNE_SAMPLES ? 0 : this.#next + 1;
    if (this.#count < TUNE_SAMPLES) this.#count += 1;
    this.#samples += 1;
  }

  /**
   * Puts the samples into order, for {@link period}. Packets come nearly in order, which makes it one pass; the worst order costs
   * 33,000 steps, which nobody can have taken for each packet.
   * @returns false when they are too far from it for now
   */
  sort(): boolean {
    if (this.#samples < this.#waitsUntil) return false;
    let left = this.#free ? Number.POSITIVE_INFINITY : MAX_TUNE_STEPS;
    // Insertion, oldest first.
    const seqids = this.#sortedSeqids;
    const isData = this.#sortedIsData;
    let from = this.#count < TUNE_SAMPLES ? 0 : this.#next;
    for (let index = 0; index < this.#count; index++) {
      const seqid = this.#seqids[from]!;
      let place = index;
      while (place > 0 && serialDiff(seqids[place - 1]!, seqid) > 0) {
        seqids[place] = seqids[place - 1]!;
        isData[place] = isData[place - 1]!;
        place -= 1;
      }
      seqids[place] = seqid;
      isData[place] = this.#isData[from]!;
      from = from + 1 === TUNE_SAMPLES ? 0 : from + 1;
      left -= index - place;
      this.steps += 1 + index - place;
      if (left < 0) {
        this.#waitsUntil = this.#samples + TUNE_SAMPLES;
        this.#free = true;
        return false;
      }
    }
    this.#free = false;
    return true;
  }

  /** Length of the first whole run of data (or parity) packets in the sorted samples; -1 when there is none. */
  period(data: boolean): number {
    const wanted = data ? 1 : 0;
    const seqids = this.#sortedSeqids;
    const isData = this.#sortedIsData;
    let left = -1;
    for (let index = 1; index < this.#count; index++) {
      if (seqids[index] !== (seqids[index - 1]! + 1) >>> 0) return -1;
      if (left < 0) {
        if (isData[index - 1] !== wanted && isData[index] === wanted) left = index;
      } else if (isData[index] !== wanted) {
        return index - left;
      }
    }
    return -1;
  }
}
