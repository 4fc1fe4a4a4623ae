// Who may open connections to the target. All of them come out of one budget of the process (RLIMIT_NOFILE), and
// whoever knows the key can open thousands of streams: nobody may leave the others without.
//
// What one may have open is measured by what is still free. A session may have as many as are free, so one that takes
// all it can gets half, two get a third each, and a new one always finds as much as any other has. An address may have
// three times as many as are free: however many sessions it opens, a quarter is left.

import type { ConnectionBudget } from '@kcptun/transport';

/** A session may have so many times the connections that are free. */
const SESSION_SHARE = 1;
/** An address may, with all of its sessions: of IPv6, one /64 network. */
const ADDRESS_SHARE = 3;

/** Deals out the connections of a process to sessions. */
export class ConnectionShares {
  readonly #budget: ConnectionBudget;
  readonly #bySession: Map<object, number> = new Map();
  readonly #byAddress: Map<string, number> = new Map();

  constructor(budget: ConnectionBudget) {
    this.#budget = budget;
  }

  /**
   * Takes a connection.
   * @param session - whose stream it is for
   * @param address - where that comes from; an empty one stands for no address and has no limit
   * @returns gives it back, once however often it is called; `undefined` when the share is used up
   */
  take(session: object, address: string): (() => void) | undefined {
    const { free } = this.#budget;
    if ((this.#bySession.get(session) ?? 0) >= SESSION_SHARE * free) return undefined;
    if (address !== '' && (this.#byAddress.get(address) ?? 0) >= ADDRESS_SHARE * free) return undefined;
    const giveBack = this.#budget.take();
    if (giveBack === undefined) return undefined;
    add(this.#bySession, session, 1);
    add(this.#byAddress, address, 1);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      giveBack();
      add(this.#bySession, session, -1);
      add(this.#byAddress, address, -1);
    };
  }
}

function add<K>(counts: Map<K, number>, key: K, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
