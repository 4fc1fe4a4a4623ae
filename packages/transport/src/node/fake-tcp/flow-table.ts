// The flows of one socket, by the remote's address. Who completes a TCP handshake gets a flow, so their number is limited; when there is no room,
// the oldest flow that carries no session gives way, never one that does.
//
// A number belongs to the session layer from the first datagram that is handed on until it says `forget`, and to the flow while it lives; it is
// free for another remote when neither needs it. A remote that connects again gets the number that its session still has.

import { AddressPaths } from '../native/address-paths.ts';
import { NO_PATH } from '../path-table.ts';
import type { Flow } from './flow.ts';

/** Most flows of a socket. */
const MAX_FLOWS = 16_384;
/** Time without a segment in ms after which a flow is forgotten (PROTOCOL tunnel §11). */
export const MAX_SILENCE = 60_000;

/** The flows of one socket. */
export class FlowTable {
  readonly paths: AddressPaths = new AddressPaths();
  readonly #flows: (Flow | undefined)[] = [];
  /** Numbers that the session layer has. */
  readonly #held: boolean[] = [];
  /** Flows without a session, the oldest first. */
  readonly #idle: Set<Flow> = new Set();
  readonly #limit: number;
  #count = 0;

  constructor(limit: number = MAX_FLOWS) {
    this.#limit = limit;
  }

  /** Number of flows. */
  get count(): number {
    return this.#count;
  }

  /** Whether a new flow has to wait for another to go. */
  get full(): boolean {
    return this.#count >= this.#limit;
  }

  /** All flows, in no order. */
  get flows(): Flow[] {
    return this.#flows.filter((flow) => flow !== undefined);
  }

  /** The flow with this number. */
  at(path: number): Flow | undefined {
    return this.#flows[path];
  }

  /** The flow of the remote whose sockaddr is at `words[at]`. */
  find(words: Int32Array, at: number): Flow | undefined {
    const path = this.paths.find(words, at);
    return path === NO_PATH ? undefined : this.#flows[path];
  }

  /** Puts a flow in, whose number came from `paths`; returns the one that had the number before. */
  add(flow: Flow): Flow | undefined {
    const { path } = flow;
    const replaced = this.#flows[path];
    if (replaced === undefined) this.#count += 1;
    else this.#idle.delete(replaced);
    this.#flows[path] = flow;
    if (this.#held[path] !== true) this.#idle.add(flow);
    return replaced;
  }

  /** Notes that the session layer gets a datagram of this flow. */
  hold(flow: Flow): void {
    if (this.#held[flow.path] === true) return;
    this.#held[flow.path] = true;
    this.#idle.delete(flow);
  }

  /** Notes that the session layer does not need the number any more. */
  forget(path: number): void {
    if (this.#held[path] !== true) return;
    this.#held[path] = false;
    const flow = this.#flows[path];
    if (flow === undefined) this.paths.forget(path);
    else this.#idle.add(flow);
  }

  /** Takes a flow out. */
  remove(flow: Flow): void {
    if (this.#flows[flow.path] !== flow) return;
    this.#flows[flow.path] = undefined;
    this.#count -= 1;
    this.#idle.delete(flow);
    if (this.#held[flow.path] !== true) this.paths.forget(flow.path);
  }

  /** The flow that gives way to a new one; `undefined` when all carry sessions. */
  oldestIdle(): Flow | undefined {
    return this.#idle.values().next().value;
  }

  /** Flows that were not heard of for {@link MAX_SILENCE}. */
  silent(now: number): Flow[] {
    return this.flows.filter((flow) => now - flow.heardAt >= MAX_SILENCE);
  }
}
