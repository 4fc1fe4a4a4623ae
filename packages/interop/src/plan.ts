// The cases of the matrix: every two settings meet at least once, minding what the Go programs cannot do.

import type { Order } from '@kcptun/testkit/node';
import type { Settings } from './case.ts';
import { coveringArray } from './covering-array.ts';

/** One case of the matrix. `peer` says which Go program is on the other side of ours. */
export interface PlannedCase extends Omit<Settings, 'clientFec' | 'serverFec'> {
  /** Version and role of the Go program. */
  readonly peer: 'old client' | 'old server' | 'new client' | 'new server';
  /** Shards of client and server, `10/3 20/5`. */
  readonly fec: string;
  /** When the target answers. */
  readonly order: Order;
}

/** The values of each setting. Every cipher meets every peer, because `crypt` and `peer` are a pair, too. */
export const CASE_DIMENSIONS: { readonly [Name in keyof PlannedCase]: readonly PlannedCase[Name][] } = {
  peer: ['old client', 'old server', 'new client', 'new server'],
  crypt: [
    ...['aes', 'aes-128', 'aes-192', 'aes-128-gcm', 'salsa20', 'blowfish', 'twofish', 'cast5', '3des', 'tea', 'xtea', 'xor', 'sm4'],
    ...['none', 'null'],
  ],
  fec: ['10/3 10/3', '20/5 20/5', '0/0 0/0', '10/3 20/5', '20/5 0/0'],
  smuxver: [1, 2],
  nocomp: [false, true],
  mode: ['normal', 'fast', 'fast2', 'fast3', 'manual'],
  mtu: [500, 1350, 1500],
  conn: [1, 3],
  qpp: [false, true],
  order: ['after-upload', 'at-once'],
};

/** Whether the settings chosen so far can be run. */
export function isAllowed(partial: Partial<PlannedCase>): boolean {
  const { peer, crypt } = partial;
  if (peer === undefined) return true;
  if (peer.startsWith('old')) {
    // The old version silently takes aes for a cipher that it does not know.
    if (crypt === 'aes-128-gcm' || crypt === 'null') return false;
    if (partial.qpp === true) return false;
  }
  // Without FEC of its own the old version decodes what it gets as 1+1, makes up packets and breaks its stream now and then.
  if (peer === 'old server' && partial.fec?.endsWith(' 0/0') === true && partial.fec !== '0/0 0/0') return false;
  // With several connections the old client shares buffers of its block ciphers between them and damages its own packets.
  if (peer === 'old client' && partial.conn === 3) return crypt === undefined || crypt === 'salsa20' || crypt === 'none';
  return true;
}

/** Makes the cases; the same seed gives the same ones. */
export function planCases(seed: number): PlannedCase[] {
  return coveringArray<PlannedCase>(CASE_DIMENSIONS, { seed, allows: isAllowed });
}

/**
 * The `count` cases that meet the most values of all settings, in the order of the plan: one after the other the case that brings the most
 * values not met so far, so that 15 cases are enough for each cipher and more make the rest even.
 */
export function shortPlan(cases: readonly PlannedCase[], count: number): PlannedCase[] {
  const met = new Map<string, number>();
  const valuesOf = (planned: PlannedCase): string[] => Object.entries(planned).map(([name, value]) => `${name}=${String(value)}`);
  const left = new Set(cases);
  const chosen = new Set<PlannedCase>();
  while (chosen.size < Math.min(count, cases.length)) {
    let best: PlannedCase | undefined;
    let most = -1;
    for (const planned of left) {
      const gain = valuesOf(planned).reduce((sum, value) => sum + 1 / (1 + (met.get(value) ?? 0)) ** 4, 0);
      if (gain <= most) continue;
      most = gain;
      best = planned;
    }
    if (best === undefined) break;
    left.delete(best);
    chosen.add(best);
    for (const value of valuesOf(best)) met.set(value, (met.get(value) ?? 0) + 1);
  }
  return cases.filter((planned) => chosen.has(planned));
}

/** One line that says everything about a case. */
export function titleOf(planned: PlannedCase): string {
  const [clientFec, serverFec] = planned.fec.split(' ') as [string, string];
  const fec = clientFec === serverFec ? clientFec : `${clientFec}|${serverFec}`;
  const words = [planned.peer.padEnd(10), planned.crypt.padEnd(11), `fec ${fec.padEnd(9)}`, `smux ${planned.smuxver}`];
  words.push(planned.mode.padEnd(6), `mtu ${String(planned.mtu).padEnd(4)}`, `conn ${planned.conn}`, planned.order.padEnd(12));
  if (planned.nocomp) words.push('nocomp');
  if (planned.qpp) words.push('qpp');
  return words.join(' ').trimEnd();
}
