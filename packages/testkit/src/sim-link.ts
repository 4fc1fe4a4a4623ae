// What one direction of a path does to datagrams, without saying what carries them: SimNetwork puts it on a virtual
// clock, the UDP relay on real sockets. A datagram meets, in this order:
//
//   black-out -> size limit -> bottleneck (its own, or one it shares) -> loss, burst loss -> duplicate
//   -> delay, jitter, reorder -> corrupt
//
// Each datagram is decided by random numbers of its own, taken from (seed, number of the datagram): changing one setting
// does not change the fate that the other settings give to any datagram.

import type { Bottleneck } from './bottleneck.ts';
import { Random } from './random.ts';

/** Takes a datagram that arrives at `at` (ms). The bytes are the receiver's to keep. */
export type Deliver = (at: number, bytes: Uint8Array) => void;

/** What a link did with a datagram. */
export type Fate = 'delivered' | 'lost' | 'lostInBurst' | 'overflowed' | 'blackedOut' | 'tooLong';

/** What happened to the datagrams of a link; each one that is sent is counted in exactly one of the losses, or delivered. */
export interface LinkStats {
  /** Datagrams given to the link. */
  readonly sent: number;
  /** Bytes given to the link. */
  readonly sentBytes: number;
  /** Bytes of the longest datagram given to the link. */
  readonly longest: number;
  /** Arrivals, duplicates included. */
  readonly delivered: number;
  /** Bytes of all arrivals. */
  readonly deliveredBytes: number;
  /** Lost by `setLoss`. */
  readonly lost: number;
  /** Lost by `setBurstLoss`. */
  readonly lostInBurst: number;
  /** Refused by the full queue of `setRate`, or by the bottleneck of `setBottleneck`. */
  readonly overflowed: number;
  /** Sent within a black-out. */
  readonly blackedOut: number;
  /** Longer than `setMaxLength`. */
  readonly tooLong: number;
  /** Arrived twice. */
  readonly duplicated: number;
  /** Arrived with changed bits. */
  readonly corrupted: number;
  /** Held back, so that later ones could overtake. */
  readonly reordered: number;
}

type Counters = { -readonly [Name in keyof LinkStats]: LinkStats[Name] };

/** One direction of a path. A new link delivers everything at once; the setters make it worse and can be called at any time. */
export class SimLink {
  readonly #seed: number;
  readonly #random: Random = new Random(0);
  readonly #stats: Counters = {
    sent: 0,
    sentBytes: 0,
    longest: 0,
    delivered: 0,
    deliveredBytes: 0,
    lost: 0,
    lostInBurst: 0,
    overflowed: 0,
    blackedOut: 0,
    tooLong: 0,
    duplicated: 0,
    corrupted: 0,
    reordered: 0,
  };
  #delay = 0;
  #jitter = 0;
  #loss = 0;
  #burstEnter = 0;
  #burstLeave = 1;
  #burstLoss = 0;
  #inBurst = false;
  #duplicate = 0;
  #corrupt = 0;
  #reorder = 0;
  #reorderBy = 0;
  #bytesPerMs = Number.POSITIVE_INFINITY;
  #queueBytes = Number.POSITIVE_INFINITY;
  #bottleneck: Bottleneck | undefined;
  #busyUntil = Number.NEGATIVE_INFINITY;
  #lastArrival = Number.NEGATIVE_INFINITY;
  #maxLength = Number.POSITIVE_INFINITY;
  #blackOuts: { readonly from: number; readonly until: number }[] = [];

  /** @param seed - decides the fate of every datagram; any number, its low 32 bits count */
  constructor(seed: number) {
    this.#seed = seed;
  }

  /** The counters so far: a view that stays true. */
  get stats(): LinkStats {
    return this.#stats;
  }

  /** Travelling time in ms (default 0). */
  setDelay(ms: number): this {
    this.#delay = checkAmount(ms, 'ms');
    return this;
  }

  /** Adds 0 to `ms` of delay, evenly spread; datagrams keep their order (default 0). */
  setJitter(ms: number): this {
    this.#jitter = checkAmount(ms, 'ms');
    return this;
  }

  /** Loses each datagram with `probability` (default 0). */
  setLoss(probability: number): this {
    this.#loss = checkProbability(probability, 'probability');
    return this;
  }

  /**
   * Loses datagrams in bursts (the Gilbert-Elliott model): the link is good or bad, and may change before each datagram.
   * The average burst lasts `1 / leave` datagrams, the share of time in bursts is `enter / (enter + leave)`.
   * @param enter - probability of good to bad; 0 switches bursts off
   * @param leave - probability of bad to good
   * @param loss - probability of loss while bad (default 1)
   */
  setBurstLoss(enter: number, leave: number, loss = 1): this {
    this.#burstEnter = checkProbability(enter, 'enter');
    this.#burstLeave = checkProbability(leave, 'leave');
    this.#burstLoss = checkProbability(loss, 'loss');
    if (enter === 0) this.#inBurst = false;
    return this;
  }

  /** Delivers each datagram twice with `probability`; the second one may come later by the jitter (default 0). */
  setDuplicate(probability: number): this {
    this.#duplicate = checkProbability(probability, 'probability');
    return this;
  }

  /** Flips one to three bits of each arrival with `probability` (default 0). */
  setCorrupt(probability: number): this {
    this.#corrupt = checkProbability(probability, 'probability');
    return this;
  }

  /** Holds each arrival back by `ms` with `probability`, so that later ones overtake it (default 0). */
  setReorder(probability: number, ms: number): this {
    this.#reorder = checkProbability(probability, 'probability');
    this.#reorderBy = checkAmount(ms, 'ms');
    return this;
  }

  /**
   * Makes the link a bottleneck with a queue in front; what does not fit into the queue is dropped.
   * @param bytesPerSecond - of datagrams, without IP and UDP headers; `Infinity` switches the bottleneck off
   * @param queueBytes - most bytes that wait or are on their way out (default no limit)
   */
  setRate(bytesPerSecond: number, queueBytes: number = Number.POSITIVE_INFINITY): this {
    if (!(bytesPerSecond > 0)) throw new RangeError(`bytesPerSecond must be above 0, got ${bytesPerSecond}`);
    if (!(queueBytes > 0)) throw new RangeError(`queueBytes must be above 0, got ${queueBytes}`);
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#queueBytes = queueBytes;
    return this;
  }

  /** Leads the link through a narrow place, which other links may share; instead of `setRate`. `undefined`: no more. */
  setBottleneck(bottleneck: Bottleneck | undefined): this {
    this.#bottleneck = bottleneck;
    return this;
  }

  /** Drops datagrams of more than `bytes` bytes, as a path with a small MTU does (default no limit). */
  setMaxLength(bytes: number): this {
    this.#maxLength = checkAmount(bytes, 'bytes');
    return this;
  }

  /** Loses everything that is sent from `from` to before `until` (ms). Several windows may be given. */
  blackOut(from: number, until: number): this {
    if (!(until > from)) throw new RangeError(`until must be after from, got ${from} and ${until}`);
    this.#blackOuts.push({ from, until });
    return this;
  }

  /**
   * Sends one datagram. `deliver` is called at once, zero to two times, with the time of arrival and a copy.
   * @param now - in ms; must not go back
   * @param bytes - copied: the caller may reuse its memory
   * @returns what becomes of it
   */
  transmit(now: number, bytes: Uint8Array, deliver: Deliver): Fate {
    const stats = this.#stats;
    const random = this.#random;
    random.reseed(this.#seed, stats.sent);
    stats.sent += 1;
    stats.sentBytes += bytes.length;
    stats.longest = Math.max(stats.longest, bytes.length);
    // Always the same draws in the same order, whatever is switched on.
    const lost = random.chance(this.#loss);
    this.#inBurst = random.chance(this.#inBurst ? 1 - this.#burstLeave : this.#burstEnter);
    const lostInBurst = random.chance(this.#burstLoss) && this.#inBurst;
    const twice = random.chance(this.#duplicate);

    const fate = this.#fate(now, bytes.length, lost, lostInBurst);
    if (fate !== 'delivered') {
      stats[fate] += 1;
      return fate;
    }
    const departure = Math.max(now, this.#busyUntil);
    this.#arrive(departure, bytes, deliver);
    if (twice) {
      stats.duplicated += 1;
      this.#arrive(departure, bytes, deliver);
    }
    return fate;
  }

  #fate(now: number, length: number, lost: boolean, lostInBurst: boolean): Fate {
    if (this.#isBlackedOut(now)) return 'blackedOut';
    if (length > this.#maxLength) return 'tooLong';
    if (!this.#enqueue(now, length)) return 'overflowed';
    if (lost) return 'lost';
    return lostInBurst ? 'lostInBurst' : 'delivered';
  }

  #isBlackedOut(now: number): boolean {
    if (this.#blackOuts.length === 0) return false;
    this.#blackOuts = this.#blackOuts.filter((window) => window.until > now);
    return this.#blackOuts.some((window) => window.from <= now);
  }

  /** Puts a datagram behind those that still go out; false when the queue has no room for it. */
  #enqueue(now: number, length: number): boolean {
    if (this.#bottleneck !== undefined) {
      this.#busyUntil = this.#bottleneck.enqueue(now, length);
      return this.#busyUntil >= 0;
    }
    if (this.#bytesPerMs === Number.POSITIVE_INFINITY) {
      this.#busyUntil = now;
      return true;
    }
    const start = Math.max(now, this.#busyUntil);
    if ((start - now) * this.#bytesPerMs + length > this.#queueBytes) return false;
    this.#busyUntil = start + length / this.#bytesPerMs;
    return true;
  }

  #arrive(departure: number, bytes: Uint8Array, deliver: Deliver): void {
    const stats = this.#stats;
    const random = this.#random;
    let at = Math.max(departure + this.#delay + random.float() * this.#jitter, this.#lastArrival);
    if (random.chance(this.#reorder)) {
      // The time of the last arrival stays as it is: those behind do not wait for this one.
      at += this.#reorderBy;
      stats.reordered += 1;
    } else {
      this.#lastArrival = at;
    }
    const copy = bytes.slice();
    if (random.chance(this.#corrupt) && copy.length > 0) {
      stats.corrupted += 1;
      // Bits in a row, so that two flips never cancel each other.
      const first = random.integer(0, copy.length * 8 - 1);
      const flips = random.integer(1, 3);
      for (let flip = 0; flip < flips; flip++) {
        const bit = (first + flip) % (copy.length * 8);
        copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
      }
    }
    stats.delivered += 1;
    stats.deliveredBytes += copy.length;
    deliver(at, copy);
  }
}

function checkProbability(value: number, name: string): number {
  if (value >= 0 && value <= 1) return value;
  throw new RangeError(`${name} must be between 0 and 1, got ${value}`);
}

function checkAmount(value: number, name: string): number {
  if (value >= 0) return value;
  throw new RangeError(`${name} must not be negative, got ${value}`);
}
