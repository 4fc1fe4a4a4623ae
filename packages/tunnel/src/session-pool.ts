// Which session of a client a new connection gets (PROTOCOL tunnel §7). A fixed number of them take
// connections in turn, as in the original. `auto` has as many as are needed:
//
//   at the start       one
//   while a stream is open  another that has none is kept ready, up to AUTO_SESSIONS together: a session carries
//                      nothing before it was answered, so it has to be there before it is needed
//   a new connection   gets a session without bulk, of these the one with the fewest streams
//   after a quiet time what is not needed is closed

import type { Host, Scheduler, Task } from '@kcptun/transport';
import type { Link } from './link.ts';
import type { Slot } from './slot.ts';

/** Most sessions of a client that opens them as needed. */
export const AUTO_SESSIONS = 4;
/** How long a session must have been of no use before it is closed, in ms. */
const UNUSED = 30_000;
/** How often that is looked at while there is more than one, in ms. */
const LOOK_EVERY = 5000;
/** The pause before another is made where the server has not answered the last one, in ms. */
const PATIENCE = 10_000;

/** Chooses sessions. */
export class SessionPool implements Task {
  /** @internal */ deadline = 0;
  /** @internal */ deadlineIndex = -1;
  readonly slots: readonly Slot[];
  readonly #host: Host;
  readonly #scheduler: Scheduler;
  readonly #auto: boolean;
  #turn = 0;
  /** The session that was made last to be kept ready, and when. */
  #spare: Slot | undefined;
  #spareAt = 0;
  /** Since when each slot has had a session that carries nothing, in ms. */
  readonly #idleSince: Map<Slot, number> = new Map();

  /** @param auto - whether sessions are made as needed; otherwise each slot has one */
  constructor(slots: readonly Slot[], auto: boolean, host: Host, scheduler: Scheduler) {
    this.slots = slots;
    this.#auto = auto;
    this.#host = host;
    this.#scheduler = scheduler;
  }

  /** The live sessions. */
  get links(): Link[] {
    return this.slots.flatMap((slot) => slot.links);
  }

  /** Makes the sessions that there are from the start on. */
  prepare(): void {
    for (const slot of this.#auto ? this.slots.slice(0, 1) : this.slots) slot.prepare();
  }

  /** Calls back with a session for a new connection. */
  acquire(waiter: (error: Error | undefined, link: Link | undefined) => void): void {
    this.#choose().acquire((error, link) => {
      waiter(error, link);
      if (link !== undefined) this.keepSpare();
    });
  }

  /** Sees to it that the next connection finds a session without another's bytes; call it when bulk begins. */
  keepSpare(): void {
    if (!this.#auto) return;
    const now = this.#host.now();
    const ready = this.slots.filter((slot) => slot.ready);
    const spare = ready.some((slot) => slot.streams === 0 && !slot.busy);
    if (ready.length === 0 || spare || ready.every((slot) => slot.streams === 0)) return;
    // Where the server takes no more sessions, it is not asked again and again.
    if (this.#spare?.ready === false && now - this.#spareAt < PATIENCE) return;
    this.#spare = this.slots.find((slot) => slot.links.length === 0);
    this.#spareAt = now;
    this.#spare?.prepare();
    this.#scheduler.set(this, now + LOOK_EVERY);
  }

  /** Has new connections avoid the sessions of a path. */
  leavePath(path: object): void {
    for (const slot of this.slots) slot.leavePath(path);
  }

  /** Ends all sessions. */
  close(): void {
    this.#scheduler.set(this, undefined);
    for (const slot of this.slots) slot.close();
  }

  /** @internal */
  onDue(now: number): void {
    this.#closeUnused(now);
    this.keepSpare();
    if (this.links.length > 1) this.#scheduler.set(this, now + LOOK_EVERY);
  }

  #choose(): Slot {
    if (!this.#auto) {
      const slot = this.slots[this.#turn % this.slots.length] as Slot;
      this.#turn = (this.#turn + 1) & 0xffff;
      return slot;
    }
    let best: Slot | undefined;
    for (const slot of this.slots) {
      if (!slot.ready) continue;
      if (best === undefined || rank(slot) < rank(best)) best = slot;
    }
    // Whoever waits already, waits for the session that comes first.
    return best ?? this.slots.find((slot) => slot.links.length > 0) ?? (this.slots[0] as Slot);
  }

  #closeUnused(now: number): void {
    const idle = this.slots.filter((slot) => slot.ready && slot.streams === 0);
    for (const slot of this.slots) if (!idle.includes(slot)) this.#idleSince.delete(slot);
    // One stays: as the next one's, or as the last.
    for (const slot of idle.slice(1)) {
      const since = this.#idleSince.get(slot) ?? now;
      this.#idleSince.set(slot, since);
      if (now - since < UNUSED) continue;
      this.#idleSince.delete(slot);
      slot.retire();
    }
  }
}

/** The smaller, the better for a new connection. */
function rank(slot: Slot): number {
  return slot.streams + (slot.busy ? 1e6 : 0);
}
