// Connects streams to the target of a server. Every attempt is bounded in time and ends with its link: nothing outlives
// either. Each comes out of the budget of connections, and only so many begin in one turn: one costs as
// much as hundreds of datagrams, and a thousand streams that one client opens at once must not keep the
// others waiting. Addresses take turns, and so do the links of an address.

import { Ring } from '@kcptun/common';
import type { SmuxStream } from '@kcptun/smux';
import type { ByteConnection, Host, HostTimer, StreamAddress } from '@kcptun/transport';
import type { ConnectionShares } from './connection-shares.ts';
import type { Link } from './link.ts';

/** A target that has not answered after this long is given up, in ms (upstream 2026: the same). */
const CONNECT_TIMEOUT = 10_000;
/** Attempts that begin in one turn of the event loop; an idle process has thousands of turns a second. */
const DIALS_PER_TURN = 2;

/** How an attempt ended: with a connection and what gives its place back, or with the system's reason why there is none. */
export type Outcome = (cause: Error | undefined, connection: ByteConnection | undefined, release: () => void) => void;

interface Attempt {
  readonly link: Link;
  readonly address: string;
  readonly stream: SmuxStream;
  readonly callback: Outcome;
  /** Gives the place in the budget back. */
  readonly release: () => void;
  timer: HostTimer | undefined;
  connecting: HostTimer | undefined;
}

/** All attempts of one server that are under way. */
export class TargetDialer {
  readonly #host: Host;
  readonly #target: StreamAddress;
  readonly #shares: ConnectionShares;
  readonly #attempts: Set<Attempt> = new Set();
  /** Those that have not begun, by address and link, in the order in which these have their turn. */
  readonly #waiting: Map<string, Map<Link, Ring<Attempt>>> = new Map();
  #begun = 0;
  #turnComes = false;

  constructor(host: Host, target: StreamAddress, shares: ConnectionShares) {
    this.#host = host;
    this.#target = target;
    this.#shares = shares;
  }

  /** Number of streams that wait for the target. */
  get size(): number {
    return this.#attempts.size;
  }

  /**
   * Connects on behalf of a stream. Calls back once, unless the attempt is cancelled; after a failure the stream is
   * closed already.
   * @param address - where the peer of the link comes from, for its share
   * @returns false when the share is used up, and nothing will be tried
   */
  connect(link: Link, stream: SmuxStream, address: string, callback: Outcome): boolean {
    const release = this.#shares.take(link, address);
    if (release === undefined) return false;
    const attempt: Attempt = { link, address, stream, callback, release, timer: undefined, connecting: undefined };
    this.#attempts.add(attempt);
    if (this.#begun < DIALS_PER_TURN && this.#waiting.size === 0) {
      this.#begin(attempt);
    } else {
      this.#line(attempt);
    }
    this.#awaitTurn();
    return true;
  }

  /** Ends the attempts for streams of `link`, or all. */
  cancel(link?: Link): void {
    for (const attempt of [...this.#attempts]) {
      if (link !== undefined && attempt.link !== link) continue;
      this.#leave(attempt);
      this.#end(attempt);
      attempt.stream.reset();
    }
  }

  /** Puts an attempt in its line. */
  #line(attempt: Attempt): void {
    const { address, link } = attempt;
    const links = this.#waiting.get(address) ?? new Map<Link, Ring<Attempt>>();
    const line = links.get(link) ?? new Ring<Attempt>();
    line.push(attempt);
    links.set(link, line);
    this.#waiting.set(address, links);
  }

  /** Nothing of its link begins any more. */
  #leave({ address, link }: Attempt): void {
    const links = this.#waiting.get(address);
    links?.delete(link);
    if (links?.size === 0) this.#waiting.delete(address);
  }

  /** Whose turn it is. It goes behind the others. */
  #next(): Attempt | undefined {
    const [[address, links] = []] = this.#waiting;
    if (address === undefined || links === undefined) return undefined;
    const [[link, line] = []] = links;
    if (link === undefined || line === undefined) return undefined;
    const attempt = line.shift();
    this.#waiting.delete(address);
    links.delete(link);
    if (line.length > 0) links.set(link, line);
    if (links.size > 0) this.#waiting.set(address, links);
    return attempt;
  }

  #awaitTurn(): void {
    if (this.#turnComes) return;
    this.#turnComes = true;
    this.#host.defer(this.#turn);
  }

  readonly #turn = (): void => {
    this.#turnComes = false;
    this.#begun = 0;
    while (this.#begun < DIALS_PER_TURN) {
      const attempt = this.#next();
      if (attempt === undefined) return;
      this.#begin(attempt);
    }
    this.#awaitTurn();
  };

  #begin(attempt: Attempt): void {
    this.#begun += 1;
    attempt.timer = this.#host.setTimer(CONNECT_TIMEOUT, () => {
      this.#fail(attempt, new Error(`no answer within ${CONNECT_TIMEOUT / 1000} s`));
    });
    attempt.connecting = this.#host.connect(this.#target, (error, connection) => {
      if (!this.#attempts.has(attempt)) {
        connection?.destroy(true);
        return;
      }
      if (connection === undefined) {
        this.#fail(attempt, error as Error);
        return;
      }
      this.#attempts.delete(attempt);
      attempt.timer?.cancel();
      attempt.callback(undefined, connection, attempt.release);
    });
  }

  #fail(attempt: Attempt, cause: Error): void {
    const { link, stream, callback, release } = attempt;
    this.#end(attempt);
    stream.reset();
    // Many may fail in a turn: a datagram for each, and an error with a stack, would cost more than the attempts.
    link.kickLater();
    callback(cause, undefined, release);
  }

  #end(attempt: Attempt): void {
    this.#attempts.delete(attempt);
    attempt.timer?.cancel();
    attempt.connecting?.cancel();
    attempt.release();
  }
}
