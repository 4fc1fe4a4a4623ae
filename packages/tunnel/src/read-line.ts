// Who may read from its connection. What is read must be kept until the session takes it, and a thousand streams take turns: what each of them
// reads before its turn is near is memory for nothing, and garbage for V8. So only so much waits as keeps the sessions busy.
//
//   room for all         each connection reads as its own stream allows
//   MAX_WAITING waits    whoever has more than a frame reads no more until it is sent, and then stands in line
//   something was sent   those in front of the line are called; each reads a piece as large as if it were alone
//
// Large reads of few, not small ones of all: measured, those cost both ends a quarter more. Small messages are never held up. What waits for the
// reader of its stream keeps nobody else from reading, nor what waits for a session that stands still while others move or could: that session's own
// readers wait beside the line until it moves. When all stand still, as on a slow path between two bursts, the line does too.

import { Ring } from '@kcptun/common';
import type { Host } from '@kcptun/transport';

/** Bytes read from connections that may wait to be sent before connections have to take turns, of all streams of a tunnel. */
export const MAX_WAITING: number = 8 * 1024 * 1024;
/** What one of many connections is expected to bring when it is called, in bytes, and the least share of a session of a server among many. */
export const PIECE: number = 64 * 1024;
/** What a stream may have waiting without standing in line: a frame. */
const SMALL = 8 * 1024;
/** How often it is looked at whether sessions move, in ms, while there is a line. */
const LOOK_PERIOD = 250;
/** A session moves when at least this share of what waits for it was sent since the last look. */
const MOVING_SHARE = 1 / 64;
/** A session stands still when it did not move for so many looks: a second. */
const IDLE_LOOKS = 4;

/** What the lines of a tunnel share. */
export class ReadBudget {
  /** Lines for which something waits. */
  busy = 0;

  /** How much may wait for one of them. */
  get share(): number {
    return Math.max(PIECE, MAX_WAITING / Math.max(1, this.busy));
  }
}

/** What was read for one session, as the line sees it; changed by {@link ReadLine} only. */
export class ReadAccount {
  /** Bytes that wait for the session. */
  waiting = 0;
  /** Bytes that were sent, or moved from `waiting` otherwise, since the last look. */
  moved = 0;
  /** Its readers that stand in line. */
  inLine = 0;
  /** Looks in a row in which it did not move. */
  idleLooks = 0;
  /** It stands still while others move or could: what waits for it does not count. */
  stuck = false;
  /** Its readers that were called meanwhile; they are in line again as soon as it moves. */
  parked: Reader[] = [];
}

/** Whoever reads, as the line sees it; `counted` to `inLine` belong to the line. */
export interface Reader {
  readonly account: ReadAccount;
  /** Bytes that wait. */
  counted: number;
  /** They wait for the peer's reader. */
  stalled: boolean;
  /** It was called and has not read since. */
  called: boolean;
  /** It stands in line, or waits beside it for its session to move. */
  inLine: boolean;
  /** It is its turn; false when it does not want to read any more. */
  read(): boolean;
}

/** The readers of the sessions that share a path: all of a client, one of a server. */
export class ReadLine {
  readonly #host: Host;
  readonly #budget: ReadBudget;
  readonly #line: Ring<Reader> = new Ring();
  /** Sessions for which something waits. */
  readonly #accounts: Set<ReadAccount> = new Set();
  /** Bytes that wait, for whatever reason. */
  #total = 0;
  /** Those of them that will be sent soon. */
  #moving = 0;
  /** Bytes that those who were called may bring. */
  #promised = 0;
  #called: Reader[] = [];
  #calledBefore: Reader[] = [];
  #checking = false;
  #looking = false;

  constructor(host: Host, budget: ReadBudget) {
    this.#host = host;
    this.#budget = budget;
  }

  /** Whether there is more to read than can be sent. */
  get crowded(): boolean {
    return this.#line.length > 0 || this.#total + this.#promised >= this.#budget.share;
  }

  /** Whether a reader that has so many bytes must leave off, and call {@link queue} once they are sent. */
  holds(bytes: number): boolean {
    return bytes >= SMALL && this.crowded;
  }

  /** A reader has read. */
  handleRead(reader: Reader): void {
    if (!reader.called) return;
    reader.called = false;
    this.#promised -= PIECE;
  }

  /** So many bytes of a reader wait now; `stalled` when they do so for its peer's reader. */
  count(reader: Reader, bytes: number, stalled: boolean): void {
    const { account, counted } = reader;
    const before = reader.stalled ? 0 : counted;
    const after = stalled ? 0 : bytes;
    reader.counted = bytes;
    reader.stalled = stalled;
    if (bytes !== counted) this.#changeTotal(bytes - counted);
    if (after === before) return;
    if (before > after) {
      account.moved += before - after;
      if (account.stuck) this.#free(account);
    }
    account.waiting += after - before;
    if (!account.stuck) this.#moving += after - before;
    if (account.waiting > 0) this.#accounts.add(account);
    else this.#accounts.delete(account);
    if (after < before) this.#call();
  }

  /** Puts a reader that has nothing waiting at the end of the line. */
  queue(reader: Reader): void {
    if (!reader.inLine) {
      reader.inLine = true;
      reader.account.inLine += 1;
      this.#line.push(reader);
    }
    this.#call();
    if (this.#line.length > 0) this.#look();
  }

  /** Forgets a reader whose account changes: nothing of it waits any more. */
  leave(reader: Reader): void {
    this.handleRead(reader);
    this.count(reader, 0, false);
    if (!reader.inLine) return;
    reader.inLine = false;
    const { account } = reader;
    const at = account.parked.indexOf(reader);
    if (at >= 0) account.parked.splice(at, 1);
    else if (this.#line.remove(reader)) account.inLine -= 1;
  }

  #changeTotal(by: number): void {
    if (this.#total === 0) this.#budget.busy += 1;
    this.#total += by;
    if (this.#total === 0) this.#budget.busy -= 1;
  }

  #call(): void {
    while (this.#line.length > 0 && this.#moving + this.#promised < this.#budget.share) {
      const reader = this.#line.shift() as Reader;
      reader.account.inLine -= 1;
      if (reader.account.stuck) {
        reader.account.parked.push(reader);
        continue;
      }
      reader.inLine = false;
      if (reader.called || !reader.read()) continue;
      reader.called = true;
      this.#promised += PIECE;
      this.#called.push(reader);
    }
    if (this.#called.length > 0) this.#check();
  }

  #check(): void {
    if (this.#checking) return;
    this.#checking = true;
    this.#host.defer(this.#lateCheck);
  }

  /** Who has not read by the end of the turn after its own has nothing to read for now, and must not keep others waiting. */
  readonly #lateCheck = (): void => {
    this.#checking = false;
    for (const reader of this.#calledBefore) this.handleRead(reader);
    this.#calledBefore = this.#called;
    this.#called = [];
    if (this.#calledBefore.length > 0) this.#check();
    this.#call();
  };

  #look(): void {
    if (this.#looking) return;
    this.#looking = true;
    for (const account of this.#accounts) account.idleLooks = 0;
    this.#host.setTimer(LOOK_PERIOD, this.#lateLook);
  }

  readonly #lateLook = (): void => {
    // Whoever in line has a session for which nothing waits could move.
    let couldMove = this.#line.length;
    let someMove = false;
    for (const account of this.#accounts) {
      const moves = account.moved >= account.waiting * MOVING_SHARE;
      account.moved = 0;
      account.idleLooks = moves ? 0 : account.idleLooks + 1;
      couldMove -= account.inLine;
      someMove ||= moves;
    }
    if (someMove || couldMove > 0) {
      for (const account of this.#accounts) if (account.idleLooks >= IDLE_LOOKS) this.#passOver(account);
      this.#call();
    }
    this.#looking = this.#line.length > 0;
    if (this.#looking) this.#host.setTimer(LOOK_PERIOD, this.#lateLook);
  };

  /** What waits for a session counts no more. */
  #passOver(account: ReadAccount): void {
    if (account.stuck) return;
    account.stuck = true;
    this.#moving -= account.waiting;
  }

  /** It counts again. */
  #free(account: ReadAccount): void {
    account.stuck = false;
    account.idleLooks = 0;
    this.#moving += account.waiting;
    for (const reader of account.parked) this.#line.push(reader);
    account.inLine += account.parked.length;
    account.parked = [];
  }
}
