// The debug build of the pools: `installPoolChecks` puts checks around the methods by which Arena, BatchPool, ChunkPool, SegmentPool and ShardPool
// lend and take back, and returns what takes them away again; programs have not a line of it. Found are
//
//   - pieces that are given back twice, to the wrong pool, or with another length than they were reserved with;
//   - writing to a batch or chunk after giving it back: it gets a pattern, which must be whole when it is lent again;
//   - reading after giving back: what is read is the pattern, and the comparison of the test fails;
//   - pieces that never come back (`findLeaks`).
//
// Faults are thrown where they happen, and kept as well, for the code that catches too much (`takeFaults`). With KCPTUN_POOL_PLACES=1 they
// name where the piece was lent and given back, which takes most of the time then.

import { Arena, BatchPool, type Chunk, ChunkPool, type PacketBatch } from '@kcptun/common';
import { ShardPool } from '@kcptun/fec';
import { SegmentPool } from '@kcptun/kcp-core';

const PATTERN = 0xdd;
/** Bytes at the beginning of a slot or chunk that get the pattern: any use of it begins there, and all of it would take too long. */
const MARKED = 256;
const MARK = new Uint8Array(MARKED).fill(PATTERN);
const PLACES = process.env['KCPTUN_POOL_PLACES'] === '1';

/** Pieces of one pool, by what names them: an offset, a slot, a batch, a chunk. */
interface Ledger<Piece> {
  readonly name: string;
  /** Where each piece that is out was lent. */
  readonly lent: Map<Piece, string>;
  /** Where each piece that came back was given back. */
  readonly returned: Map<Piece, string>;
}

let faults: string[] = [];
let ledgers: Set<Ledger<unknown>> = new Set();
let known = new WeakMap<object, Ledger<unknown>>();

function ledgerOf<Piece>(pool: object, name: string): Ledger<Piece> {
  let ledger = known.get(pool);
  if (ledger === undefined) {
    ledger = { name, lent: new Map(), returned: new Map() };
    known.set(pool, ledger);
  }
  ledgers.add(ledger);
  return ledger as Ledger<Piece>;
}

function fault(text: string): never {
  faults.push(text);
  throw new Error(text);
}

/** Where the pool was called from: the first lines of the stack outside of this file. */
function place(): string {
  if (!PLACES) return 'a place (KCPTUN_POOL_PLACES=1 names it)';
  const lines = (new Error().stack ?? '').split('\n').slice(1);
  return lines
    .filter((line) => !line.includes('pool-checks'))
    .slice(0, 4)
    .map((line) => line.trim())
    .join(' < ');
}

function noteLent<Piece>(ledger: Ledger<Piece>, piece: Piece, where: string): void {
  if (ledger.lent.has(piece)) fault(`${ledger.name}: a piece is lent that is out already, since ${ledger.lent.get(piece)}`);
  ledger.returned.delete(piece);
  ledger.lent.set(piece, where);
}

function noteReturned<Piece>(ledger: Ledger<Piece>, piece: Piece, where: string): void {
  if (!ledger.lent.delete(piece)) {
    const before = ledger.returned.get(piece);
    fault(
      `${ledger.name}: ${before === undefined ? 'given back but never lent here' : `given back twice, before ${before}`}, now ${where}`,
    );
  }
  ledger.returned.set(piece, where);
}

function checkMark(ledger: Ledger<unknown>, piece: unknown, bytes: Uint8Array, at: number): void {
  if (Buffer.compare(bytes.subarray(at, at + MARKED), MARK) === 0) return;
  fault(`${ledger.name}: written to after it was given back by ${ledger.returned.get(piece)}`);
}

let restoring: (() => void)[] = [];

function replace<Pool extends object, Name extends keyof Pool>(prototype: Pool, name: Name, method: Pool[Name]): void {
  const original = Object.getOwnPropertyDescriptor(prototype, name) as PropertyDescriptor;
  restoring.push(() => Object.defineProperty(prototype, name, original));
  Object.defineProperty(prototype, name, { ...original, value: method });
}

function wrapArena(): void {
  const sizes = new WeakMap<Arena, Map<number, number>>();
  const roundUp = (byteLength: number): number => Math.ceil(byteLength / 16) * 16;
  const { reserve, release } = Arena.prototype;
  replace(Arena.prototype, 'reserve', function (this: Arena, byteLength: number): number {
    const offset = reserve.call(this, byteLength);
    const size = roundUp(byteLength);
    if (size === 0) return offset;
    noteLent(ledgerOf<number>(this, 'Arena'), offset, place());
    let lengths = sizes.get(this);
    if (lengths === undefined) sizes.set(this, (lengths = new Map()));
    lengths.set(offset, size);
    return offset;
  });
  replace(Arena.prototype, 'release', function (this: Arena, offset: number, byteLength: number): void {
    const size = roundUp(byteLength);
    const reserved = sizes.get(this)?.get(offset);
    // What was reserved before the checks were there is not known.
    if (size > 0 && reserved !== undefined) {
      noteReturned(ledgerOf<number>(this, 'Arena'), offset, place());
      if (reserved !== size) fault(`Arena: ${size} bytes given back where ${reserved} were reserved, by ${place()}`);
    }
    release.call(this, offset, byteLength);
  });
}

function wrapBatchPool(): void {
  const marked = new WeakMap<PacketBatch, number>();
  const { borrow, giveBack } = BatchPool.prototype;
  replace(BatchPool.prototype, 'borrow', function (this: BatchPool): PacketBatch {
    const ledger = ledgerOf<PacketBatch>(this, 'BatchPool');
    const batch = borrow.call(this);
    const slots = marked.get(batch) ?? 0;
    for (let slot = 0; slot < slots; slot++) checkMark(ledger, batch, batch.bytes, batch.slot(slot));
    if (batch.count !== 0) fault('BatchPool: a batch was filled after it was given back');
    noteLent(ledger, batch, place());
    return batch;
  });
  replace(BatchPool.prototype, 'giveBack', function (this: BatchPool, batch: PacketBatch): void {
    noteReturned(ledgerOf<PacketBatch>(this, 'BatchPool'), batch, place());
    const slots = Math.max(1, batch.count);
    for (let slot = 0; slot < slots; slot++) batch.bytes.set(MARK, batch.slot(slot));
    marked.set(batch, slots);
    giveBack.call(this, batch);
  });
}

function wrapChunkPool(): void {
  const marked = new WeakSet<Chunk>();
  const { borrow, release } = ChunkPool.prototype;
  replace(ChunkPool.prototype, 'borrow', function (this: ChunkPool, wanted: number): Chunk {
    const ledger = ledgerOf<Chunk>(this, 'ChunkPool');
    const chunk = borrow.call(this, wanted);
    if (marked.has(chunk)) checkMark(ledger, chunk, chunk.bytes, 0);
    noteLent(ledger, chunk, place());
    return chunk;
  });
  replace(ChunkPool.prototype, 'release', function (this: ChunkPool, chunk: Chunk): void {
    noteReturned(ledgerOf<Chunk>(this, 'ChunkPool'), chunk, place());
    chunk.bytes.set(MARK);
    marked.add(chunk);
    release.call(this, chunk);
  });
}

/** A segment is lent and given back for every packet: nothing but a flag for each slot. */
function wrapSegmentPool(): void {
  const flags = new WeakMap<SegmentPool, boolean[]>();
  const flagsOf = (pool: SegmentPool): boolean[] => {
    let lent = flags.get(pool);
    if (lent === undefined) flags.set(pool, (lent = []));
    return lent;
  };
  const { take, give } = SegmentPool.prototype;
  replace(SegmentPool.prototype, 'take', function (this: SegmentPool): number {
    const slot = take.call(this);
    const lent = flagsOf(this);
    if (lent[slot]) fault('SegmentPool: a segment is lent that is out already');
    lent[slot] = true;
    return slot;
  });
  replace(SegmentPool.prototype, 'give', function (this: SegmentPool, slot: number): void {
    const lent = flagsOf(this);
    if (!lent[slot]) fault('SegmentPool: a segment is given back twice, or was never lent');
    lent[slot] = false;
    this.chunk(slot).set(MARK, this.offset(slot));
    give.call(this, slot);
  });
}

/** What ShardPool has beyond its public face. */
export interface ShardSlots {
  take(holder: unknown): number;
  release(slot: number): void;
}

function wrapShardPool(): void {
  const prototype = ShardPool.prototype as unknown as ShardSlots;
  const { take, release } = prototype;
  replace(prototype, 'take', function (this: ShardSlots, holder: unknown): number {
    const slot = take.call(this, holder);
    if (slot >= 0) noteLent(ledgerOf<number>(this, 'ShardPool'), slot, 'a shard');
    return slot;
  });
  replace(prototype, 'release', function (this: ShardSlots, slot: number): void {
    const ledger = ledgerOf<number>(this, 'ShardPool');
    // Slots that the pool has just made come this way as well.
    if (ledger.lent.has(slot) || ledger.returned.has(slot)) noteReturned(ledger, slot, 'a shard');
    else ledger.returned.set(slot, 'the pool');
    release.call(this, slot);
  });
}

/** Puts the checks in place and forgets what was found before. @returns what takes them away again */
export function installPoolChecks(): () => void {
  if (restoring.length > 0) throw new Error('the checks of the pools are in place already');
  faults = [];
  ledgers = new Set();
  known = new WeakMap();
  for (const step of [wrapArena, wrapBatchPool, wrapChunkPool, wrapSegmentPool, wrapShardPool]) step();
  return () => {
    for (const restore of restoring) restore();
    restoring = [];
  };
}

/** What was found since the last call. */
export function takeFaults(): string[] {
  const found = faults;
  faults = [];
  return found;
}

/** What batch and chunk pools have lent since the checks are in place and not got back. A batch is lent for one turn, a chunk until it is written. */
export function findLeaks(): string[] {
  return [...ledgers]
    .filter(({ name }) => name === 'BatchPool' || name === 'ChunkPool')
    .flatMap((ledger) => [...ledger.lent.values()].map((where) => `${ledger.name}: lent and not given back: ${where}`));
}
