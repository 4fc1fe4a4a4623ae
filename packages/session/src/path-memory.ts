// What mode `auto` has found of the paths of a while ago, by the address of the remote, so that the next
// session to a remote need not look for the rate from nothing. An entry is written by the sessions of
// its address only: a peer that lies makes its own next start worse, nobody else's. How little of an
// entry is believed is decided where it is used (`known-path.ts` in kcp-core).
//
//   session ends, or has gone on for a while -> remember(address)      the oldest entries give way
//   session opens                            -> recall(address)        nothing older than AGE_MOST

import type { KnownPath } from '@kcptun/kcp-core';

/** Most addresses that are remembered; whoever was not seen for longest gives way. */
export const KNOWN_PATHS_MOST = 1024;
/** How long an entry is of use, in ms: what a line takes changes with the hour. */
export const KNOWN_PATH_AGE = 600_000;
/** Bounds of an entry: datagrams per ms (10 Gbit/s and more), ms, share. */
const RATE_MOST = 1000;
const ROUND_TRIP_MOST = 2000;
const LOSS_MOST = 1;

interface Entry extends KnownPath {
  readonly at: number;
}

/** The paths of one program. */
export class PathMemory {
  /** In the order in which they were written. */
  readonly #entries: Map<string, Entry> = new Map();

  /** Addresses that something is known of. */
  get size(): number {
    return this.#entries.size;
  }

  /** Notes what is known of the path to `address` at `now` (ms). What makes no sense is not noted. */
  remember(address: string, { rate, roundTrip, loss }: KnownPath, now: number): void {
    if (address === '' || !(rate > 0 && roundTrip > 0 && loss >= 0)) return;
    const entries = this.#entries;
    entries.delete(address);
    if (entries.size >= KNOWN_PATHS_MOST) for (const oldest of entries.keys()) if (entries.delete(oldest)) break;
    entries.set(address, {
      rate: Math.min(RATE_MOST, rate),
      roundTrip: Math.min(ROUND_TRIP_MOST, roundTrip),
      loss: Math.min(LOSS_MOST, loss),
      at: now,
    });
  }

  /** What is known of an address is true no more. */
  forget(address: string): void {
    this.#entries.delete(address);
  }

  /** What is known of the path to `address` at `now` (ms), if that is not too old. */
  recall(address: string, now: number): KnownPath | undefined {
    const entry = this.#entries.get(address);
    if (entry === undefined || now - entry.at <= KNOWN_PATH_AGE) return entry;
    this.#entries.delete(address);
    return undefined;
  }
}
