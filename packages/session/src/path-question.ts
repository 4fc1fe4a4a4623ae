// A question that only somebody who got it can answer, put to every KCP in its own words.
//
// A data segment with an sn from long before the window, without payload: whoever gets it
// acknowledges it, by that sn, and delivers nothing (PROTOCOL kcp §6.4). The sn is random, one of
// 2^31 less a few: an acknowledgement of it is an echo. Neither what was recorded nor what was made
// of it can hold it. It goes out beside FEC, or the parity of its group would tell it elsewhere.
//
// The peer writes an acknowledgement from before its window only when that is the last one of its
// list (PROTOCOL kcp §8.1). So the question leaves behind everything else, nothing that is to be
// acknowledged follows it for a while, and it is asked again.

import { type RandomSource, readU32 } from '@kcptun/common';
import { CMD_ACK, CMD_PUSH, OVERHEAD } from '@kcptun/kcp-core';

/** How far behind the window the sn is at least, in segments: more than any window. */
const LEAST_DISTANCE = 2 ** 20;
const DISTANCES = 2 ** 31 - 2 * LEAST_DISTANCE;
/** Time until it is asked again in ms; doubles each time. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 4000;
/**
 * Least time between two, in ms: what comes meanwhile may hold the answer. To a path that has not
 * answered no data follow the question for so long.
 */
export const LEAST_PAUSE = 50;

/** How often it is asked while nothing comes. */
const VAIN_MOST = 4;

/** An open question. */
export class PathQuestion {
  /** sn by which its answer is known. */
  readonly sn: number;
  /** When to ask the next time, in ms. */
  next: number = Number.NEGATIVE_INFINITY;
  /** How often it was asked. */
  count = 0;
  /** When it was asked last, in ms. */
  askedAt: number = Number.NEGATIVE_INFINITY;
  #vain = 0;

  /** @param sndUna - first sn that is not acknowledged */
  constructor(random: RandomSource, sndUna: number) {
    const word = new Uint8Array(4);
    random(word);
    this.sn = (sndUna - LEAST_DISTANCE - Math.floor((readU32(word, 0) / 2 ** 32) * DISTANCES)) >>> 0;
  }

  /** It has been asked. */
  asked(now: number): void {
    this.askedAt = now;
    this.#vain += 1;
    this.next = this.#vain === VAIN_MOST ? Number.POSITIVE_INFINITY : now + Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** this.count);
    this.count += 1;
  }

  /** Something came that was no answer: the question may have been lost, or its answer left out. */
  hurry(): void {
    this.#vain = 0;
    this.next = Math.min(this.next, this.askedAt + LEAST_PAUSE);
  }

  /**
   * Looks for the answer in a KCP packet.
   * @param end - behind its last byte
   * @returns the una that came with the answer; -1 when there is none
   */
  answeredBy(bytes: Uint8Array, offset: number, end: number): number {
    for (let at = offset; end - at >= OVERHEAD; ) {
      if (bytes[at + 4] === CMD_ACK && readU32(bytes, at + 12) === this.sn) return readU32(bytes, at + 16);
      const size = readU32(bytes, at + 20);
      if (size > end - at - OVERHEAD) return -1;
      at += OVERHEAD + size;
    }
    return -1;
  }
}

/** Whether a packet can be a question: no other data segment is empty. */
export function isQuestion(bytes: Uint8Array, offset: number, length: number): boolean {
  return length === OVERHEAD && bytes[offset + 4] === CMD_PUSH;
}
