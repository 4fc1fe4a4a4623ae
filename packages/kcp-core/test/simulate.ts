// Two conversations over a simulated path on a virtual clock: constant delay, seeded loss, duplication and reordering.
// Driven as a program would: flush when nextTimeout says so, after writing, and once for each batch that arrives together.

import { Random } from '@kcptun/testkit';
import { Kcp, type KcpOptions } from '../src/index.ts';

export interface PathOptions {
  readonly seed: number;
  /** One-way delay in ms. */
  readonly delay: number;
  readonly loss?: number;
  readonly duplicate?: number;
  /** Probability of arriving up to 20 ms late. */
  readonly late?: number;
}

interface Flight {
  readonly at: number;
  readonly packet: Uint8Array;
}

export class Pair {
  readonly a: Kcp;
  readonly b: Kcp;
  now: number;
  /** Called after every step, to write. */
  onStep: () => void = () => {};
  /** Called when packets have been taken in and before they are answered, to read: what stays unread closes the window. */
  onArrival: (end: Kcp) => void = () => {};
  readonly #path: PathOptions;
  readonly #random: Random;
  readonly #toA: Flight[] = [];
  readonly #toB: Flight[] = [];

  constructor(options: Omit<KcpOptions, 'sink' | 'conv'>, path: PathOptions, now = 0.25) {
    this.now = now;
    this.#path = path;
    this.#random = new Random(path.seed);
    this.a = new Kcp({ ...options, conv: 7, sink: (packet) => this.#carry(this.#toB, packet) });
    this.b = new Kcp({ ...options, conv: 7, sink: (packet) => this.#carry(this.#toA, packet) });
  }

  /** Goes on until nothing is left to do or `until` (ms) has come; returns whether it became idle. */
  run(until: number): boolean {
    this.onStep();
    while (this.now <= until) {
      const times = [this.#toA[0]?.at, this.#toB[0]?.at, this.a.nextTimeout(this.now), this.b.nextTimeout(this.now)];
      const next = Math.min(...times.map((time) => time ?? Number.POSITIVE_INFINITY));
      if (next === Number.POSITIVE_INFINITY) return true;
      this.now = Math.max(this.now, next);
      this.#arrive(this.a, this.#toA);
      this.#arrive(this.b, this.#toB);
      for (const end of [this.a, this.b]) {
        const timeout = end.nextTimeout(this.now);
        if (timeout !== undefined && timeout <= this.now) end.flush(this.now);
      }
      this.onStep();
    }
    return false;
  }

  #carry(flights: Flight[], packet: Uint8Array): void {
    const { delay, loss = 0, duplicate = 0, late = 0 } = this.#path;
    if (this.#random.chance(loss)) return;
    const copies = this.#random.chance(duplicate) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const at = this.now + delay + (this.#random.chance(late) ? this.#random.float() * 20 : 0);
      let place = flights.length;
      while (place > 0 && flights[place - 1]!.at > at) place -= 1;
      flights.splice(place, 0, { at, packet });
    }
  }

  #arrive(end: Kcp, flights: Flight[]): void {
    let count = 0;
    while (count < flights.length && flights[count]!.at <= this.now) {
      const { packet } = flights[count]!;
      end.input(packet, 0, packet.length, this.now);
      if (!end.deferFlush) this.onArrival(end);
      count += 1;
    }
    flights.splice(0, count);
    if (count > 0) this.onArrival(end);
    if (end.deferFlush) end.flushDeferred(this.now);
  }
}
