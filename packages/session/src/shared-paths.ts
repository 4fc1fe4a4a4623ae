// The paths of mode `auto`, by the address of the remote: sessions to one address share what is found of
// their path (`SharedPath` in kcp-core), up to so many of them, and the next session begins with what the
// last one has left (path-memory.ts).
//
//   session opens -> join(address)    the path that others use, or a new one that begins with the memory
//   session ends  -> leave()          what was found is remembered
//
// A session that moves to another address keeps its path: the sessions of a client mostly move together.
// What is measured from then on is written down for nobody.

import { type KnownPath, SharedPath } from '@kcptun/kcp-core';
import { PathMemory } from './path-memory.ts';

/** How often a session that goes on writes down what was found, in ms. */
const NOTE_EVERY = 10_000;

/** The paths of one client or server. */
export class SharedPaths {
  readonly memory: PathMemory = new PathMemory();
  /** Those that sessions use and others may join. */
  readonly #open: Map<string, SharedPath> = new Map();

  /** Addresses with sessions. */
  get size(): number {
    return this.#open.size;
  }

  /** A session to `address` opens at `now` (ms); without an address it shares nothing. */
  join(address: string, now: number): PathUse {
    let path = this.#open.get(address);
    if (path === undefined || !path.hasRoom) {
      path = new SharedPath(this.memory.recall(address, now));
      if (address !== '') this.#open.set(address, path);
    }
    return new PathUse(this, address, path, now);
  }

  /** Whoever opens from now on begins anew, beside the sessions of `path`: they use another port, which may be another path. */
  renew(path: object): void {
    for (const [address, open] of this.#open) {
      if (open !== path) continue;
      this.#open.delete(address);
      this.memory.forget(address);
    }
  }

  /** @internal Takes what was found, unless others have begun anew. */
  note(address: string, path: SharedPath, known: KnownPath, now: number): void {
    if (this.#open.get(address) === path) this.memory.remember(address, known, now);
  }

  /** @internal A session has left `path`. */
  close(address: string, path: SharedPath): void {
    if (path.size === 0 && this.#open.get(address) === path) this.#open.delete(address);
  }
}

/** One session's part in a path. */
export class PathUse {
  readonly path: SharedPath;
  readonly #paths: SharedPaths;
  readonly #address: string;
  #nextAt: number;
  #moved = false;

  /** @internal */
  constructor(paths: SharedPaths, address: string, path: SharedPath, now: number) {
    this.#paths = paths;
    this.#address = address;
    this.path = path;
    this.#nextAt = now + NOTE_EVERY;
  }

  /** Once per turn: writes now and then. */
  look(now: number): void {
    if (now < this.#nextAt) return;
    this.#nextAt = now + NOTE_EVERY;
    this.#write(now);
  }

  /** The session has another address now. */
  noteMoved(): void {
    this.#moved = true;
  }

  /** The session has ended, and its KCP has left the path. */
  leave(now: number): void {
    this.#write(now);
    this.#paths.close(this.#address, this.path);
  }

  #write(now: number): void {
    const { bw, rtt, losses, state } = this.path.controller;
    if (state === 'start' || this.#moved) return;
    this.#paths.note(this.#address, this.path, { rate: bw, roundTrip: rtt.base, loss: losses.loss }, now);
  }
}
