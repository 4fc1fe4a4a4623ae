// How much of a peer's input is worked off at a time. A peer that knows the key decides how much work
// its bytes make: 64 KiB of empty frames are 3 KiB after compression, and nine bytes are a chunk of
// their own. So work is counted, not bytes, and a session that has used up its share waits: its input
// stays in KCP's window, which closes, and the other sessions go on. All sessions from one IPv4
// address or IPv6 /64 network have a share together as well.
//
// A unit is some 50 ns of a core of 2020. A share is a tenth of a core; a bulk transfer of 400 MB/s, or
// 60,000 small messages a second, take half of one.

import { WorkAccount } from '@kcptun/common';

/** Units of work that a session may make in a millisecond. */
export const MAX_READ_WORK = 2048;
/** Those that it may make at once after a time with fewer. */
export const MAX_READ_BURST = 16_384;
/** All sessions of one address may make so many times as much. */
export const ADDRESS_READ_SHARES = 2;
/** Decoded bytes that are worked off before the account is looked at again. */
export const READ_SLICE = 16_384;
/** What a piece of input counts, however short it is. */
export const PIECE_WORK = 1;
/** What any frame counts. */
export const FRAME_WORK = 1;
/** What a frame counts in addition that brings a stream bytes or a window. */
export const STREAM_FRAME_WORK = 7;
/** What a chunk of the compressed stream counts. */
export const CHUNK_WORK = 8;
/** What a stream counts that the peer opens. */
export const STREAM_WORK = 128;

/** The accounts that sessions of one address share. */
export class AddressAccounts {
  readonly #accounts: Map<string, { readonly work: WorkAccount; links: number }> = new Map();

  /** Number of addresses that have an account. */
  get size(): number {
    return this.#accounts.size;
  }

  /**
   * The account of an address, for one more session.
   * @param address - IPv4 address or IPv6 /64 network; an empty one stands for no address and has none
   */
  join(address: string): WorkAccount | undefined {
    if (address === '') return undefined;
    let account = this.#accounts.get(address);
    if (account === undefined) {
      account = { work: new WorkAccount(ADDRESS_READ_SHARES * MAX_READ_WORK, ADDRESS_READ_SHARES * MAX_READ_BURST), links: 0 };
      this.#accounts.set(address, account);
    }
    account.links += 1;
    return account.work;
  }

  /** A session of this address has ended or moved. */
  leave(address: string): void {
    const account = this.#accounts.get(address);
    if (account === undefined) return;
    account.links -= 1;
    if (account.links === 0) this.#accounts.delete(address);
  }
}

/** What a session may make us do: its own share, and no more than is left of its address's. */
export class ReadShare {
  readonly #own: WorkAccount = new WorkAccount(MAX_READ_WORK, MAX_READ_BURST);
  readonly #accounts: AddressAccounts | undefined;
  #address = '';
  #shared: WorkAccount | undefined;

  /** @param accounts - those of all addresses; without them the session has its own share alone */
  constructor(accounts: AddressAccounts | undefined) {
    this.#accounts = accounts;
  }

  /** The session is at this address from now on; an empty one: at none, or it has ended. */
  moveTo(address: string): void {
    if (address === this.#address) return;
    this.#accounts?.leave(this.#address);
    this.#address = address;
    this.#shared = this.#accounts?.join(address);
  }

  /**
   * Units that may be worked off now.
   * @param now - ms, never going back
   */
  allowance(now: number): number {
    const own = this.#own.allowance(now);
    return this.#shared === undefined ? own : Math.min(own, this.#shared.allowance(now));
  }

  /** Takes units off; what exceeds the allowance is made up for later. */
  spend(units: number): void {
    this.#own.spend(units);
    this.#shared?.spend(units);
  }

  /** How long to wait until there are the units of a millisecond again, in whole ms. */
  get wait(): number {
    return Math.max(1, this.#own.wait, this.#shared?.wait ?? 0);
  }
}
