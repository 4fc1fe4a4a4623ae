// A FIFO over a circular array that doubles when full: `shift` is O(1), unlike Array.prototype.shift on long queues.
//
//    head            head+length
//     v                 v
//   [ a  b  c  d  e  f  .  . ]      index & mask

/** A first-in first-out queue with constant-time ends. */
export class Ring<T> {
  #items: (T | undefined)[] = new Array<T | undefined>(8).fill(undefined);
  #head = 0;
  #length = 0;

  /** Number of items in the queue. */
  get length(): number {
    return this.#length;
  }

  /** Appends an item at the end. */
  push(item: T): void {
    if (this.#length === this.#items.length) this.#grow();
    this.#items[(this.#head + this.#length) & (this.#items.length - 1)] = item;
    this.#length += 1;
  }

  /** Removes and returns the first item, or `undefined` when empty. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#items.length - 1);
    this.#length -= 1;
    return item;
  }

  /** Returns the item at `index` (0 is the first) without removing it. */
  at(index: number): T | undefined {
    return index < 0 || index >= this.#length ? undefined : this.#items[(this.#head + index) & (this.#items.length - 1)];
  }

  /** Removes the first item equal to `item`; O(n). Returns whether it was there. */
  remove(item: T): boolean {
    const mask = this.#items.length - 1;
    for (let index = 0; index < this.#length; index++) {
      if (this.#items[(this.#head + index) & mask] !== item) continue;
      for (let next = index + 1; next < this.#length; next++) {
        this.#items[(this.#head + next - 1) & mask] = this.#items[(this.#head + next) & mask];
      }
      this.#length -= 1;
      this.#items[(this.#head + this.#length) & mask] = undefined;
      return true;
    }
    return false;
  }

  /** Empties the queue and gives its storage back. */
  clear(): void {
    this.#items = new Array<T | undefined>(8).fill(undefined);
    this.#head = 0;
    this.#length = 0;
  }

  #grow(): void {
    const grown = new Array<T | undefined>(this.#items.length * 2).fill(undefined);
    for (let index = 0; index < this.#length; index++) grown[index] = this.at(index);
    this.#items = grown;
    this.#head = 0;
  }
}
