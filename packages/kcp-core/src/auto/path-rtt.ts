// What round-trip times say of a path: its base, the queue above that, and how fast news comes.
//
//   base      smallest since the drain before last          queue       least of the last half T, less base
//   longBase  smallest of the last 20 to 30 s                longQueue   the same, less longBase
//   T         base, but never faster than acknowledgements come
//
// A queue that stands in longQueue and not in queue was there at every drain: it is taken for the path.

import { WindowedMin } from './windowed-min.ts';

const LONG_MS = 10_000;
/** T is never less, in ms, and not less than so many gaps between acknowledgements. */
const T_LEAST = 20;
const T_GAPS = 4;
/** Longer gaps are pauses, not the rhythm of acknowledgements. */
const PAUSE_MS = 200;
const GAP_MOST = 60;
const JITTER_MOST = 100;
const INFINITE = Number.POSITIVE_INFINITY;

/** Round-trip times of one path, in ms. */
export class PathRtt {
  /** Queueing delay above the base. */
  queue = 0;
  /** Queueing delay above the smallest round-trip time of half a minute. */
  longQueue = 0;
  /** Mean gap between datagrams with acknowledgements. */
  ackGap = 6;
  /** Mean change from one sample to the next. */
  jitter = 0;
  #least = INFINITE;
  #before = INFINITE;
  #since = INFINITE;
  #long1 = INFINITE;
  #long2 = INFINITE;
  #long3 = INFINITE;
  #longAt = 0;
  #last = -1;
  readonly #recent: WindowedMin = new WindowedMin();

  /** Whether there was a sample. */
  get known(): boolean {
    return this.#least !== INFINITE;
  }

  /** Smallest round-trip time; 100 before the first sample. */
  get base(): number {
    return this.known ? this.#least : 100;
  }

  /** Smallest round-trip time of the last half minute. */
  get longBase(): number {
    return Math.min(this.#long1, this.#long2, this.#long3);
  }

  /** The time constant: no decision is faster. */
  get T(): number {
    return Math.max(this.base, T_LEAST, T_GAPS * Math.min(this.ackGap, GAP_MOST));
  }

  /** How much too high the minimum of few jittering samples lies. */
  get uncertainty(): number {
    return Math.max(0, this.jitter - 1) * Math.sqrt(8 / Math.max(4, this.#recent.count));
  }

  /** A datagram acknowledged something, so many ms after the one before. */
  noteGap(gap: number): void {
    if (gap < PAUSE_MS) this.ackGap += (Math.min(gap, GAP_MOST) - this.ackGap) / 16;
  }

  /** Takes a sample. */
  note(now: number, rtt: number): void {
    if (this.#last >= 0) this.jitter += (Math.min(JITTER_MOST, Math.abs(rtt - this.#last)) - this.jitter) / 32;
    this.#last = rtt;
    if (now - this.#longAt > LONG_MS) {
      this.#longAt = now;
      this.#long1 = this.#long2;
      this.#long2 = this.#long3;
      this.#long3 = INFINITE;
    }
    if (rtt < this.#long3) this.#long3 = rtt;
    if (rtt < this.#since) this.#since = rtt;
    this.#least = Math.min(this.#before, this.#since);
    this.#recent.add(now, rtt, this.T / 2);
    const recent = this.#recent.min;
    this.queue = recent - this.#least;
    this.longQueue = recent - this.longBase;
  }

  /** A drain begins: the base is what is seen since the one before. */
  nextBase(): void {
    this.#before = this.#since;
    this.#since = INFINITE;
  }

  /** The base is what is seen from now on. */
  freshBase(): void {
    this.#before = INFINITE;
    this.#since = INFINITE;
  }

  /** Nothing was heard for long: the queue of before is gone. */
  clearQueue(): void {
    this.#recent.clear();
  }
}
