// Which session a path leads to, and which paths a session may be about to move to. What a path is
// to a session, and what makes it another:
//
//   home       where the session's packets go. One path may be home to several sessions: the one that
//              was heard last has it (`get`), the others are displaced, found by conv, and have
//              it again as soon as they are heard there
//   candidate  a plausible datagram of the session came from there. It is asked (PathQuestion) and
//              becomes the home when it answers; nothing else is sent there
//
// A candidate gets AMPLIFICATION times the bytes that came from it at most, as a home that has not
// answered does (session.ts).

import { Ring } from '@kcptun/common';
import type { PathQuestion } from './path-question.ts';
import type { Session } from './session.ts';

/** Bytes that may be sent to a path for each byte from it until it has answered (RFC 9000 §8.1). */
export const AMPLIFICATION = 3;
/** Candidates of all sessions of an endpoint, and of one; the oldest gives way. */
export const MAX_CANDIDATES = 1024;
/** See {@link MAX_CANDIDATES}. */
export const MAX_CANDIDATES_OF_SESSION = 4;
/** How long a path stays a candidate, in ms. */
export const CANDIDATE_AGE = 10_000;

/** A path that a session may move to. */
export interface Candidate {
  readonly session: Session;
  readonly path: number;
  readonly question: PathQuestion;
  /** When it is forgotten, in ms. */
  readonly until: number;
  /** Bytes that may still be sent there. */
  allowance: number;
}

/** The paths of an endpoint. */
export class PathBook {
  readonly #byPath: Map<number, Session> = new Map();
  readonly #displaced: Set<Session> = new Set();
  /** In the order of their age. */
  readonly #candidates: Map<number, Candidate> = new Map();
  readonly #forgotten: Ring<number> = new Ring();

  /** The session that a path leads to. */
  get(path: number): Session | undefined {
    return this.#byPath.get(path);
  }

  /** Makes a path lead to a session; who had it is displaced. */
  take(path: number, session: Session): void {
    const before = this.#byPath.get(path);
    if (before === session) return;
    if (before !== undefined) this.#displaced.add(before);
    this.#displaced.delete(session);
    this.#byPath.set(path, session);
  }

  /** A session gives its path up: who was displaced there has it again. */
  leave(session: Session): void {
    const { path } = session;
    this.#displaced.delete(session);
    if (this.#byPath.get(path) !== session) return;
    this.#byPath.delete(path);
    for (const other of this.#displaced) {
      if (other.path !== path) continue;
      this.take(path, other);
      return;
    }
    this.#forgotten.push(path);
  }

  /** A session has ended. */
  remove(session: Session): void {
    this.leave(session);
    for (const candidate of [...this.#candidates.values()]) if (candidate.session === session) this.drop(candidate);
  }

  /** A datagram came from a path and led to nothing: if nothing else needs it, its number is free. */
  noteUnmatched(path: number): void {
    if (!this.#byPath.has(path)) this.#forgotten.push(path);
  }

  /** The next path that leads to no session. */
  pollForgotten(): number | undefined {
    for (let path = this.#forgotten.shift(); path !== undefined; path = this.#forgotten.shift()) {
      // One packet of a path may be dropped and a later one open a session.
      if (!this.#byPath.has(path) && !this.#candidates.has(path)) return path;
    }
    return undefined;
  }

  /** What a path is a candidate for. */
  candidate(path: number): Candidate | undefined {
    return this.#candidates.get(path);
  }

  /** Adds a candidate, at the cost of the oldest one if there are too many. */
  add(candidate: Candidate): void {
    const before = this.#candidates.get(candidate.path);
    if (before !== undefined) this.drop(before);
    let own: Candidate | undefined;
    let count = 0;
    for (const other of this.#candidates.values()) {
      if (other.session !== candidate.session) continue;
      own ??= other;
      count += 1;
    }
    if (own !== undefined && count >= MAX_CANDIDATES_OF_SESSION) this.drop(own);
    else if (this.#candidates.size >= MAX_CANDIDATES) this.drop(this.#oldest as Candidate);
    this.#candidates.set(candidate.path, candidate);
  }

  /** Forgets a candidate. */
  drop(candidate: Candidate): void {
    this.#candidates.delete(candidate.path);
    this.noteUnmatched(candidate.path);
  }

  /** Forgets the candidates that are too old, and gives one that has to be asked again, if there is one. */
  pollDue(now: number): Candidate | undefined {
    for (let oldest = this.#oldest; oldest !== undefined && oldest.until <= now; oldest = this.#oldest) this.drop(oldest);
    for (const candidate of this.#candidates.values()) if (mayAsk(candidate) && candidate.question.next <= now) return candidate;
    return undefined;
  }

  /** When {@link pollDue} is to be called, in ms. */
  get nextTimeout(): number {
    let next = this.#oldest?.until ?? Number.POSITIVE_INFINITY;
    for (const candidate of this.#candidates.values()) if (mayAsk(candidate)) next = Math.min(next, candidate.question.next);
    return next;
  }

  get #oldest(): Candidate | undefined {
    for (const candidate of this.#candidates.values()) return candidate;
    return undefined;
  }
}

/** Whether the limit leaves room for another question. */
function mayAsk({ session, allowance }: Candidate): boolean {
  return allowance >= session.sink.questionSize;
}
