// Earliest-deadline-first queue: a binary heap whose items know their place, so that changing a deadline is O(log n).
// One timer of the event loop serves all sessions through it.

/** What the heap keeps in an item: set by {@link Deadlines} only. */
export interface HasDeadline {
  /** When the item is due, in ms; meaningless while `deadlineIndex` is -1. */
  deadline: number;
  /** Place in the heap, -1 when not in it. */
  deadlineIndex: number;
}

/** A set of items ordered by deadline. */
export class Deadlines<T extends HasDeadline> {
  readonly #heap: T[] = [];

  /** Number of items that have a deadline. */
  get length(): number {
    return this.#heap.length;
  }

  /** The earliest deadline in ms, or `undefined` when there is none. */
  get next(): number | undefined {
    return this.#heap[0]?.deadline;
  }

  /** Sets, moves or (with `undefined`) removes the deadline of an item. */
  set(item: T, deadline: number | undefined): void {
    if (deadline === undefined) {
      this.#remove(item);
      return;
    }
    if (item.deadlineIndex < 0) {
      item.deadline = deadline;
      item.deadlineIndex = this.#heap.length;
      this.#heap.push(item);
      this.#up(item.deadlineIndex);
      return;
    }
    const before = item.deadline;
    item.deadline = deadline;
    if (deadline < before) this.#up(item.deadlineIndex);
    else if (deadline > before) this.#down(item.deadlineIndex);
  }

  /** Removes and returns the first item that is due at `now`, or `undefined`. */
  pollDue(now: number): T | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.deadline > now) return undefined;
    this.#remove(first);
    return first;
  }

  #remove(item: T): void {
    const index = item.deadlineIndex;
    if (index < 0) return;
    item.deadlineIndex = -1;
    const last = this.#heap.pop() as T;
    if (last === item) return;
    last.deadlineIndex = index;
    this.#heap[index] = last;
    this.#up(index);
    this.#down(last.deadlineIndex);
  }

  #up(index: number): void {
    const heap = this.#heap;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (heap[parent]!.deadline <= heap[index]!.deadline) return;
      this.#swap(index, parent);
      index = parent;
    }
  }

  #down(index: number): void {
    const heap = this.#heap;
    for (;;) {
      let least = index;
      const left = index * 2 + 1;
      if (left < heap.length && heap[left]!.deadline < heap[least]!.deadline) least = left;
      if (left + 1 < heap.length && heap[left + 1]!.deadline < heap[least]!.deadline) least = left + 1;
      if (least === index) return;
      this.#swap(index, least);
      index = least;
    }
  }

  #swap(a: number, b: number): void {
    const heap = this.#heap;
    const first = heap[a]!;
    const second = heap[b]!;
    heap[a] = second;
    heap[b] = first;
    second.deadlineIndex = a;
    first.deadlineIndex = b;
  }
}
