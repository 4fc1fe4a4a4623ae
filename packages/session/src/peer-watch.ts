// Is the peer still there, and still the same? KCP has no word for either, but what a peer answers gives it away:
//
//   doubted    it was asked and has not answered yet, or whoever owns the session knows that time
//              has passed of which nobody here can tell: the machine has slept
//   silent     something is on the wire unanswered, and neither retransmissions nor questions for the window (WASK, which
//              every KCP answers at once) bring anything back
//   restarted  its una falls back. A server that was started anew makes another session of the same conv out of what it
//              gets and acknowledges it, from sn 0 on (PROTOCOL session §2): the streams of the old one are lost
//
// Packets that were delayed on the way have an old una as well, and forged ones may have any. So an
// old una only raises the suspicion: at once in the acknowledgement of a transmission that left after
// una had come to where it is (whoever got that had said that una before), and in a silence in any
// packet. Then the session takes back what only one packet has acknowledged, or it puts a question to
// the peer that nobody else can answer (path-question.ts): the una of the answer decides.

import { serialDiff } from '@kcptun/common';
import { CMD_ACK } from '@kcptun/kcp-core';

/**
 * What is known of a peer. `unknown`: it has not acknowledged the beginning of the session yet, so one
 * that starts over now would take that for new. `doubted`: it has answered before,
 * and does not at the moment.
 */
export type PeerState = 'unknown' | 'answering' | 'doubted' | 'silent' | 'restarted';

/** Time without an answer after which the peer is asked, in ms; at least two retransmission timeouts. */
const FIRST_QUESTION = 400;
/** Time between questions in ms: at least half a timeout. Once the peer is taken for silent it is longer, and grows with the silence. */
const QUESTION_INTERVAL = 150;
const SILENT_QUESTION_INTERVAL = 1000;
const SILENT_QUESTION_SHARE = 1 / 32;
/**
 * A peer that has not answered for this long is silent, in ms; at least four timeouts, at most {@link PATIENCE_MOST}. So many questions must have been
 * in vain besides: a path that loses 30 % each way loses half of all answers.
 */
const PATIENCE = 2000;
const PATIENCE_MOST = 8000;
const QUESTIONS_LEAST = 6;
/** After so long without an answer, in ms, retransmission timeouts have grown beyond what the path asks for. */
const LONG_SILENCE = 1000;
/** A look that comes this much too late, in ms, finds a process or machine that slept: what was not heard meanwhile says nothing. */
const OVERSLEPT = 250;

/** What a packet has shown; see {@link PeerWatch.handlePacket}. */
const SEEN_NOTHING = 0;
/** It breaks a silence after which timeouts are long. */
export const SEEN_AGAIN = 1;
/** Its una is behind, and it is no packet that was delayed. */
export const SEEN_BEHIND = 2;

/** Watches the peer of one session. */
export class PeerWatch {
  state: PeerState = 'unknown';
  /** When {@link PeerWatch.look} must be called at the latest, in ms. */
  next: number = Number.POSITIVE_INFINITY;
  /** Time of the last packet of the peer that the session was made with, in ms. */
  heardAt: number;
  /** Whether a peer that does not answer is asked. Without that it is never said to be `silent` or `restarted`. */
  asks = false;
  #una: number;
  readonly #firstUna: number;
  /** When una came to where it is, as transmissions are stamped: low 32 bits of the ms. */
  #unaAt: number;
  #since: number = Number.POSITIVE_INFINITY;
  #questions = 0;
  /** After a doubt from outside: what proves the peer must be an answer to something sent since. */
  #challenged = false;
  /** When that doubt came, as transmissions are stamped, and the first sn that had not left then. */
  #challengedAt = 0;
  #challengeSn = 0;

  constructor(una: number, now: number) {
    this.#una = una;
    this.#firstUna = una;
    this.#unaAt = Math.floor(now) >>> 0;
    this.heardAt = now;
  }

  /** Whether the peer was asked and has not answered yet. */
  get doubted(): boolean {
    return this.#since !== Number.POSITIVE_INFINITY && this.#questions > 0;
  }

  /** Whether the peer has to answer something that was sent after {@link PeerWatch.doubt}. */
  get challenged(): boolean {
    return this.#challenged;
  }

  /**
   * Time may have passed in which the peer has gone. What was on its way before proves nothing any
   * more: only an answer to what is sent from now on does.
   * @param nextSn - first sn that was not transmitted yet
   */
  doubt(now: number, nextSn: number): void {
    if (this.state === 'restarted') return;
    if (this.state === 'answering') this.state = 'doubted';
    this.#challenged = true;
    this.#challengedAt = Math.floor(now) >>> 0;
    this.#challengeSn = nextSn;
    // Patience counts from here.
    this.#since = Number.POSITIVE_INFINITY;
    this.#questions = 0;
  }

  /**
   * Takes what the first segment of a packet says; KCP has taken the packet in already.
   * @param cmd - its command
   * @param ts - its time: of an ACK, when we sent what it acknowledges
   * @param una - its una
   * @param sndUna - our own snd_una after it
   * @returns one of SEEN_NOTHING, SEEN_AGAIN and SEEN_BEHIND
   */
  handlePacket(cmd: number, ts: number, una: number, sndUna: number, now: number): number {
    if (this.state === 'restarted') return SEEN_NOTHING;
    if (serialDiff(una, this.#una) < 0) {
      return this.doubted || (cmd === CMD_ACK && serialDiff(ts, this.#unaAt) > 0) ? SEEN_BEHIND : SEEN_NOTHING;
    }
    const broken = now - this.#since >= LONG_SILENCE;
    if (sndUna !== this.#una) {
      this.#una = sndUna;
      this.#unaAt = Math.floor(now) >>> 0;
    }
    if (this.#challenged && !this.#provesItself(cmd, ts, sndUna)) return SEEN_NOTHING;
    this.#challenged = false;
    this.heardAt = now;
    this.#since = Number.POSITIVE_INFINITY;
    this.state = sndUna === this.#firstUna ? 'unknown' : 'answering';
    return broken ? SEEN_AGAIN : SEEN_NOTHING;
  }

  /** The session's una was taken back, or the peer has answered with one that is behind it. */
  handleBehind(sndUna: number, taken: boolean, now: number): void {
    if (!taken) {
      this.state = 'restarted';
      return;
    }
    this.#una = sndUna;
    this.#unaAt = Math.floor(now) >>> 0;
  }

  /**
   * Comes at the end of every turn of the session, and when {@link PeerWatch.next} is due.
   * @param outstanding - whether something is on the wire unanswered
   * @param rto - KCP's retransmission timeout in ms
   * @returns whether to ask the peer now
   */
  look(now: number, outstanding: boolean, rto: number): boolean {
    if (!outstanding || this.state === 'restarted') {
      this.#since = Number.POSITIVE_INFINITY;
      this.next = Number.POSITIVE_INFINITY;
      return false;
    }
    if (this.#since === Number.POSITIVE_INFINITY || now > this.next + OVERSLEPT) {
      this.#since = now;
      this.#questions = 0;
      this.next = this.asks ? now + Math.max(FIRST_QUESTION, 2 * Math.min(rto, PATIENCE)) : Number.POSITIVE_INFINITY;
      return false;
    }
    if (now < this.next) return false;
    const patience = Math.min(PATIENCE_MOST, Math.max(PATIENCE, 4 * rto));
    if (this.#questions >= QUESTIONS_LEAST && now - this.#since >= patience) this.state = 'silent';
    else if (this.state === 'answering') this.state = 'doubted';
    this.#questions += 1;
    this.next =
      this.state === 'silent'
        ? now + Math.max(SILENT_QUESTION_INTERVAL, (now - this.#since) * SILENT_QUESTION_SHARE)
        : now + Math.max(QUESTION_INTERVAL, Math.min(rto, PATIENCE) / 2);
    return true;
  }

  /** Whether a packet answers something that left after the doubt. */
  #provesItself(cmd: number, ts: number, sndUna: number): boolean {
    if (serialDiff(sndUna, this.#challengeSn) > 0) return true;
    return cmd === CMD_ACK && serialDiff(ts, this.#challengedAt) >= 0;
  }
}
