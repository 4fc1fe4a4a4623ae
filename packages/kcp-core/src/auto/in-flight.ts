// What is on its way, and what has become of it. Acknowledgements come in; losses are concluded from
// what arrived after them, the same way for first transmissions and for retransmissions.
//
//   ACK (sn, ts)  the transmission with this ts has arrived; an earlier one: the last was not needed
//   una           everything before has arrived, by whichever transmission
//   detect        overtaken by three later ones, or overdue: lost, and due to be sent again
//
// One datagram of the peer is one event: `acked`, `rtt` and `advanced` tell of it until `settle`.

import { OVERHEAD } from '../constants.ts';
import type { SendWindow } from '../send-window.ts';
import type { LossStatistics } from './loss-statistics.ts';
import { LostQueue } from './lost-queue.ts';
import { ReorderWindow } from './reorder-window.ts';
import { SegmentMarks } from './segment-marks.ts';
import { ACKED, GONE, LOST, MISSED, OUT, Transmissions } from './transmissions.ts';

/** An undecided transmission is overdue after so many round trips and ms. */
const OVERDUE_RTTS = 1.12;
const OVERDUE_MS = 10;

/** The transmissions of one sender, from leaving to their end. */
export class InFlight {
  readonly transmissions: Transmissions = new Transmissions();
  readonly marks: SegmentMarks;
  /** Segments that are to be sent again, in the order in which that was noticed. */
  readonly lost: LostQueue = new LostQueue();
  /** Transmissions on their way. */
  count = 0;
  /** Number of the latest transmission that was acknowledged; -1: none. */
  top = -1;
  /** When that one left, ms. */
  topSent: number = Number.NEGATIVE_INFINITY;
  /** Load that had left up to and with it. */
  topLoad = 0;
  /** When `detect` may find something without further acknowledgements, ms. */
  detectAt: number = Number.POSITIVE_INFINITY;
  /** Smoothed round-trip time in ms; 0 before the first sample. */
  srtt = 0;
  /** Its mean deviation in ms. */
  rttvar = 0;
  /** Segments that the datagram of the moment has acknowledged. */
  acked = 0;
  /** The least round-trip time that it shows, ms; -1: none that counts. */
  rtt = -1;
  /** Whether it has moved `top`. */
  advanced = false;
  /** Transmissions that were found lost so far. */
  losses = 0;
  readonly #window: SendWindow;
  readonly #statistics: LossStatistics;
  readonly #reorder: ReorderWindow = new ReorderWindow();

  constructor(window: SendWindow, statistics: LossStatistics) {
    this.#window = window;
    this.#statistics = statistics;
    this.marks = new SegmentMarks(window);
  }

  /** Load of a segment of `length` bytes, in datagrams that are full with `mss` bytes. */
  static load(length: number, mss: number): number {
    return (OVERHEAD + length) / (OVERHEAD + mss);
  }

  /** Number of the latest acknowledged transmission among those of the path; -1: none. */
  get topOrder(): number {
    return this.top < 0 ? -1 : this.transmissions.order[this.top & this.transmissions.mask]!;
  }

  /** An ACK has arrived; `regular`: not rebuilt by FEC. Returns whether it tells anything. */
  acknowledge(sn: number, ts: number, now: number, regular: boolean): boolean {
    const window = this.#window;
    if (!window.pending(sn)) return false;
    const { marks, transmissions } = this;
    const index = sn & marks.mask;
    const txi = marks.last[index]!;
    const at = txi & transmissions.mask;
    if (!transmissions.knows(txi)) {
      // It waits to be sent again since long: the place of its transmission is another's now.
    } else if (window.ts[index] === (ts | 0)) {
      const sentAt = transmissions.sentAt[at]!;
      if (txi > this.top) {
        this.#advance(txi, sentAt);
      } else if (window.xmit[index] === 1 && regular && marks.copied[index] === 0) {
        this.#reorder.note(this.topSent - sentAt, this.srtt);
      }
      if (regular && (this.rtt < 0 || now - sentAt < this.rtt)) this.rtt = now - sentAt;
      if (transmissions.state[at] === LOST) this.#statistics.takeBack(transmissions.order[at]!);
      transmissions.state[at] = ACKED;
    } else {
      this.#acknowledgeEarlier(at, regular);
    }
    this.#end(index);
    window.markAcked(sn);
    return true;
  }

  /** The peer has got everything before `una`. */
  passUna(una: number): void {
    const window = this.#window;
    const { marks, transmissions } = this;
    for (let sn = window.una; sn !== una; sn = (sn + 1) >>> 0) {
      const index = sn & marks.mask;
      if (window.slot[index]! < 0) continue;
      const txi = marks.last[index]!;
      const at = txi & transmissions.mask;
      const once = window.xmit[index] === 1;
      this.#end(index);
      if (!transmissions.knows(txi)) continue;
      if (once && txi > this.top) this.#advance(txi, transmissions.sentAt[at]!);
      if (transmissions.state[at] === LOST) this.#statistics.takeBack(transmissions.order[at]!);
      transmissions.state[at] = !once && transmissions.state[at] === OUT ? GONE : ACKED;
    }
    window.acknowledge(una);
  }

  /** Draws the conclusions of a datagram that acknowledged something. */
  conclude(now: number, overtaken: number): void {
    if (this.rtt >= 0) this.#smooth(this.rtt);
    this.detect(now, overtaken);
    this.#reorder.turn(now, this.srtt);
  }

  /** The datagram is done with. */
  settle(): void {
    this.acked = 0;
    this.rtt = -1;
    this.advanced = false;
  }

  /**
   * Decides transmissions in the order in which they left, up to the first that may still be acknowledged.
   * @param overtaken - later transmissions whose acknowledgements make one lost
   */
  detect(now: number, overtaken: number): void {
    const { transmissions } = this;
    const statistics = this.#statistics;
    const reorder = this.#reorder.ms;
    const patience = this.srtt * OVERDUE_RTTS + reorder + OVERDUE_MS;
    this.detectAt = Number.POSITIVE_INFINITY;
    for (; transmissions.head < transmissions.next; transmissions.head++) {
      const txi = transmissions.head;
      const at = txi & transmissions.mask;
      const state = transmissions.state[at]!;
      if (state === ACKED) {
        if (txi > this.top) return;
        statistics.resolve(transmissions.order[at]!, false);
      } else if (state === OUT) {
        const sentAt = transmissions.sentAt[at]!;
        const sure = txi + overtaken <= this.top && sentAt + reorder <= this.topSent;
        if (!sure && txi >= this.top) return;
        if (!sure && now - sentAt <= patience) {
          this.detectAt = sentAt + patience + 0.01;
          return;
        }
        this.#lose(txi, at);
        // What is only overdue may be late for any reason: it is no evidence.
        if (!sure || !statistics.resolve(transmissions.order[at]!, true)) transmissions.state[at] = MISSED;
      }
    }
  }

  /** After a long silence all that is on its way is lost. */
  loseAll(): void {
    const { transmissions } = this;
    for (; transmissions.head < transmissions.next; transmissions.head++) {
      const at = transmissions.head & transmissions.mask;
      if (transmissions.state[at] === OUT) this.#lose(transmissions.head, at);
    }
  }

  /** A segment leaves as number `order` of the path; `load` has left up to and with it. */
  note(sn: number, now: number, order: number, load: number): void {
    const { marks, transmissions } = this;
    const index = sn & marks.mask;
    let before = -1;
    if (this.#window.xmit[index]! > 1) {
      before = marks.last[index]!;
      if (marks.lost[index] === 0) this.count -= 1;
      const at = before & transmissions.mask;
      if (transmissions.knows(before) && transmissions.state[at] === OUT) transmissions.state[at] = GONE;
    } else {
      marks.copied[index] = 0;
    }
    marks.last[index] = transmissions.add(sn, now, order, load, before);
    marks.lost[index] = 0;
    this.count += 1;
  }

  /** Whether a segment of the window still waits to be sent again. */
  isLost(sn: number): boolean {
    return this.#window.pending(sn) && this.marks.lost[sn & this.marks.mask] !== 0;
  }

  /** Forgets all. */
  clear(): void {
    this.transmissions.clear();
    this.lost.clear();
    this.count = 0;
    this.detectAt = Number.POSITIVE_INFINITY;
  }

  /** An earlier transmission than the last has arrived: sending it again was not needed. */
  #acknowledgeEarlier(at: number, regular: boolean): void {
    const { transmissions } = this;
    const before = transmissions.before[at]!;
    if (transmissions.knows(before)) {
      const index = before & transmissions.mask;
      if (transmissions.state[index] === LOST) {
        this.#statistics.takeBack(transmissions.order[index]!);
        transmissions.state[index] = ACKED;
      }
      if (regular) this.#reorder.note(this.topSent - transmissions.sentAt[index]!, this.srtt);
    }
    if (transmissions.state[at] === OUT) transmissions.state[at] = GONE;
  }

  #end(index: number): void {
    this.acked += 1;
    if (this.marks.lost[index] === 0) this.count -= 1;
  }

  #advance(txi: number, sentAt: number): void {
    this.top = txi;
    this.topSent = sentAt;
    this.topLoad = this.transmissions.load[txi & this.transmissions.mask]!;
    this.advanced = true;
  }

  #smooth(rtt: number): void {
    if (this.srtt === 0) {
      this.srtt = rtt;
      this.rttvar = rtt / 2;
      return;
    }
    this.rttvar += (Math.abs(rtt - this.srtt) - this.rttvar) / 4;
    this.srtt += (rtt - this.srtt) / 8;
  }

  #lose(txi: number, at: number): void {
    const { marks, transmissions } = this;
    const sn = transmissions.sn[at]!;
    transmissions.state[at] = LOST;
    const index = sn & marks.mask;
    if (!this.#window.pending(sn) || marks.last[index] !== txi) return;
    marks.lost[index] = 1;
    this.count -= 1;
    this.losses += 1;
    this.lost.push(sn);
  }
}
