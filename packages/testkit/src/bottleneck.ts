// The narrow place of a path: a policer, then a queue of so many packets, then a line with a capacity
// that may change. Several SimLinks that are given the same one share it, as flows through one router do.
//
//   enqueue -> policer (token bucket) -> queue (in packets) -> line (capacity)
//
// What leaves when is known as a packet comes, because the queue is first in, first out: there is no event.

import type { Capacity } from './capacity.ts';

/** What a {@link Bottleneck} is like. */
export interface BottleneckOptions {
  readonly capacity: Capacity;
  /** Packets that wait or are on their way out at most (default no limit). */
  readonly queue?: number;
  /** What comes faster than this is dropped without a queue. */
  readonly policer?: { readonly bytesPerMs: number; readonly burstBytes: number };
}

const QUEUE_LEAST = 16;

/** A narrow place that links share. */
export class Bottleneck {
  /** Packets given, and of those dropped by the full queue and by the policer. */
  offered = 0;
  overflowed = 0;
  policed = 0;
  readonly #capacity: Capacity;
  readonly #queue: number;
  readonly #policer: BottleneckOptions['policer'];
  #tokens: number;
  #tokensAt = 0;
  #freeAt = 0;
  /** When those that wait have gone out, in a ring. */
  #leaves: Float64Array = new Float64Array(QUEUE_LEAST);
  #head = 0;
  #waiting = 0;

  constructor(options: BottleneckOptions) {
    this.#capacity = options.capacity;
    this.#queue = options.queue ?? Number.POSITIVE_INFINITY;
    if (!(this.#queue >= 1)) throw new RangeError(`queue must be at least 1, got ${this.#queue}`);
    this.#policer = options.policer;
    this.#tokens = options.policer?.burstBytes ?? 0;
  }

  /** Packets that wait or are on their way out at `now`. */
  waiting(now: number): number {
    while (this.#waiting > 0 && (this.#leaves[this.#head] as number) <= now) {
      this.#head = (this.#head + 1) & (this.#leaves.length - 1);
      this.#waiting -= 1;
    }
    return this.#waiting;
  }

  /** Ms that a packet that comes now would wait. */
  delay(now: number): number {
    return Math.max(0, this.#freeAt - now);
  }

  /**
   * Takes a packet.
   * @param now - ms; must not go back
   * @returns when it has gone out, or -1 when it is dropped
   */
  enqueue(now: number, bytes: number): number {
    this.offered += 1;
    if (this.#isPoliced(now, bytes)) {
      this.policed += 1;
      return -1;
    }
    if (this.waiting(now) >= this.#queue) {
      this.overflowed += 1;
      return -1;
    }
    this.#freeAt = this.#capacity.finish(Math.max(now, this.#freeAt), bytes);
    if (this.#waiting === this.#leaves.length) this.#grow();
    this.#leaves[(this.#head + this.#waiting) & (this.#leaves.length - 1)] = this.#freeAt;
    this.#waiting += 1;
    return this.#freeAt;
  }

  #isPoliced(now: number, bytes: number): boolean {
    const policer = this.#policer;
    if (policer === undefined) return false;
    this.#tokens = Math.min(policer.burstBytes, this.#tokens + (now - this.#tokensAt) * policer.bytesPerMs);
    this.#tokensAt = now;
    if (this.#tokens < bytes) return true;
    this.#tokens -= bytes;
    return false;
  }

  #grow(): void {
    const leaves = new Float64Array(2 * this.#leaves.length);
    for (let index = 0; index < this.#waiting; index++) {
      leaves[index] = this.#leaves[(this.#head + index) & (this.#leaves.length - 1)] as number;
    }
    this.#leaves = leaves;
    this.#head = 0;
  }
}
