// With which shard counts a sender sends (PROTOCOL fec §6). Old receivers, kcp-go 5.6.1 of the programs
// of 2021 among them, count parity with the counts that they are set to, until they happen to learn better.
// What they rebuild meanwhile from counts that differ is nonsense, which passes for packets of KCP. So:
//
//   open      no parity is sent, which no receiver can misread
//   follow    the peer's counts are proven: a Go program expects what it sends. Sent with the peer's counts
//   silent    the peer sends no parity at all, so an old one expects 1+1: sent without parity
//   own       the peer waits for a proof as well, or has followed: it is no old one. Sent with the own counts
//
// A decision is made once and stands. So two ends that both follow cannot chase each other.

import { MAX_SHARDS } from 'reedsolomon-wasm';
import { CountsProof } from './counts-proof.ts';

/** Parity packets for each data packet up to which a peer's counts are taken over: it could make us send 255 times the traffic. */
export const MOST_PARITY_PER_DATA = 4;

/** Parity ids that a peer passes over, without any parity seen, until it is certain that it sends none on purpose. */
const HELD_BACK = 6;
/** So many groups' packets, with parity among them, that all fit the own counts can be of no other. */
const EQUAL_GROUPS = 3;
/** The same where the counts are not known: even the largest groups must have shown parity by this id. */
const CERTAIN_ID = 2 * MAX_SHARDS;

/**
 * Packets without an FEC header that make a peer one without FEC. The first packet of a session can be anybody's, so it costs no memory
 * and decides nothing.
 */
const PLAIN_ENOUGH = 3;

/** What was decided. */
export type SentCountsDecision = 'open' | 'follow' | 'silent' | 'own';

/** Decides, from what a peer sends, with which counts to send to it. */
export class SentCounts {
  /** What is decided by now. */
  decision: SentCountsDecision = 'open';
  /** The shard counts to send with; parity 0: none. */
  dataShards: number;
  parityShards: number;

  #proof: CountsProof | undefined;
  #noted = 0;
  #plain = 0;
  #paritySeen = false;
  /** Whether all packets so far have places of their kind in groups of the own counts. */
  #fitsOwn = true;
  #highest = 0;

  /**
   * @param dataShards - the own data shards, 1 to 255
   * @param parityShards - the own parity shards, 1 to 255
   */
  constructor(dataShards: number, parityShards: number) {
    this.dataShards = dataShards;
    this.parityShards = parityShards;
  }

  /** Takes an FEC packet of the peer into account. */
  note(isData: boolean, seqid: number): void {
    if (this.decision !== 'open') return;
    if (!isData) this.#paritySeen = true;
    this.#noted += 1;
    if (this.#noted === 1) return;
    const size = this.dataShards + this.parityShards;
    if (seqid % size < this.dataShards !== isData) this.#fitsOwn = false;
    if (seqid > this.#highest) this.#highest = seqid;
    this.#proof ??= new CountsProof();
    const proof = this.#proof;
    proof.note(isData, seqid);
    if (proof.contradicted) this.decision = 'own';
    else if (proof.dataShards > 0) this.#follow(proof.dataShards, proof.parityShards);
    else if (this.#paritySeen ? this.#looksEqual(size) : this.#isHeldBack(size)) this.decision = 'own';
  }

  /** Takes note of a packet without an FEC header: the peer sends no parity. */
  notePlain(): void {
    this.#plain += 1;
    if (this.decision === 'open' && this.#plain >= PLAIN_ENOUGH) this.#silence();
  }

  #follow(dataShards: number, parityShards: number): void {
    if (dataShards === this.dataShards && parityShards === this.parityShards) {
      this.decision = 'own';
    } else if (parityShards > dataShards * MOST_PARITY_PER_DATA) {
      this.#silence();
    } else {
      this.decision = 'follow';
      this.dataShards = dataShards;
      this.parityShards = parityShards;
    }
  }

  #silence(): void {
    this.decision = 'silent';
    this.parityShards = 0;
  }

  /** Losses make the proof slow; a peer whose packets all have their places in groups of the own counts has these. */
  #looksEqual(size: number): boolean {
    return this.#fitsOwn && this.#noted >= EQUAL_GROUPS * size;
  }

  #isHeldBack(size: number): boolean {
    if (this.#highest >= CERTAIN_ID) return true;
    return this.#fitsOwn && Math.floor(this.#highest / size) * this.parityShards >= HELD_BACK;
  }
}
