// Carries what mode `auto` finds from one session of an address to the next (path-memory.ts).

import type { AutoSender, KnownPath } from '@kcptun/kcp-core';
import type { PathMemory } from './path-memory.ts';

/** How often a session that goes on writes down what it has found, in ms. */
const NOTE_EVERY = 10_000;

/** One session's part in the memory. */
export class PathRecord {
  /** What is known of the path when the session opens. */
  readonly known: KnownPath | undefined;
  readonly #memory: PathMemory;
  readonly #address: string;
  #nextAt: number;

  constructor(memory: PathMemory, address: string, now: number) {
    this.#memory = memory;
    this.#address = address;
    this.known = memory.recall(address, now);
    this.#nextAt = now + NOTE_EVERY;
  }

  /** Once per turn: writes now and then. */
  look(sender: AutoSender, now: number): void {
    if (now < this.#nextAt) return;
    this.#nextAt = now + NOTE_EVERY;
    this.write(sender, now);
  }

  /** Writes, if the session has found its rate. */
  write({ controller }: AutoSender, now: number): void {
    const { bw, rtt, losses, state } = controller;
    if (state === 'start') return;
    this.#memory.remember(this.#address, { rate: bw, roundTrip: rtt.base, loss: losses.loss }, now);
  }
}
