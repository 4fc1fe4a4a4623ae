// Bytes in order, kept in chunks. A reader takes whole chunks (and with them their ownership), so bytes are copied once,
// on `append`. Chunks come from a pool that is shared by all queues of a process and keeps a bounded number of spares.

const SMALL_CHUNK = 4 * 1024;
const LARGE_CHUNK = 64 * 1024;
/** For queues through which much goes at a time: what one turn brings of a bulk transfer fits, and leaves with one system call. */
const BULK_CHUNK = 128 * 1024;
/** Chunks of that size that a pool lends at a time: a queue begins with one for whatever comes next, be it a single byte that nobody takes. */
const MAX_BULK_CHUNKS = 64;
/** How often the use of a pool is looked at, in ms. */
const TRIM_PERIOD = 5000;

/** A piece of memory with its filled part `[start, end)`. Whoever holds it owns it and gives it back with `release`. */
export interface Chunk {
  readonly bytes: Uint8Array;
  start: number;
  end: number;
}

/** Lends chunks of 4, 64 or 128 KiB and keeps up to `maxSpare` of each size for the next borrower. */
export class ChunkPool {
  readonly #spareSmall: Chunk[] = [];
  readonly #spareLarge: Chunk[] = [];
  readonly #spareBulk: Chunk[] = [];
  readonly #maxSpare: number;
  #lent = 0;
  #lentBulk = 0;
  /** Most chunks that were lent at a time since the last look. */
  #peak = 0;
  #lookAt: number = Number.NEGATIVE_INFINITY;

  /** @param maxSpare - how many returned chunks of each size are kept (default 64: at most 12.25 MiB) */
  constructor(maxSpare = 64) {
    this.#maxSpare = maxSpare;
  }

  /** Number of chunks that are lent and not yet released. */
  get lent(): number {
    return this.#lent;
  }

  /** Bytes of the chunks that are kept for the next borrower. */
  get spareBytes(): number {
    return this.#spareSmall.length * SMALL_CHUNK + this.#spareLarge.length * LARGE_CHUNK + this.#spareBulk.length * BULK_CHUNK;
  }

  /** Keeps as many spare chunks as were lent at a time within the last `TRIM_PERIOD` ms, at most; call it every now and then. */
  maintain(now: number): void {
    if (now < this.#lookAt) return;
    this.#lookAt = now + TRIM_PERIOD;
    this.#spareSmall.length = Math.min(this.#spareSmall.length, this.#peak);
    this.#spareLarge.length = Math.min(this.#spareLarge.length, this.#peak);
    this.#spareBulk.length = Math.min(this.#spareBulk.length, this.#peak);
    this.#peak = this.#lent;
  }

  /** Lets go of all spare chunks. */
  trim(): void {
    this.#spareSmall.length = 0;
    this.#spareLarge.length = 0;
    this.#spareBulk.length = 0;
  }

  /** Whether it lends another chunk of 128 KiB. */
  get lendsBulk(): boolean {
    return this.#lentBulk < MAX_BULK_CHUNKS;
  }

  /** Lends an empty chunk: one of 4 KiB for up to that, one of 128 KiB for more than 64 KiB as long as there are such, else one of 64 KiB. */
  borrow(wanted: number): Chunk {
    const size = wanted <= SMALL_CHUNK ? SMALL_CHUNK : wanted <= LARGE_CHUNK || !this.lendsBulk ? LARGE_CHUNK : BULK_CHUNK;
    if (size === BULK_CHUNK) this.#lentBulk += 1;
    const chunk = this.#spareOf(size).pop();
    this.#lent += 1;
    if (this.#lent > this.#peak) this.#peak = this.#lent;
    if (chunk !== undefined) {
      chunk.start = 0;
      chunk.end = 0;
      return chunk;
    }
    return { bytes: new Uint8Array(size), start: 0, end: 0 };
  }

  /** Takes a chunk back. The caller must not touch it afterwards. */
  release(chunk: Chunk): void {
    this.#lent -= 1;
    if (chunk.bytes.length === BULK_CHUNK) this.#lentBulk -= 1;
    const spare = this.#spareOf(chunk.bytes.length);
    if (spare.length < this.#maxSpare) spare.push(chunk);
  }

  #spareOf(size: number): Chunk[] {
    if (size === SMALL_CHUNK) return this.#spareSmall;
    return size === LARGE_CHUNK ? this.#spareLarge : this.#spareBulk;
  }
}

/** A queue of bytes: appended by copy, taken by the chunk. */
export class ByteQueue {
  readonly #pool: ChunkPool;
  #chunks: Chunk[] = [];
  #length = 0;
  /** What was taken at a time of late filled a large chunk. */
  #bulk = false;
  /** The chunk that is first now was not when it was filled. */
  #following = false;

  /** @param pool - where chunks come from and go back to */
  constructor(pool: ChunkPool) {
    this.#pool = pool;
  }

  /** Number of bytes in the queue. */
  get length(): number {
    return this.#length;
  }

  /**
   * Appends a copy of `length` bytes from `offset`.
   * @param expected - how many bytes will be appended soon, these included: an empty queue chooses the size of its first chunk by it
   */
  append(bytes: Uint8Array, offset: number, length: number, expected: number = length): void {
    this.#length += length;
    let tail = this.#chunks[this.#chunks.length - 1];
    while (length > 0) {
      if (tail === undefined || tail.end === tail.bytes.length) {
        // A queue that already holds bytes goes on with large chunks.
        tail = this.#pool.borrow(this.#bulk && this.#pool.lendsBulk ? BULK_CHUNK : tail === undefined ? expected : LARGE_CHUNK);
        this.#chunks.push(tail);
      }
      const part = Math.min(length, tail.bytes.length - tail.end);
      tail.bytes.set(bytes.subarray(offset, offset + part), tail.end);
      tail.end += part;
      offset += part;
      length -= part;
    }
  }

  /** Takes the first chunk out; the caller owns it now and must `release` it to the pool. */
  take(): Chunk | undefined {
    const chunk = this.#chunks.shift();
    if (chunk === undefined) return undefined;
    this.#length -= chunk.end - chunk.start;
    const more = this.#chunks.length > 0;
    if (more) this.#bulk = true;
    else if (!this.#following) this.#bulk = chunk.end >= LARGE_CHUNK;
    this.#following = more;
    return chunk;
  }

  /** Copies up to `target.length` bytes out and removes them; returns how many. */
  read(target: Uint8Array): number {
    let done = 0;
    while (done < target.length) {
      const head = this.#chunks[0];
      if (head === undefined) break;
      const part = Math.min(target.length - done, head.end - head.start);
      target.set(head.bytes.subarray(head.start, head.start + part), done);
      head.start += part;
      done += part;
      if (head.start === head.end) this.#pool.release(this.#chunks.shift() as Chunk);
    }
    this.#length -= done;
    return done;
  }

  /** Drops everything; returns how many bytes were dropped. */
  clear(): number {
    const dropped = this.#length;
    for (const chunk of this.#chunks) this.#pool.release(chunk);
    this.#chunks = [];
    this.#length = 0;
    return dropped;
  }
}
