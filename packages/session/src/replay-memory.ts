// A memory of what was seen: keys of 64 random bits, found again within some tens of nanoseconds, in two generations of open-addressed tables.
//
//   present   [ . k . k k . . k ]   grows with what comes in, up to `entries` keys
//   past      [ k k . k . k k . ]   read only; dropped when the present one is full or `age` old and takes its place
//
// So a key is known at least until `entries` others or `age` have followed it, and at most twice as long; nothing is ever deleted one by one, and
// a quiet memory shrinks to 4 KiB. Where a key goes depends on a secret seed, because peers choose their nonces.

const FIRST_ENTRIES = 256;

/** Bounds of a {@link ReplayMemory}. */
export interface ReplayMemoryOptions {
  /** Keys that are remembered for certain, a power of two from 256 on. A table takes 16 bytes for each, and there are two. */
  readonly entries: number;
  /** How long they are remembered if fewer come, in ms. */
  readonly age: number;
  /** 32 unpredictable bits. */
  readonly seed: number;
}

/** Remembers keys, each given as two 32-bit halves. */
export class ReplayMemory {
  readonly #most: number;
  readonly #age: number;
  readonly #seed: number;
  // Two words a slot, twice as many slots as keys; both words 0: empty.
  #present: Int32Array = new Int32Array(FIRST_ENTRIES * 4);
  #past: Int32Array = new Int32Array(FIRST_ENTRIES * 4);
  #count = 0;
  #pastCount = 0;
  #since: number = Number.NEGATIVE_INFINITY;
  /** @internal What `fetch` has read: kept, or a compiler would leave the reading away. */
  fetched = 0;

  constructor(options: ReplayMemoryOptions) {
    this.#most = options.entries;
    this.#age = options.age;
    this.#seed = options.seed | 0;
  }

  /** Number of keys that are remembered. */
  get size(): number {
    return this.#count + this.#pastCount;
  }

  /** Bytes of both tables. */
  get byteLength(): number {
    return this.#present.byteLength + this.#past.byteLength;
  }

  /**
   * Remembers a key.
   * @param now - ms, never going back
   * @returns false when it was known already
   */
  add(low: number, high: number, now: number): boolean {
    low |= 0;
    high |= 0;
    if (low === 0 && high === 0) high = 1;
    const hash = this.#hash(low, high);
    if (this.#pastCount > 0 && find(this.#past, hash, low, high) < 0) return false;
    let at = find(this.#present, hash, low, high);
    if (at < 0) return false;
    if (this.#count === this.#most || now - this.#since >= this.#age) {
      this.#turn(now);
      at = find(this.#present, hash, low, high);
    } else if (this.#count * 4 === this.#present.length) {
      this.#grow();
      at = find(this.#present, hash, low, high);
    }
    this.#present[at] = low;
    this.#present[at + 1] = high;
    this.#count += 1;
    return true;
  }

  /**
   * Brings the places of keys that will be added soon into the processor's cache. A full memory does not stay there, and reading all places in
   * one loop waits for one another's memory at the same time instead of one after the other.
   * @param keys - both halves of each
   * @param count - number of keys
   */
  fetch(keys: Int32Array, count: number): void {
    const present = this.#present;
    const past = this.#past;
    let words = 0;
    for (let index = 0; index < count; index++) {
      const at = this.#hash(keys[index * 2]!, keys[index * 2 + 1]!) << 1;
      words ^= present[at & (present.length - 1)]! ^ past[at & (past.length - 1)]!;
    }
    this.fetched = words & 0xffff;
  }

  /** Whether a key is remembered. */
  has(low: number, high: number): boolean {
    low |= 0;
    high |= 0;
    if (low === 0 && high === 0) high = 1;
    const hash = this.#hash(low, high);
    return find(this.#present, hash, low, high) < 0 || find(this.#past, hash, low, high) < 0;
  }

  /** The present generation becomes the past one. */
  #turn(now: number): void {
    const reused = this.#past;
    this.#past = this.#present;
    this.#pastCount = this.#count;
    let words = FIRST_ENTRIES * 4;
    while (words < this.#count * 4) words *= 2;
    this.#present = reused.length === words ? reused.fill(0) : new Int32Array(words);
    this.#count = 0;
    this.#since = now;
  }

  #grow(): void {
    const before = this.#present;
    const grown = new Int32Array(before.length * 2);
    for (let at = 0; at < before.length; at += 2) {
      const low = before[at]!;
      const high = before[at + 1]!;
      if (low === 0 && high === 0) continue;
      const place = find(grown, this.#hash(low, high), low, high);
      grown[place] = low;
      grown[place + 1] = high;
    }
    this.#present = grown;
  }

  #hash(low: number, high: number): number {
    return mix(mix(this.#seed ^ low) ^ high);
  }
}

/** The word where a key belongs in a table; -1 when it is there. */
function find(table: Int32Array, hash: number, low: number, high: number): number {
  const mask = table.length - 1;
  for (let at = (hash << 1) & mask; ; at = (at + 2) & mask) {
    const word = table[at]!;
    if (word === low && table[at + 1] === high) return -1;
    if (word === 0 && table[at + 1] === 0) return at;
  }
}

function mix(value: number): number {
  const product = Math.imul(value ^ (value >>> 16), 0x9e37_79b1);
  return product ^ (product >>> 15);
}
