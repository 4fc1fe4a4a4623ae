// Which shard counts a sender can have, after all that was seen of it. Counts that are wrong can go unnoticed for a while: of 9+4
// and 10+3, only ids 9, 22, 35, ... tell. A packet that is rebuilt meanwhile is one that was never sent, and does not look it: Reed-Solomon
// keeps what is the same in all packets, so conv and command come out right. So nothing is rebuilt until only one pair of counts is left.

import { MAX_SHARDS } from 'reedsolomon-wasm';

/** Packets that are all taken into account; of the later ones, one in {@link PROOF_SPARSE}. */
export const PROOF_NOTES = 4096;
/** See {@link PROOF_NOTES}. A peer can keep its counts from being proven for as long as it likes. */
export const PROOF_SPARSE = 16;

/** Rules out all shard counts that do not fit the packets it is told of. */
export class CountsProof {
  /** Group sizes that still fit; only the first `#count` count. */
  readonly #sizes: Uint16Array = new Uint16Array(MAX_SHARDS - 1);
  #count: number = MAX_SHARDS - 1;
  /** By group size: the least number of data shards that fits, and the greatest. */
  readonly #least: Uint16Array = new Uint16Array(MAX_SHARDS + 1);
  readonly #most: Uint16Array = new Uint16Array(MAX_SHARDS + 1);

  #notes = 0;
  /** Divisions so far. */
  steps = 0;

  constructor() {
    for (let index = 0; index < this.#count; index++) {
      const size = index + 2;
      this.#sizes[index] = size;
      this.#least[size] = 1;
      this.#most[size] = size - 1;
    }
  }

  /**
   * Takes a packet into account. It costs a division for each group size that still fits: all at
   * first, few after some packets. Leaving some out makes a proof come later, never wrong.
   */
  note(isData: boolean, seqid: number): void {
    this.#notes += 1;
    if (this.#notes > PROOF_NOTES && this.#notes % PROOF_SPARSE !== 0) return;
    this.steps += this.#count;
    const sizes = this.#sizes;
    const least = this.#least;
    const most = this.#most;
    for (let index = this.#count - 1; index >= 0; index--) {
      const size = sizes[index]!;
      const id = seqid % size;
      if (isData) {
        if (id >= least[size]!) least[size] = id + 1;
      } else if (id < most[size]!) {
        most[size] = id;
      }
      if (least[size]! <= most[size]!) continue;
      this.#count -= 1;
      sizes[index] = sizes[this.#count]!;
    }
  }

  /** Whether no counts at all fit: the sender has changed them. */
  get contradicted(): boolean {
    return this.#count === 0;
  }

  /** Data shards of the only counts that fit; 0 while more than one pair does. */
  get dataShards(): number {
    const size = this.#sizes[0]!;
    return this.#count === 1 && this.#least[size] === this.#most[size] ? this.#least[size]! : 0;
  }

  /** Parity shards of the only counts that fit; 0 while more than one pair does. */
  get parityShards(): number {
    const { dataShards } = this;
    return dataShards === 0 ? 0 : this.#sizes[0]! - dataShards;
  }

  /** Whether no other counts fit. */
  holds(dataShards: number, parityShards: number): boolean {
    return this.#count === 1 && this.#sizes[0] === dataShards + parityShards && this.#fixes(this.#sizes[0], dataShards);
  }

  /**
   * Whether the packets of the very first group, up to one's place in it, are what these counts say. It takes less than {@link holds}: that
   * group begins with id 0 whatever its size, and parity depends on the number of data shards only.
   */
  holdsFirst(dataShards: number, highest: number): boolean {
    for (let index = 0; index < this.#count; index++) {
      const size = this.#sizes[index]!;
      if (size <= highest || !this.#fixes(size, dataShards)) return false;
    }
    return this.#count > 0;
  }

  #fixes(size: number, dataShards: number): boolean {
    return this.#least[size] === dataShards && this.#most[size] === dataShards;
  }
}
