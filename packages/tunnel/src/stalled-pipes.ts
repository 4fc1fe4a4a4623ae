// Pipes that wait for a reader who may never come. A peer that has closed for good looks on the wire like one that has
// closed one direction and will go on to read (PROTOCOL smux §7): somebody looks at one page of a long answer and turns
// it an hour later. So they wait as long as they can be afforded, and only what others need is taken from them.

import { Ring } from '@kcptun/common';

/** Bytes that may wait for such readers, of all pipes of a tunnel. */
export const MAX_STALLED: number = 64 * 1024 * 1024;
/** What has moved within this time, in ms, is nobody's to take. */
export const STALL_PATIENCE = 60_000;

/** A pipe as it is seen here. */
export interface Stalling {
  /** Its session; pipes of the one that keeps most give way first. */
  readonly link: object;
  /** Bytes that wait for a reader who may never come; 0 when none do. */
  readonly stalledBytes: number;
}

interface Stall {
  bytes: number;
  since: number;
}

/** Watches the pipes of a tunnel. */
export class StalledPipes<P extends Stalling> {
  readonly #stalls: Map<P, Stall> = new Map();

  /** Number of pipes that do not move at the moment. */
  get size(): number {
    return this.#stalls.size;
  }

  /** Looks at a pipe; `now` in ms. */
  note(pipe: P, now: number): void {
    const bytes = pipe.stalledBytes;
    const stall = this.#stalls.get(pipe);
    if (bytes === 0) this.#stalls.delete(pipe);
    else if (stall === undefined) this.#stalls.set(pipe, { bytes, since: now });
    else if (stall.bytes !== bytes) {
      stall.bytes = bytes;
      stall.since = now;
    }
  }

  /** The pipe is over. */
  forget(pipe: P): void {
    this.#stalls.delete(pipe);
  }

  /**
   * Pipes that have to give way.
   * @param spare - bytes that are to be left at most; those that moved lately do not count
   * @param most - how many to name at most
   */
  choose(now: number, spare: number = MAX_STALLED, most: number = Number.POSITIVE_INFINITY): P[] {
    for (const pipe of [...this.#stalls.keys()]) this.note(pipe, now);
    const groups = new Map<object, { bytes: number; readonly pipes: Ring<P> }>();
    let total = 0;
    const overdue = [...this.#stalls].filter(([, { since }]) => now - since >= STALL_PATIENCE).sort(([, a], [, b]) => a.since - b.since);
    for (const [pipe, { bytes }] of overdue) {
      const group = groups.get(pipe.link) ?? { bytes: 0, pipes: new Ring<P>() };
      groups.set(pipe.link, group);
      group.bytes += bytes;
      group.pipes.push(pipe);
      total += bytes;
    }
    const chosen: P[] = [];
    while (total > spare && chosen.length < most) {
      const [first, ...others] = groups.values();
      const fullest = others.reduce((most, group) => (group.bytes > most.bytes ? group : most), first as { bytes: number; pipes: Ring<P> });
      const pipe = fullest.pipes.shift() as P;
      const bytes = this.#stalls.get(pipe)?.bytes ?? 0;
      fullest.bytes -= bytes;
      total -= bytes;
      chosen.push(pipe);
    }
    return chosen;
  }
}
