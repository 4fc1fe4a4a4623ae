// The rate limit of a session: a token bucket in bytes of UDP payload. Nothing queues behind it. KCP transmits no more than the bucket allows, what
// it keeps back stays in its window, and the session's next timeout is the time, with its fraction of a ms, at which the bucket allows more.
//
//   balance   grows with time up to `most`, falls by what leaves (data, parity, acknowledgements), may go below 0 by the last of a flush
//   flush     while it is above 0
//   release   when it has reached one datagram, at high rates what a millisecond brings, so that no timer is set for less
//
// Acknowledgements do not wait for that: while the balance is below 0 they may still use half of the rate, out of a small bucket of their own. They count in
// the balance too, so the sum keeps to the limit, and data get the other half even where acknowledgements alone would be more than the limit.
//
// So what leaves at once is bounded by `most` and by what one more datagram can bring: 64 datagrams, unless a group has more parity than that.

import type { Kcp } from '@kcptun/kcp-core';
import type { SessionSink } from './transmitter.ts';

/** Most datagrams that leave at once, parity of the last group included. */
export const BURST_PACKETS = 64;
/** A pause of the program that long costs nothing of the rate, in ms. */
const SLACK_MS = 20;

/** When and how much a session may send. */
export class Pacer {
  readonly #bytesPerMs: number;
  readonly #mtu: number;
  #most = 0;
  #quantum = 0;
  readonly #mostAcks: number;
  #balance: number;
  #ackBalance: number;
  #at: number;

  /**
   * @param bytesPerSecond - the limit, above 0
   * @param mtu - bytes of the largest datagram
   * @param now - ms
   */
  constructor(bytesPerSecond: number, mtu: number, now: number) {
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#mtu = mtu;
    this.#balance = Number.POSITIVE_INFINITY;
    this.expectParity(0);
    this.#mostAcks = 2 * mtu;
    this.#ackBalance = this.#mostAcks;
    this.#at = now;
  }

  /** Sets how much parity may follow the last data packet of a flush, in shards: as much less may leave in one. */
  expectParity(parityShards: number): void {
    const mtu = this.#mtu;
    // One datagram for acknowledgements and one for the segment that goes beyond the quota.
    const packets = Math.max(2, BURST_PACKETS - parityShards - 2);
    this.#most = Math.min(packets * mtu, Math.max(2 * mtu, this.#bytesPerMs * SLACK_MS));
    this.#quantum = Math.min(this.#most / 2, Math.max(mtu, this.#bytesPerMs));
    this.#balance = Math.min(this.#balance, this.#most);
  }

  /** Datagrams' worth of bytes that may leave at once, for whoever keeps as many ready. */
  get most(): number {
    return this.#most;
  }

  /** Bytes that may leave at `now`; nothing may when it is 0 or less. */
  refill(now: number): number {
    const earned = (now - this.#at) * this.#bytesPerMs;
    this.#balance = Math.min(this.#most, this.#balance + earned);
    this.#ackBalance = Math.min(this.#mostAcks, this.#ackBalance + earned / 2);
    this.#at = now;
    return this.#balance;
  }

  /** So many bytes have left. */
  spend(bytes: number): void {
    this.#balance -= bytes;
  }

  /** Acknowledgements of so many bytes have left while nothing else might. */
  spendOnAcks(bytes: number): void {
    this.#balance -= bytes;
    this.#ackBalance -= bytes;
  }

  /** Whether acknowledgements may leave although the balance is used up. */
  get acksMayLeave(): boolean {
    return this.#ackBalance > 0;
  }

  /** When they may, in ms. */
  get acksReleaseAt(): number {
    return this.#at + (2 * Math.max(0, 1 - this.#ackBalance)) / this.#bytesPerMs;
  }

  /** When something may leave again, in ms: not before the last `refill`. */
  get releaseAt(): number {
    return this.#at + Math.max(0, this.#quantum - this.#balance) / this.#bytesPerMs;
  }
}

/**
 * Flushes as far as the rate allows; the pacer is filled for `now`.
 * @param share - bytes of segments in a byte of datagrams, on the average
 * @param dirty - whether there are new bytes since the last flush
 * @returns when to come back, in ms; `undefined`: nothing waits
 */
export function flushPaced(pacer: Pacer, kcp: Kcp, sink: SessionSink, share: number, dirty: boolean, now: number): number | undefined {
  const balance = pacer.refill(now);
  const before = sink.written;
  if (balance > 0) {
    kcp.quota.bytes = balance * share;
    if (dirty) kcp.flush(now);
    else kcp.flushDeferred(now);
    pacer.spend(sink.written - before);
  } else {
    kcp.quota.held = true;
    const acksDue = kcp.nextTimeout(now);
    if (acksDue !== undefined && acksDue <= now && pacer.acksMayLeave) {
      kcp.flush(now, true);
      pacer.spendOnAcks(sink.written - before);
    }
  }
  const next = kcp.nextTimeout(now);
  const release = Math.max(now, pacer.releaseAt);
  if (!kcp.quota.held) return next;
  return next === undefined ? release : Math.min(release, Math.max(next, pacer.acksReleaseAt));
}
