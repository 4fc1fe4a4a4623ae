// One path and the conversations that send over it: they share one rate, one loss and one base
// round-trip time, as if they were one sender. Each for itself would believe in the whole line, and would
// have to find it.
//
//   member 1 --\                             /-- acknowledgements of all: one RateController
//   member 2 ---> one TokenBucket --> line --+
//   member 3 --/                             \-- transmissions and load are numbered for all
//
// Tokens go to whoever waits and has got least (`served`), so that bulk gets what idle members leave.
// A member that did not wait, a message, may borrow a token or two, and bulk pays for it.

import type { AckReport } from './ack-report.ts';
import type { KnownPath } from './known-path.ts';
import { RateController } from './rate-controller.ts';
import { ThrottleWatch } from './throttle-watch.ts';
import { TokenBucket } from './token-bucket.ts';

/** Most conversations of one path. */
export const PATH_MEMBERS_MOST = 16;
/** So many tokens one member may be ahead of another that waits as well. */
const AHEAD_MOST = 8;
/** Tokens that a member without bulk may borrow. */
const BORROW = 2;
/** Transmissions that a member may have on its way however many the others have. */
const OWN_FLIGHT = 4;
/** Another member heard within so many ms shows that the path is there. */
const OUTAGE = 250;
/** Who did not look for its turn for so many ms does not wait, whatever it has said. */
const WAIT_MOST = 50;
/** A queue of so many targets, or so much lost beyond the path's own loss, explains a lower rate. */
const QUEUE_EXPLAINS = 3;
const LOSS_EXPLAINS = 0.05;
/** Ms without a word from any member's peer that are a silence of the path. */
const SILENCE = 1000;

/** A conversation's part in a path. */
export class PathMember {
  /** Load that it has sent while others waited, brought up to theirs after a pause. */
  served = 0;
  /** Its transmissions on their way. */
  inflight = 0;
  /** Whether it waits for tokens, since when nothing else keeps it back. */
  waits = false;
  /** Whether the rate or the flight, not the application or a window, keeps it back. */
  held = false;
  /** When it last looked for its turn, ms. */
  at: number = Number.NEGATIVE_INFINITY;
  /** When its last acknowledgement came, ms. */
  ackedAt = 0;
  /** It was not waiting when it began its turn: it may borrow. */
  light = true;
  /** Its peer is silent: what is on its way does not count, and little more leaves. */
  silent = false;
}

/** A path that several conversations of this end share. */
export class SharedPath {
  readonly controller: RateController;
  readonly throttle: ThrottleWatch = new ThrottleWatch();
  /** Number of the next transmission of any member. */
  order = 0;
  /** What all have sent, in full datagrams. */
  load = 0;
  /** The latest transmission of any member that was acknowledged, when it left, and the load up to it. */
  top = -1;
  topSent: number = Number.NEGATIVE_INFINITY;
  topLoad = 0;
  /** Whether the members together could not or would not fill the line since the round began. */
  limited = false;
  readonly #tokens: TokenBucket = new TokenBucket();
  readonly #members: PathMember[] = [];
  #inflight = 0;
  #heardAt = 0;
  #silenceOf = -1;

  /** @param known - what was known of the path a while ago */
  constructor(known?: KnownPath) {
    this.controller = new RateController(known);
  }

  /** Conversations that use it. */
  get size(): number {
    return this.#members.length;
  }

  /** Whether another conversation may join. */
  get hasRoom(): boolean {
    return this.#members.length < PATH_MEMBERS_MOST;
  }

  /** A conversation begins to use it. */
  join(): PathMember {
    const member = new PathMember();
    this.#members.push(member);
    return member;
  }

  /** A conversation has ended. */
  leave(member: PathMember): void {
    const index = this.#members.indexOf(member);
    if (index < 0) return;
    this.#members.splice(index, 1);
    this.report(member, 0);
  }

  /** A member has so many transmissions on their way. Those to a peer that is silent do not keep others waiting. */
  report(member: PathMember, inflight: number): void {
    const counts = member.silent ? 0 : inflight;
    this.#inflight += counts - member.inflight;
    member.inflight = counts;
  }

  /** Whether a member with so many transmissions on their way may have another. */
  hasFlight(member: PathMember, inflight: number): boolean {
    if (inflight < OWN_FLIGHT) return true;
    if (member.silent && this.#members.length > 1) return false;
    return this.#inflight - member.inflight + inflight < this.controller.cwnd;
  }

  /** What a member's peer has told; `report` has what is its own, and gets what is the path's. */
  onAck(member: PathMember, report: AckReport, order: number, sentAt: number, load: number): void {
    const { now } = report;
    report.advanced = report.advanced && order > this.top;
    if (report.advanced) {
      this.top = order;
      this.topSent = sentAt;
      this.topLoad = load;
    }
    report.top = this.top;
    report.topSent = this.topSent;
    report.topLoad = this.topLoad;
    report.next = this.order;
    report.inflight = this.#inflight;
    report.limited = this.limited;
    const others = this.#othersHeld(member);
    report.windowLimited = report.windowLimited && !others;
    report.gap = -1;
    if (report.acked > 0) {
      this.#heardAt = now;
      // The rhythm is that of bulk: messages come when they come.
      if (member.held || !others) report.gap = now - member.ackedAt;
      member.ackedAt = now;
    }
    this.controller.onAck(report);
    if (this.controller.roundEnded) this.#watch(now);
  }

  /** A round has begun; `idle`: the member whose acknowledgement began it has nothing to send, or no window. */
  beginRound(member: PathMember, idle: boolean): void {
    this.limited = idle && !this.#othersHeld(member);
  }

  /** A member has had its turn: the rate keeps it back, or the flight, or something of its own. */
  endTurn(member: PathMember, byRate: boolean, byFlight: boolean): void {
    member.waits = byRate;
    member.held = (byRate || byFlight) && !member.silent;
  }

  /** The member cannot or will not fill the line, which counts unless another does. */
  noteLimited(member: PathMember): void {
    if (!this.#othersHeld(member)) this.limited = true;
  }

  /** A member's peer was silent for long. If all are, the rate is looked for again, once. */
  noteSilence(now: number): void {
    if (now - this.#heardAt <= SILENCE || this.#silenceOf === this.#heardAt) return;
    this.#silenceOf = this.#heardAt;
    this.controller.onSilence();
  }

  /** A member hears again of a peer that was not there for a while. Where another was heard meanwhile, the path was. */
  noteOutage(now: number): void {
    if (this.#members.length > 1 && now - this.#heardAt < OUTAGE) return;
    this.controller.onOutage(this.order);
  }

  /** A member looks for its turn. */
  beginTurn(member: PathMember, now: number): void {
    const waiting = this.#waiting();
    if (this.#tokens.refill(now, this.controller.pacing, waiting)) this.limited = true;
    member.at = now;
    member.light = !member.waits;
    if (member.light && this.#members.length > 1) {
      const least = this.#leastServed(member, now);
      if (least !== Number.POSITIVE_INFINITY) member.served = Math.max(member.served, least);
    }
    member.waits = false;
    member.held = false;
  }

  /** Whether a member may send a datagram now. */
  hasToken(member: PathMember, now: number): boolean {
    if (this.#members.length === 1) return this.#tokens.ready;
    const least = this.#leastServed(member, now);
    if (least === Number.POSITIVE_INFINITY) return this.#tokens.ready;
    if (member.light && this.#tokens.count > 1 - BORROW) return true;
    return this.#tokens.ready && member.served <= least + AHEAD_MOST;
  }

  /** A member sends `load`, in full datagrams. */
  spend(member: PathMember, load: number): void {
    this.#tokens.count -= load;
    this.load += load;
    member.served += load;
  }

  /** When a member that waits should look again, ms. */
  releaseAt(member: PathMember): number {
    const { pacing } = this.controller;
    const at = this.#tokens.releaseAt(pacing);
    if (this.#members.length === 1) return at;
    const ahead = member.served - this.#leastServed(member, member.at) - AHEAD_MOST;
    return ahead > 0 ? Math.max(at, member.at + Math.max(1, ahead / pacing)) : at;
  }

  #watch(now: number): void {
    const { state, bw, rtt, losses, target } = this.controller;
    const shared = rtt.queue > QUEUE_EXPLAINS * target || losses.overload > LOSS_EXPLAINS;
    if (state === 'start') this.throttle.interrupt();
    else this.throttle.note(now, bw, this.limited || shared);
  }

  #waiting(): boolean {
    for (let index = 0; index < this.#members.length; index++) if (this.#members[index]!.waits) return true;
    return false;
  }

  #othersHeld(member: PathMember): boolean {
    for (let index = 0; index < this.#members.length; index++) {
      const other = this.#members[index]!;
      if (other !== member && other.held) return true;
    }
    return false;
  }

  /** What the least served of the others that wait has got; `Infinity`: no other waits. */
  #leastServed(member: PathMember, now: number): number {
    let least = Number.POSITIVE_INFINITY;
    for (let index = 0; index < this.#members.length; index++) {
      const other = this.#members[index]!;
      if (other !== member && other.waits && now - other.at < WAIT_MOST) least = Math.min(least, other.served);
    }
    return least;
  }
}
