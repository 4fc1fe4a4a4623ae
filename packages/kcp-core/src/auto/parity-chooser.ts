// Parity of one sender over time: all of it after a pause, when nothing else protects a few packets;
// then what gives the largest goodput (parity-choice.ts), looked at again every few rounds.

import { choose, chooseParity } from './parity-choice.ts';

/** Datagrams after a pause that get full parity. */
const FRESH = 512;
/** Rounds between two changes. */
const ROUNDS = 5;
const LOSS_MOST = 0.4;

/** Decides how many parity packets a group gets. */
export class ParityChooser {
  /** Parity packets of a group now. */
  count: number;
  #dataShards: number;
  #most: number;
  #fresh = FRESH;
  #steady = 0;
  #changedIn: number = Number.NEGATIVE_INFINITY;
  // Loss that today's parity leaves, and what that means for the loss before.
  #left = 0;
  #leftOf = -1;
  #loss = 0;

  /** @param dataShards - 0 without FEC; @param most - parity packets of a full group */
  constructor(dataShards: number, most: number) {
    this.#dataShards = dataShards;
    this.#most = dataShards > 0 ? most : 0;
    this.count = this.#most;
  }

  /** Packets of a full group. */
  get group(): number {
    return this.#dataShards + this.#most;
  }

  /**
   * The groups have other counts from now on.
   * @param most - parity packets of a full group; 0: none may leave
   */
  adopt(dataShards: number, most: number): void {
    this.#dataShards = dataShards;
    this.#most = dataShards > 0 ? most : 0;
    this.#steady = Math.min(this.#steady, this.#most);
    this.#leftOf = -1;
    this.count = this.#fresh > 0 ? this.#most : this.#steady;
  }

  /** Datagrams per segment. */
  get overhead(): number {
    return this.#most > 0 ? 1 + this.count / this.#dataShards : 1;
  }

  /** Load of `datagrams` full datagrams leaves. */
  onSent(datagrams: number): void {
    if (this.#fresh > 0) this.#fresh -= datagrams;
    this.count = this.#fresh > 0 ? this.#most : this.#steady;
  }

  /** The application has nothing more to send. */
  onIdle(): void {
    this.#fresh = FRESH;
  }

  /**
   * Looks whether another parity is better.
   * @param loss - share that was lost last, after repair
   * @param line - datagrams per ms; @param window - in segments; @param rtt - ms until a loss is sent again
   */
  decide(round: number, loss: number, line: number, window: number, rtt: number): void {
    if (this.#most === 0) return;
    this.#note(loss);
    if (round - this.#changedIn < ROUNDS) return;
    const chosen = chooseParity({
      dataShards: this.#dataShards,
      parityShards: this.#most,
      loss: this.#loss,
      line,
      window,
      rtt,
      current: this.#steady,
    });
    if (chosen === this.#steady) return;
    this.#steady = chosen;
    this.#changedIn = round;
  }

  /**
   * What FEC repairs is acknowledged and cannot be seen, so the loss before is concluded from what is
   * left: left = p C(ds + k - 1, k) p^k.
   */
  #note(loss: number): void {
    const k = this.#steady;
    const ways = choose(this.#dataShards + k - 1, k);
    if (this.#leftOf !== k) {
      this.#leftOf = k;
      this.#left = ways * this.#loss ** (k + 1);
    }
    this.#left += (loss - this.#left) * (k > 0 ? 0.03 : 0.25);
    this.#loss = Math.min(LOSS_MOST, (this.#left / ways) ** (1 / (k + 1)));
  }
}
