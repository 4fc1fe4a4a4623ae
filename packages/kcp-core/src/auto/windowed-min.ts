// The smallest of the samples of the last so many ms, kept in a few buckets: nothing is allocated and
// nothing is sorted per sample.

const BUCKETS = 8;
/** A window keeps its width until another by this factor is asked for. */
const RESIZE = 1.25;

/** A sliding minimum. */
export class WindowedMin {
  readonly #least: Float64Array = new Float64Array(BUCKETS).fill(Number.POSITIVE_INFINITY);
  readonly #count: Uint32Array = new Uint32Array(BUCKETS);
  /** Width of a bucket in ms. */
  #width = 1;
  /** Number of the newest bucket: time divided by the width of one. */
  #newest = 0;

  /** Takes a sample at `now` (ms) into a window of `span` ms; both may change from call to call. */
  add(now: number, value: number, span: number): void {
    const width = span / BUCKETS;
    // A window that became much wider or narrower starts over, and so does one after a pause.
    const resized = width > this.#width * RESIZE || width * RESIZE < this.#width;
    if (resized) this.#width = width;
    const bucket = Math.floor(now / this.#width);
    const passed = bucket - this.#newest;
    if (resized || passed < 0 || passed >= BUCKETS) {
      this.clear();
    } else {
      for (let step = 1; step <= passed; step++) this.#empty((this.#newest + step) % BUCKETS);
    }
    this.#newest = bucket;
    const index = bucket % BUCKETS;
    if (value < this.#least[index]!) this.#least[index] = value;
    this.#count[index] = this.#count[index]! + 1;
  }

  /** The smallest sample; `Infinity` without one. */
  get min(): number {
    let least = Number.POSITIVE_INFINITY;
    for (let index = 0; index < BUCKETS; index++) least = Math.min(least, this.#least[index]!);
    return least;
  }

  /** Samples in the window. */
  get count(): number {
    let count = 0;
    for (let index = 0; index < BUCKETS; index++) count += this.#count[index]!;
    return count;
  }

  /** Forgets all samples. */
  clear(): void {
    this.#least.fill(Number.POSITIVE_INFINITY);
    this.#count.fill(0);
  }

  #empty(index: number): void {
    this.#least[index] = Number.POSITIVE_INFINITY;
    this.#count[index] = 0;
  }
}
