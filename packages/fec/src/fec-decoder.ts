// The receiving side (PROTOCOL fec §5): keeps the packets of the newest groups until as many as there are data shards have come,
// and then rebuilds the data packets that are missing. Nothing is computed for a group whose data packets all arrived.
//
// One thing is done that the reference does not: until it is certain that the shard counts are the sender's, groups that could be rebuilt
// wait (counts-proof.ts). Two things are left out that nobody can notice: once a group is complete and it has fewer parity
// than data shards, later packets of it are only noted, not kept (they cannot complete it again without repeats); and packets of
// a group too old to be kept are not kept for a moment either.

import { type KernelMemory, readU16, readU32, serialDiff, WorkAccount } from '@kcptun/common';
import { MAX_SHARDS, type ReedSolomon } from 'reedsolomon-wasm';
import { AutoTuner } from './auto-tuner.ts';
import { FEC_HEADER_SIZE, FEC_TYPE_DATA, FEC_TYPE_PARITY, MAX_SHARD_SIZE, SHARD_OFFSET } from './constants.ts';
import { CountsProof } from './counts-proof.ts';
import { checkShards, seqidLimit } from './shard-counts.ts';
import { ShardGroup } from './shard-group.ts';
import { poolFor, type ShardPool } from './shard-pool.ts';

/** Groups that a decoder keeps: the newest and three before it. */
export const KEPT_GROUPS = 4;

/** What a decoder counted (PROTOCOL fec §7). */
export interface FecDecoderStats {
  /** Parity packets taken in. */
  parityShards: number;
  /** Groups known at present. */
  shardSets: number;
  /** Id of the newest group. */
  shardMin: number;
  /** Groups whose data packets all arrived. */
  fullShards: number;
  /** KCP packets rebuilt and handed out. */
  recovered: number;
  /** Rebuilt shards that held no packet, groups that could not be rebuilt, and packets too short or too long. */
  errs: number;
  /** Sequence ids passed over: packets lost, late or never sent. */
  gaps: number;
  /** Groups that lost their packets, and packets not kept, because the pool was full. */
  evicted: number;
}

/** Hears what a sender that adapts its parity wants to know. Calls come from within `decode`. */
export interface FecObserver {
  /**
   * Sequence ids were passed over.
   * @param missing - how many; they may still come late
   * @param now - time in ms, as given to `decode`
   */
  onGap(missing: number, now: number): void;
  /**
   * A group is complete or was given up.
   * @param received - how many of its packets were here at that time
   * @param rebuilt - how many data shards were rebuilt; 0 when it was full or given up
   * @param now - time in ms, as given to `decode`
   */
  onGroup(received: number, rebuilt: number, now: number): void;
}

/** Options of {@link FecDecoder}. */
export interface FecDecoderOptions {
  /** Data packets of a group, 1 to 255; the peer's, or a guess to start from. */
  readonly dataShards: number;
  /** Parity packets of a group, 1 to 255; both together at most 256. */
  readonly parityShards: number;
  /**
   * Whether the counts are known to be the peer's, for example by an agreement outside of the wire: then groups are rebuilt from the first
   * packet on. Otherwise (default false) they wait until what was seen proves the counts, usually until the second group's first packets.
   * Where this is true and the counts are not the peer's, packets may be handed out that were never sent.
   */
  readonly trustCounts?: boolean;
  /** The memory that kernels work on, best the one of the datagrams (default: one shared by all who name none). */
  readonly memory?: KernelMemory;
  /** Where packets are kept (default: the pool of `memory`). */
  readonly pool?: ShardPool;
  /** Hears about gaps and groups (default: nobody). */
  readonly observer?: FecObserver;
  /**
   * What all decoders that share it may work, in bytes that are multiplied; {@link MAX_REBUILD_WORK}
   * is a rate for it. One decoder takes at most half of that rate, and a group beyond is not
   * rebuilt. It needs the time in {@link FecDecoder.decode} (default: nothing is limited).
   */
  readonly work?: WorkAccount;
}

/** Bytes that may be multiplied in a millisecond to rebuild packets, of all sessions of a server. */
export const MAX_REBUILD_WORK: number = 2 * 1024 * 1024;
/** Bytes that a step counts beside those of the shard: short shards cost as well. */
const STEP_WORK = 64;

/** Recovers lost packets of one session. It costs next to nothing until the first FEC packet comes. */
export class FecDecoder {
  /** What happened so far. */
  readonly stats: FecDecoderStats = {
    parityShards: 0,
    shardSets: 0,
    shardMin: 0,
    fullShards: 0,
    recovered: 0,
    errs: 0,
    gaps: 0,
    evicted: 0,
  };

  readonly #pool: ShardPool;
  readonly #observer: FecObserver | undefined;
  readonly #work: WorkAccount | undefined;
  readonly #ownWork: WorkAccount = new WorkAccount(MAX_REBUILD_WORK / 2);
  #dataShards: number;
  #parityShards: number;
  #shards: number;
  #limit: number;
  #codec: ReedSolomon | undefined = undefined;
  #tuner: AutoTuner | undefined = undefined;
  #tuning = false;
  #proven: boolean;
  #proof: CountsProof | undefined = undefined;
  /** Whether the counts are not proven, or a group still waits that had to wait for the proof. */
  #careful: boolean;
  readonly #groups: ShardGroup[] = [];
  /** The group of the last packet: most packets belong to the same one. */
  #current: ShardGroup | undefined = undefined;
  /** First id of the newest group; -1 before the first packet. */
  #newest = -1;
  /** The id that follows the highest one seen; -1 before the first packet. */
  #expected = -1;
  #recovered = 0;
  #now = 0;
  #recoveredOffsets: Int32Array = NOTHING;
  #recoveredLengths: Int32Array = NOTHING;

  /**
   * @throws {TypeError} when a count is no integer
   * @throws {RangeError} when a count, or their sum, is out of range
   */
  constructor(options: FecDecoderOptions) {
    checkShards(options.dataShards, options.parityShards);
    this.#pool = poolFor(options);
    this.#observer = options.observer;
    this.#work = options.work;
    this.#dataShards = options.dataShards;
    this.#parityShards = options.parityShards;
    this.#shards = options.dataShards + options.parityShards;
    this.#limit = seqidLimit(this.#shards);
    this.#proven = options.trustCounts === true;
    this.#careful = !this.#proven;
  }

  /** Data packets of a group as far as known. */
  get dataShards(): number {
    return this.#dataShards;
  }

  /** Parity packets of a group as far as known. */
  get parityShards(): number {
    return this.#parityShards;
  }

  /** Whether the peer's shard counts are being found out: nothing is recovered meanwhile. */
  get tuning(): boolean {
    return this.#tuning;
  }

  /** Whether the peer can have no other shard counts than these, after all that was seen: groups that could be rebuilt wait for that. */
  get proven(): boolean {
    return this.#proven;
  }

  /** The memory that {@link recoveredOffset} points into. */
  get recoveredBytes(): Uint8Array {
    return this.#pool.bytes;
  }

  /**
   * Takes one FEC packet, data or parity. The data packet's own content is the caller's business. Never throws for what a peer sent.
   * @param bytes - holds the packet
   * @param offset - where its FEC header starts
   * @param length - bytes of the packet, header included
   * @param now - time in ms, for `observer` and `work` only, never going back (default 0)
   * @returns how many KCP packets were rebuilt; they stay valid until the next `decode` of any decoder of the same memory
   */
  decode(bytes: Uint8Array, offset: number, length: number, now = 0): number {
    const stats = this.stats;
    const size = length - SHARD_OFFSET;
    this.#recovered = 0;
    this.#now = now;
    if (length < FEC_HEADER_SIZE || size > MAX_SHARD_SIZE) {
      stats.errs += 1;
      return 0;
    }
    const type = readU16(bytes, offset + 4);
    const isData = type === FEC_TYPE_DATA;
    if (!isData && type !== FEC_TYPE_PARITY) return 0;
    const seqid = readU32(bytes, offset);
    this.#tuner ??= new AutoTuner();
    this.#tuner.sample(isData, seqid);
    if (seqid >= this.#limit) return 0;
    const base = this.#current?.base ?? 0;
    let id = seqid - base;
    // A remainder of numbers beyond 2^31 is slow, so it is taken at a change of group only.
    if (id < 0 || id >= this.#shards) id = seqid % this.#shards;
    if (id < this.#dataShards !== isData) this.#tuning = true;
    if (this.#tuning) {
      this.#tune(this.#tuner);
      return 0;
    }
    this.#noteGap(seqid);
    this.#take(seqid - id, id, isData, bytes, offset + SHARD_OFFSET, size);
    if (this.#careful) this.#settle(isData, seqid);
    return this.#recovered;
  }

  /** Where rebuilt KCP packet `index` of the last `decode` starts in {@link recoveredBytes}. */
  recoveredOffset(index: number): number {
    return this.#recoveredOffsets[index]!;
  }

  /** Bytes of rebuilt KCP packet `index` of the last `decode`; 0 or more. */
  recoveredLength(index: number): number {
    return this.#recoveredLengths[index]!;
  }

  /**
   * Takes over the sender's counts, which something else has proven (`CountsProof`): packets are rebuilt from now on.
   * @throws {TypeError} when a count is no integer
   * @throws {RangeError} when a count, or their sum, is out of range
   */
  adopt(dataShards: number, parityShards: number): void {
    checkShards(dataShards, parityShards);
    this.#tuning = false;
    if (dataShards !== this.#dataShards || parityShards !== this.#parityShards) this.#change(dataShards, parityShards);
    this.#proven = true;
    this.#proof = undefined;
  }

  /** Drops all groups and gives the pool's slots back. */
  close(): void {
    for (const group of this.#groups) group.clear();
    this.#groups.length = 0;
    this.#current = undefined;
    this.#newest = -1;
    this.#expected = -1;
    this.stats.shardSets = 0;
  }

  // A shard of the group that starts at `base`.
  #take(base: number, id: number, isData: boolean, bytes: Uint8Array, offset: number, size: number): void {
    const group = this.#find(base);
    if (!isData && (group === undefined || group.present[id] === 0)) this.stats.parityShards += 1;
    if (this.#dataShards === 1 && !this.#careful) {
      this.#decodeSingle(group, isData, bytes, offset, size);
      return;
    }
    if (group === undefined || group.present[id] !== 0) return;
    if (group.done && this.#parityShards < this.#dataShards) {
      group.note(id);
      return;
    }
    if (!group.fits(isData, size)) {
      this.stats.errs += 1;
      return;
    }
    if (!group.keep(id, isData, bytes, offset, size)) {
      this.stats.evicted += 1;
      return;
    }
    if (group.count >= this.#dataShards) this.#complete(group);
  }

  // Looks for the proof of the counts, and rebuilds one group that waited for it: one a call, so that what comes out is one group's.
  #settle(isData: boolean, seqid: number): void {
    if (!this.#proven) {
      this.#proof ??= new CountsProof();
      this.#proof.note(isData, seqid);
      this.#proven = this.#proof.holds(this.#dataShards, this.#parityShards);
      if (this.#proven) this.#proof = undefined;
    }
    this.#careful = !this.#proven;
    for (const group of this.#groups) {
      if (!group.waits) continue;
      if (this.#recovered === 0 && this.#isCertain(group)) this.#finish(group, this.#rebuild(group));
      else this.#careful = true;
    }
  }

  #isCertain(group: ShardGroup): boolean {
    if (this.#proof === undefined) return true;
    return group.base === 0 && this.#proof.holdsFirst(this.#dataShards, group.present.lastIndexOf(1));
  }

  #noteGap(seqid: number): void {
    const missing = this.#expected < 0 ? 0 : serialDiff(seqid, this.#expected);
    if (missing < 0) return;
    this.#expected = seqid + 1 === this.#limit ? 0 : seqid + 1;
    if (missing === 0) return;
    this.stats.gaps += missing;
    this.#observer?.onGap(missing, this.#now);
  }

  // The group that starts at `base`, new or known; undefined when it is older than the groups that are kept.
  #find(base: number): ShardGroup | undefined {
    if (this.#current?.base === base) return this.#current;
    const groups = this.#groups;
    for (let index = 0; index < groups.length; index++) {
      const group = groups[index]!;
      if (group.base !== base) continue;
      this.#current = group;
      return group;
    }
    const window = (KEPT_GROUPS - 1) * this.#shards;
    if (this.#newest < 0 || serialDiff(base, this.#newest) > 0) {
      this.#newest = base;
      this.stats.shardMin = base / this.#shards;
    } else if (serialDiff(this.#newest, base) > window) {
      return undefined;
    }
    let free: ShardGroup | undefined;
    for (let index = groups.length - 1; index >= 0; index--) {
      const group = groups[index]!;
      if (serialDiff(this.#newest, group.base) <= window) continue;
      this.#giveUp(group);
      groups.splice(index, 1);
      free = group;
    }
    if (groups.length === KEPT_GROUPS) {
      // Ids that jump by half of their range can leave a group standing that is neither old nor new.
      free = groups.shift() as ShardGroup;
      this.#giveUp(free);
    }
    const group = free ?? new ShardGroup(this.#pool, this.#shards, this.stats);
    group.base = base;
    groups.push(group);
    this.stats.shardSets = groups.length;
    this.#current = group;
    return group;
  }

  #giveUp(group: ShardGroup): void {
    if (!group.done) this.#observer?.onGroup(group.count, 0, this.#now);
    group.clear();
    group.done = false;
  }

  // With one data shard each packet completes its group, and parity is a copy of the data.
  #decodeSingle(group: ShardGroup | undefined, isData: boolean, bytes: Uint8Array, offset: number, size: number): void {
    if (group !== undefined) group.done = true;
    if (isData) {
      this.stats.fullShards += 1;
      this.#observer?.onGroup(1, 0, this.#now);
      return;
    }
    const slot = this.#pool.rebuiltSlot(0, group);
    if (slot < 0) {
      this.stats.errs += 1;
      return;
    }
    this.#pool.copyIn(bytes, offset, size, slot);
    this.#prepareRecovered();
    this.#handOut(slot, size);
    this.#observer?.onGroup(1, 1, this.#now);
  }

  #complete(group: ShardGroup): void {
    if (group.dataCount === this.#dataShards) {
      this.stats.fullShards += 1;
      this.#finish(group, 0);
    } else if (this.#careful) {
      group.waits = true;
    } else {
      this.#finish(group, this.#rebuild(group));
    }
  }

  #finish(group: ShardGroup, rebuilt: number): void {
    const received = group.count;
    group.clear();
    group.done = true;
    this.#observer?.onGroup(received, rebuilt, this.#now);
  }

  #rebuild(group: ShardGroup): number {
    const { present, offsets, longest } = group;
    const dataShards = this.#dataShards;
    if (!this.#mayRebuild(group)) {
      this.stats.errs += 1;
      return 0;
    }
    let lost = 0;
    for (let id = 0; id < dataShards; id++) {
      if (present[id] !== 0) continue;
      const slot = this.#pool.rebuiltSlot(lost, group);
      if (slot < 0) {
        this.stats.errs += 1;
        return 0;
      }
      offsets[id] = slot;
      lost += 1;
    }
    group.pad();
    this.#codec ??= this.#pool.codec(dataShards, this.#parityShards);
    this.#codec.reconstructAt(offsets, present, longest, true);
    this.#prepareRecovered();
    for (let id = 0; id < dataShards; id++) {
      if (present[id] === 0) this.#handOut(offsets[id]!, longest);
    }
    return lost;
  }

  // Whether the work of rebuilding a group is within what may be done now; then it is taken off.
  #mayRebuild({ dataCount, longest }: ShardGroup): boolean {
    const work = this.#work;
    if (work === undefined) return true;
    if (work.allowance(this.#now) <= 0 || this.#ownWork.allowance(this.#now) <= 0) return false;
    const units = (this.#dataShards - dataCount) * this.#dataShards * (longest + STEP_WORK);
    work.spend(units);
    this.#ownWork.spend(units);
    return true;
  }

  #prepareRecovered(): void {
    const most = Math.min(this.#dataShards, this.#parityShards);
    if (this.#recoveredOffsets.length >= most) return;
    this.#recoveredOffsets = new Int32Array(most);
    this.#recoveredLengths = new Int32Array(most);
  }

  // A rebuilt shard is size, packet, padding (PROTOCOL session §1); any other content was made by a faulty or hostile peer.
  #handOut(slot: number, longest: number): void {
    const size = readU16(this.#pool.bytes, slot);
    if (size < 2 || size > longest) {
      this.stats.errs += 1;
      return;
    }
    this.#recoveredOffsets[this.#recovered] = slot + 2;
    this.#recoveredLengths[this.#recovered] = size - 2;
    this.#recovered += 1;
    this.stats.recovered += 1;
  }

  #tune(tuner: AutoTuner): void {
    if (!tuner.sort()) return;
    const dataShards = tuner.period(true);
    const parityShards = tuner.period(false);
    if (dataShards <= 0 || parityShards <= 0 || dataShards + parityShards >= MAX_SHARDS) return;
    this.#tuning = false;
    if (dataShards !== this.#dataShards || parityShards !== this.#parityShards) this.#change(dataShards, parityShards);
  }

  #change(dataShards: number, parityShards: number): void {
    this.close();
    this.#dataShards = dataShards;
    this.#parityShards = parityShards;
    this.#shards = dataShards + parityShards;
    this.#limit = seqidLimit(this.#shards);
    this.#codec = undefined;
    // The samples may be older than a change of the sender: only new ones prove anything.
    this.#proven = false;
    this.#proof = undefined;
    this.#careful = true;
  }
}

const NOTHING: Int32Array = new Int32Array(0);
