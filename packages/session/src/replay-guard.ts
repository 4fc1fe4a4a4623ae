// What keeps recorded datagrams from doing anything at a server that KCP's own rules for repetitions do not prevent: opening a session,
// replacing one, moving one. Shared by the sockets of a server, because a datagram that was sent to one port can be repeated to another.

import { type RandomSource, readU32 } from '@kcptun/common';
import { ReplayMemory } from './replay-memory.ts';
import type { Session } from './session.ts';

/** Datagrams that one socket knows again, at least: all of the last {@link REPLAY_WINDOW_AGE}, if they are fewer. 512 KiB when full. */
export const REPLAY_WINDOW = 16_384;
/** How long a quiet socket knows its datagrams again, in ms. */
export const REPLAY_WINDOW_AGE = 300_000;
/** Datagrams that opened a session, and conversation ids of closed sessions, that a server remembers. 2 MiB when full. */
export const REPLAY_MEMORY = 65_536;
/** How long it remembers them, in ms. */
export const REPLAY_MEMORY_AGE: number = 24 * 60 * 60 * 1000;

/** The second half of the key of a conversation id. Heads of datagrams are random: one that equals such a key is not to be expected. */
const CONV_KEY = 0x636f_6e76;

/** The memory of datagram heads of one socket. */
export function createReplayWindow(random: RandomSource): ReplayMemory {
  return new ReplayMemory({ entries: REPLAY_WINDOW, age: REPLAY_WINDOW_AGE, seed: randomWord(random) });
}

/** The long memory of a server, and its living conversations. Needed by its endpoints only. */
export class ReplayGuard {
  readonly #live: Map<number, Session> = new Map();
  readonly #memory: ReplayMemory;

  /** @param random - unpredictable bytes */
  constructor(random: RandomSource) {
    this.#memory = new ReplayMemory({ entries: REPLAY_MEMORY, age: REPLAY_MEMORY_AGE, seed: randomWord(random) });
  }

  /** Number of entries of the long memory. */
  get size(): number {
    return this.#memory.size;
  }

  /** @internal The living session with this conversation id. */
  live(conv: number): Session | undefined {
    return this.#live.get(conv);
  }

  /** @internal Whether a datagram with this head has opened a session. */
  knows(low: number, high: number): boolean {
    return this.#memory.has(low, high);
  }

  /** @internal Whether a session with this conversation id has ended. */
  hasEnded(conv: number): boolean {
    return this.#memory.has(conv, CONV_KEY);
  }

  /** @internal A datagram with this head has opened `session`. */
  opened(session: Session, low: number, high: number, now: number): void {
    this.#live.set(session.conv, session);
    this.#memory.add(low, high, now);
  }

  /** @internal A session has ended; `forGood`: what is left of its conversation shall open no other one. */
  closed(session: Session, forGood: boolean, now: number): void {
    if (this.#live.get(session.conv) === session) this.#live.delete(session.conv);
    if (forGood) this.#memory.add(session.conv, CONV_KEY, now);
  }
}

function randomWord(random: RandomSource): number {
  const bytes = new Uint8Array(4);
  random(bytes);
  return readU32(bytes, 0);
}
