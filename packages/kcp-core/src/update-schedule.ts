// ikcp's way of driving a conversation: the caller calls often, and every interval one of the calls flushes.

/** A clock that jumped by more than this starts the schedule anew, in ms. */
const JUMP = 10_000;

/** When `update` flushes. */
export class UpdateSchedule {
  #started = false;
  #at = 0;

  /** Whether the flush is due at `cur`; if so, the next one is one interval later. */
  due(cur: number, interval: number): boolean {
    if (!this.#valid(cur)) {
      this.#started = true;
      this.#at = cur;
    }
    if (cur < this.#at) return false;
    this.#at += interval;
    // No catching up after a pause.
    if (cur >= this.#at) this.#at = cur + interval;
    return true;
  }

  /** When the next flush is due, ms. */
  next(cur: number): number {
    return this.#valid(cur) ? this.#at : cur;
  }

  #valid(cur: number): boolean {
    return this.#started && Math.abs(cur - this.#at) < JUMP;
  }
}
