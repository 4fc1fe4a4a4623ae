// The decoder's rules written down plainly (PROTOCOL fec §5): which packets are rebuilt when. It knows the lost data from the sender's
// records, so it needs no arithmetic. It keeps every packet that the rules keep, also of groups that are complete.
import { serialDiff } from '@kcptun/common';

export interface Sent {
  seqid: number;
  isData: boolean;
  bytes: Uint8Array;
  /** The KCP packet of a data packet. */
  packet: Uint8Array;
}

export class ReferenceDecoder {
  readonly #dataShards: number;
  readonly #shards: number;
  readonly #sets: Map<number, Map<number, Sent>> = new Map();
  readonly #originals: Map<number, Uint8Array>;
  #newest: number | undefined;

  constructor(dataShards: number, parityShards: number, sent: readonly Sent[]) {
    this.#dataShards = dataShards;
    this.#shards = dataShards + parityShards;
    this.#originals = new Map(sent.filter(({ isData }) => isData).map(({ seqid, packet }) => [seqid, packet]));
  }

  /** Sequence ids of the data packets that are rebuilt when this packet arrives. */
  decode(packet: Sent): number[] {
    const base = packet.seqid - (packet.seqid % this.#shards);
    const set = this.#sets.get(base) ?? new Map<number, Sent>();
    this.#sets.set(base, set);
    let rebuilt: number[] = [];
    if (!set.has(packet.seqid)) {
      set.set(packet.seqid, packet);
      if (set.size === this.#dataShards) {
        rebuilt = Array.from({ length: this.#dataShards }, (_, index) => base + index).filter((seqid) => !set.has(seqid));
        set.clear();
      }
    }
    if (this.#newest === undefined || serialDiff(base, this.#newest) > 0) this.#newest = base;
    for (const known of [...this.#sets.keys()]) {
      if (serialDiff(this.#newest, known) > 3 * this.#shards) this.#sets.delete(known);
    }
    return rebuilt;
  }

  original(seqid: number): Uint8Array {
    return this.#originals.get(seqid) as Uint8Array;
  }

  get sets(): number {
    return this.#sets.size;
  }
}
