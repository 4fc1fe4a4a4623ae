// What a session knows of the path that its packets go to: whether its peer has answered there
// (PathQuestion), and until then how little may be sent (AMPLIFICATION times what came). A client
// puts the same question to a peer that may have started over.

import type { RandomSource } from '@kcptun/common';
import type { Kcp } from '@kcptun/kcp-core';
import { AMPLIFICATION } from './path-book.ts';
import { LEAST_PAUSE, PathQuestion } from './path-question.ts';
import type { SessionSink } from './transmitter.ts';

/** Questions that what is sent to a path without an answer must leave room for. */
const QUESTIONS_KEPT = 4;
/** How often a peer that may have started over is asked. */
const QUESTIONS_MOST = 8;

/** The home path of one session. */
export class HomePath {
  readonly #kcp: Kcp;
  readonly #sink: SessionSink;
  readonly #random: RandomSource;
  #question: PathQuestion | undefined;

  constructor(kcp: Kcp, sink: SessionSink, random: RandomSource) {
    this.#kcp = kcp;
    this.#sink = sink;
    this.#random = random;
  }

  /** Whether the peer has shown that it is where its datagrams say. Until then little is sent there. */
  get proven(): boolean {
    return this.#sink.limit === Number.POSITIVE_INFINITY;
  }

  /** Whether an answer is waited for. */
  get asks(): boolean {
    return this.#question !== undefined;
  }

  /** It may be a made-up address: it is asked, and gets little until it has answered. */
  doubt(): void {
    this.#sink.limit = 0;
    this.question();
  }

  /** It has answered, or another session's path at its address has before. */
  prove(): void {
    this.#sink.limit = Number.POSITIVE_INFINITY;
    this.#question = undefined;
  }

  /** Has the peer asked with the next flush, unless it is being asked. */
  question(): void {
    this.#question ??= new PathQuestion(this.#random, this.#kcp.sndUna);
  }

  /** A datagram with so many bytes in it has come from there; only while `asks`. */
  noteReceived(length: number): void {
    this.#sink.limit += AMPLIFICATION * this.#sink.sealedSize(length);
    this.#question?.hurry();
  }

  /** The una that came with the answer, if the packet holds it; -1 otherwise. Then the question is closed. */
  answeredBy(bytes: Uint8Array, offset: number, end: number): number {
    const una = this.#question?.answeredBy(bytes, offset, end) ?? -1;
    if (una >= 0) this.#question = undefined;
    return una;
  }

  /**
   * Before a flush to a path that has not answered: as much leaves as the limit covers, and nothing
   * but acknowledgements right behind a question. The rest stays in the window.
   */
  restrict(now: number): void {
    const { quota, mtu } = this.#kcp;
    const { limit, written, questionSize, overhead } = this.#sink;
    const left = limit - written - QUESTIONS_KEPT * questionSize - overhead;
    quota.bytes = now < this.#hushUntil ? 0 : Math.max(0, (left * mtu) / (mtu + overhead));
    quota.strict = true;
  }

  /** After such a flush. */
  unrestrict(): void {
    const { quota } = this.#kcp;
    quota.bytes = Number.POSITIVE_INFINITY;
    quota.strict = false;
  }

  /**
   * Asks if it is time and the limit allows it; last in a flush, see path-question.ts.
   * @returns when to come back, in ms; `undefined`: nothing waits
   */
  askAgain(now: number, next: number | undefined): number | undefined {
    const question = this.#question;
    if (question === undefined) return next;
    const sink = this.#sink;
    // With the first answer, not before: a flood of first packets is forgotten by then.
    if (!this.proven && sink.written === 0) return next;
    if (this.proven && question.count >= QUESTIONS_MOST) {
      this.#question = undefined;
      return next;
    }
    if (now >= question.next) {
      const size = sink.questionSize;
      if (sink.written + size > sink.limit) return next;
      sink.written += size;
      this.ask(question, sink.path, now);
    }
    const hush = this.#kcp.quota.held && now < this.#hushUntil ? this.#hushUntil : Number.POSITIVE_INFINITY;
    const at = Math.min(question.next, hush, next ?? Number.POSITIVE_INFINITY);
    return at === Number.POSITIVE_INFINITY ? undefined : at;
  }

  get #hushUntil(): number {
    return this.proven || this.#question === undefined ? Number.NEGATIVE_INFINITY : this.#question.askedAt + LEAST_PAUSE;
  }

  /** Puts a question to any path, whatever the limit of the home path is. */
  ask(question: PathQuestion, path: number, now: number): void {
    const kcp = this.#kcp;
    const { rcvNxt, rcvQueue } = kcp.state();
    this.#sink.ask(path, kcp.conv, Math.max(0, kcp.rcvWnd - rcvQueue), Math.floor(now) >>> 0, question.sn, rcvNxt);
    question.asked(now);
  }
}
