// What a line can carry over time: a rate that changes in steps, either because a plan says so or as it
// was recorded from a real one. Both are the same here: a list of times and the rate from each of them on.

/** From `at` (ms) on the line carries so many bytes per ms; 0: nothing. */
export interface CapacityStep {
  readonly at: number;
  readonly bytesPerMs: number;
}

/** Character code of a bin of a recorded capacity that carries nothing; each packet more is the next code. */
const EMPTY_BIN = 48;

/** The capacity of a line, from time 0 on. */
export class Capacity {
  readonly #at: number[];
  readonly #rate: number[];
  readonly #period: number;
  /** Step that the last `finish` began in, and when its turn of the period began. */
  #step = 0;
  #turn = 0;

  /**
   * @param steps - in order, the first at 0
   * @param period - after so many ms it begins anew (default: never)
   */
  constructor(steps: readonly CapacityStep[], period: number = Number.POSITIVE_INFINITY) {
    if (steps[0]?.at !== 0) throw new RangeError('the first step must be at 0');
    this.#at = steps.map(({ at }) => at);
    this.#rate = steps.map(({ bytesPerMs }) => bytesPerMs);
    this.#period = period;
    const last = period === Number.POSITIVE_INFINITY ? this.#rate.at(-1) : Math.max(...this.#rate);
    if (!((last as number) > 0)) throw new RangeError('a line that carries nothing for ever');
    if (this.#at.some((at, index) => index > 0 && !(at > (this.#at[index - 1] as number))) || !(period > (this.#at.at(-1) as number))) {
      throw new RangeError('steps must be in order, and end before the period');
    }
  }

  /** One rate for ever. */
  static constant(bytesPerMs: number): Capacity {
    return new Capacity([{ at: 0, bytesPerMs }]);
  }

  /**
   * A recorded capacity, which repeats.
   * @param bins - one character per bin: `0` for no packet, the next character for one more each
   * @param binMs - length of a bin
   * @param packet - bytes of a packet
   */
  static recorded(bins: string, binMs: number, packet: number): Capacity {
    const steps: CapacityStep[] = [];
    for (let index = 0; index < bins.length; index++) {
      const bytesPerMs = ((bins.charCodeAt(index) - EMPTY_BIN) * packet) / binMs;
      if (steps.at(-1)?.bytesPerMs !== bytesPerMs) steps.push({ at: index * binMs, bytesPerMs });
    }
    return new Capacity(steps, bins.length * binMs);
  }

  /**
   * When `bytes` have gone out that begin at `start`.
   * @param start - ms; not before that of the call before
   */
  finish(start: number, bytes: number): number {
    this.#seek(start);
    let step = this.#step;
    let turn = this.#turn;
    let at = start;
    for (let left = bytes; ; ) {
      const rate = this.#rate[step] as number;
      const end = turn + this.#endOf(step);
      if (rate > 0 && at + left / rate <= end) return at + left / rate;
      left -= (end - at) * rate;
      at = end;
      step += 1;
      if (step < this.#at.length) continue;
      step = 0;
      turn += this.#period;
    }
  }

  /** Bytes that the line can carry between two times. */
  between(from: number, until: number): number {
    let bytes = 0;
    let turn = this.#period === Number.POSITIVE_INFINITY ? 0 : Math.floor(from / this.#period) * this.#period;
    for (let step = 0; turn + (this.#at[step] as number) < until; ) {
      const begin = Math.max(from, turn + (this.#at[step] as number));
      const end = Math.min(until, turn + this.#endOf(step));
      bytes += Math.max(0, end - begin) * (this.#rate[step] as number);
      step += 1;
      if (step < this.#at.length) continue;
      if (this.#period === Number.POSITIVE_INFINITY) break;
      step = 0;
      turn += this.#period;
    }
    return bytes;
  }

  #endOf(step: number): number {
    return this.#at[step + 1] ?? this.#period;
  }

  #seek(time: number): void {
    while (time >= this.#turn + this.#endOf(this.#step)) {
      this.#step += 1;
      if (this.#step < this.#at.length) continue;
      this.#step = 0;
      this.#turn += this.#period;
    }
  }
}
