// Counting how many of some ACKs are not older than a segment, for fast retransmission, when their times go in all directions:
// no path makes that, a peer may. One by one it would cost a comparison for each ACK and segment (2048 x 2048 of them); a Fenwick tree
// over the times makes it a dozen steps for each segment. Times are serial numbers: "not older" is half of the circle.

const HALF = 2 ** 31;
const CIRCLE = 2 ** 32;

/** Counts the ACKs from a falling index on by their time. */
export class AckCounts {
  /** Steps taken so far, for tests. */
  steps = 0;
  #ts: Int32Array = new Int32Array(0);
  #total = 0;
  #from = 0;
  #ready = false;
  #sorted: Float64Array = new Float64Array(0);
  #tree: Int32Array = new Int32Array(1);

  /** Begins with the first `total` times of `ts`; what that costs falls due with the first `count`. */
  begin(ts: Int32Array, total: number): void {
    this.#ts = ts;
    this.#total = total;
    this.#from = total;
    this.#ready = false;
  }

  /** How many of the ACKs from index `from` on are not older than `ts`. `from` may not rise between two calls of `begin`. */
  count(from: number, ts: number): number {
    if (!this.#ready) this.#prepare();
    while (this.#from > from) {
      this.#from -= 1;
      this.#add(this.#rank(this.#ts[this.#from]! >>> 0));
    }
    const first = ts >>> 0;
    const last = first + HALF;
    const below = this.#sum(this.#rank(first));
    if (last < CIRCLE) return this.#sum(this.#rank(last + 1)) - below;
    return this.#total - this.#from - below + this.#sum(this.#rank(last - CIRCLE + 1));
  }

  #prepare(): void {
    const total = this.#total;
    if (this.#sorted.length < total) {
      this.#sorted = new Float64Array(total);
      this.#tree = new Int32Array(total + 1);
    }
    for (let index = 0; index < total; index++) this.#sorted[index] = this.#ts[index]! >>> 0;
    this.#sorted.subarray(0, total).sort();
    this.#tree.fill(0, 0, total + 1);
    this.#ready = true;
  }

  /** How many of all times are less. */
  #rank(time: number): number {
    const sorted = this.#sorted;
    let low = 0;
    let high = this.#total;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sorted[middle]! < time) low = middle + 1;
      else high = middle;
      this.steps += 1;
    }
    return low;
  }

  #add(rank: number): void {
    const total = this.#total;
    for (let at = rank + 1; at <= total; at += at & -at) this.#tree[at] = this.#tree[at]! + 1;
  }

  /** How many of those that were added have one of the first `rank` places. */
  #sum(rank: number): number {
    let sum = 0;
    for (let at = rank; at > 0; at -= at & -at) sum += this.#tree[at]!;
    return sum;
  }
}
