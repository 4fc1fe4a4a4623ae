// How many sessions peers may have open: in all, and from one address. Shared by the sockets of a server, so that a range of ports has no more
// than one port has.

import { checkInteger, WorkAccount } from '@kcptun/common';
import { MAX_REBUILD_WORK } from '@kcptun/fec';
import { ProvenAddresses } from './proven-addresses.ts';
import { AddressShare } from './segment-work.ts';

/** Most sessions that peers may have open at a time, by default and at all. */
export const MAX_SESSIONS = 16_384;
/**
 * Most sessions from one address (of IPv6: one /64 network), by default. Behind the address of a carrier's NAT live a hundred customers, each
 * with some sessions; behind a relay on the server's own machine all of them.
 */
export const MAX_SESSIONS_PER_ADDRESS = 1024;
/**
 * Most sessions of one socket whose peer has shown nothing yet but a first packet. The oldest gives way: a flood of first packets holds no more
 * memory than these, and an honest peer shows what it is with its first packet.
 */
export const MAX_HALF_OPEN = 1024;
/** How long such a session lives, in ms. */
export const HALF_OPEN_TIMEOUT = 10_000;
/** Most sessions that are opened and not yet fetched by `pollEvent` (upstream's accept queue). */
export const ACCEPT_BACKLOG = 128;

/** Addresses without a session that are remembered for what they have used up; all are forgotten together. */
export const MAX_EMPTY = 1024;

/** Limits of a {@link SessionCensus}. */
export interface SessionLimits {
  /** Most sessions at a time, 1 to {@link MAX_SESSIONS}, which is the default. */
  readonly maxSessions?: number;
  /** Most sessions from one address, 1 to {@link MAX_SESSIONS}; default {@link MAX_SESSIONS_PER_ADDRESS}. */
  readonly maxSessionsPerAddress?: number;
}

/** Counts the sessions that peers have opened. */
export class SessionCensus {
  /** Addresses that need not be proven again. */
  readonly proven: ProvenAddresses = new ProvenAddresses();
  /** What their FEC decoders may work together. */
  readonly rebuilding: WorkAccount = new WorkAccount(MAX_REBUILD_WORK);
  readonly #maxSessions: number;
  readonly #maxPerAddress: number;
  readonly #byAddress: Map<string, AddressShare> = new Map();
  /** Addresses without a session, whose shares are remembered: who closes and opens in turns gets no new ones. */
  #empty = 0;
  #total = 0;

  /** @throws {TypeError | RangeError} naming the limit that is out of range */
  constructor(limits: SessionLimits = {}) {
    this.#maxSessions = checkInteger(limits.maxSessions ?? MAX_SESSIONS, 'maxSessions', 1, MAX_SESSIONS);
    this.#maxPerAddress = checkInteger(limits.maxSessionsPerAddress ?? MAX_SESSIONS_PER_ADDRESS, 'maxSessionsPerAddress', 1, MAX_SESSIONS);
  }

  /** Number of sessions. */
  get total(): number {
    return this.#total;
  }

  /** Number of addresses that have a session. */
  get addresses(): number {
    return this.#byAddress.size - this.#empty;
  }

  /** Whether no further session may be opened. */
  get full(): boolean {
    return this.#total >= this.#maxSessions;
  }

  /** Whether no further session may be opened from this address; an empty one stands for no address and has no limit. */
  crowded(address: string): boolean {
    return address !== '' && (this.#byAddress.get(address)?.sessions ?? 0) >= this.#maxPerAddress;
  }

  /** Whether this address has opened all the sessions that it may for now. */
  hasty(address: string, now: number): boolean {
    const share = address === '' ? undefined : this.#byAddress.get(address);
    return share !== undefined && share.openings.allowance(now) < 1;
  }

  /** A session is open. @returns what it shares with others of its address; `undefined` without an address */
  add(address: string, opened = true): AddressShare | undefined {
    this.#total += 1;
    let share = this.#byAddress.get(address);
    if (share === undefined) {
      share = new AddressShare();
      this.#byAddress.set(address, share);
    } else if (share.sessions === 0) {
      this.#empty -= 1;
    }
    share.sessions += 1;
    if (opened) share.openings.spend(1);
    return address === '' ? undefined : share;
  }

  /** A session is gone. */
  remove(address: string): void {
    this.#total -= 1;
    const share = this.#byAddress.get(address);
    if (share === undefined) return;
    share.sessions -= 1;
    if (share.sessions > 0) return;
    this.#empty += 1;
    if (this.#empty <= MAX_EMPTY) return;
    for (const [key, { sessions }] of this.#byAddress) if (sessions === 0) this.#byAddress.delete(key);
    this.#empty = 0;
  }
}
