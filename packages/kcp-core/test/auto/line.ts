// A bottleneck that conversations share: a rate, a queue that overflows, losses alone or in bursts,
// jitter that reorders, and a way back. On a virtual clock; timers fire up to `lateness` ms late, as
// those of real programs do.

import { Random } from '@kcptun/testkit';
import { Kcp, type KcpOptions } from '../../src/index.ts';

/** What the line is like. It may be changed while it is used. */
export interface LineOptions {
  seed?: number;
  /** Mbit/s. */
  rate: number;
  /** Round-trip time without a queue, ms. */
  rtt: number;
  /** Share of datagrams lost, each way, 0..1, and the mean length of a burst of losses. */
  loss?: number;
  burst?: number;
  /** Datagrams that fit into the queue. */
  queue?: number;
  /** Up to so many ms more for each datagram: it reorders. */
  jitter?: number;
  /** Timers fire up to so many ms late. */
  lateness?: number;
  /** Each end gets no processor for 20 to 150 ms, on average every so many ms. What comes meanwhile waits. */
  stalls?: number;
  up?: boolean;
}

const HEADERS = 48;

interface Arrival {
  readonly at: number;
  readonly order: number;
  readonly packet: Uint8Array;
  readonly end: Kcp;
}

/** Min-heap by time. */
class Arrivals {
  readonly #heap: Arrival[] = [];

  get at(): number {
    return this.#heap[0]?.at ?? Number.POSITIVE_INFINITY;
  }

  push(arrival: Arrival): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(arrival);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (before(heap[parent]!, arrival)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = arrival;
  }

  shift(): Arrival {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
      if (before(last, heap[child]!)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    if (heap.length > 0) heap[index] = last;
    return first;
  }
}

function before(a: Arrival, b: Arrival): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}

/** One direction of the line. */
class Direction {
  sent = 0;
  overflowed = 0;
  lost = 0;
  #freeAt = 0;
  #lastAt = 0;
  #bad = false;
  readonly #options: LineOptions;
  readonly #random: Random;
  readonly #limited: boolean;

  constructor(options: LineOptions, random: Random, limited: boolean) {
    this.#options = options;
    this.#random = random;
    this.#limited = limited;
  }

  /** Ms that a datagram sent now would wait. */
  queueMs(now: number): number {
    return Math.max(0, this.#freeAt - now);
  }

  /** When a datagram of `bytes` arrives; undefined when it does not. */
  carry(now: number, bytes: number): number | undefined {
    const { rate, rtt, queue = 1000, jitter = 0, up = true } = this.#options;
    this.sent += 1;
    let leaves = now;
    if (this.#limited) {
      const msPerByte = 0.008 / rate;
      const start = Math.max(now, this.#freeAt);
      if (!up || start - now > queue * 1400 * msPerByte) {
        this.overflowed += 1;
        return undefined;
      }
      leaves = start + (bytes + HEADERS) * msPerByte;
      this.#freeAt = leaves;
    }
    if (this.#drops()) {
      this.lost += 1;
      return undefined;
    }
    if (jitter > 0) return leaves + rtt / 2 + jitter * this.#random.float();
    this.#lastAt = Math.max(this.#lastAt, leaves + rtt / 2);
    return this.#lastAt;
  }

  #drops(): boolean {
    const { loss = 0, burst = 1 } = this.#options;
    if (burst <= 1) return this.#random.chance(loss);
    const leave = 1 / burst;
    this.#bad = this.#bad ? !this.#random.chance(leave) : this.#random.chance((loss * leave) / (1 - loss));
    return this.#bad;
  }
}

/** A sender and a receiver at the ends of a line. */
export interface Flow {
  readonly sender: Kcp;
  readonly receiver: Kcp;
  /** Bytes that have been read. */
  received: number;
  /** Keeps the sender's queue filled from this time on, ms. */
  bulkFrom: number;
  bulkUntil: number;
  /** The peer has gone: what is sent to it crosses the line and is lost. */
  gone: boolean;
}

/** A line and its flows. */
export class Line {
  now = 0.25;
  readonly options: LineOptions;
  readonly flows: Flow[] = [];
  readonly forth: Direction;
  readonly back: Direction;
  /** Is called about once a ms, with what waits in the bottleneck. */
  onTick: ((now: number, queueMs: number) => void) | undefined;
  /** Is told the payload as it is read. */
  onRead: ((flow: Flow, bytes: Uint8Array, now: number) => void) | undefined;
  readonly #arrivals: Arrivals = new Arrivals();
  readonly #random: Random;
  readonly #timers: Map<Kcp, number> = new Map();
  readonly #stalls: Map<Kcp, { from: number; until: number }> = new Map();
  #order = 0;
  readonly #chunk: Uint8Array = new Uint8Array(64 * 1376);
  readonly #buffer: Uint8Array = new Uint8Array(65536);

  constructor(options: LineOptions) {
    this.options = options;
    this.#random = new Random(options.seed ?? 1);
    this.forth = new Direction(options, this.#random, true);
    this.back = new Direction(options, this.#random, false);
  }

  /** Adds a flow that sends bulk data from `bulkFrom` on. */
  add(sender: Partial<KcpOptions>, receiver: Partial<KcpOptions>, bulkFrom = 0): Flow {
    const conv = this.flows.length + 1;
    const flow: Flow = {
      sender: new Kcp({
        conv,
        stream: true,
        ...sender,
        sink: (packet) => this.#send(this.forth, packet, flow.gone ? undefined : flow.receiver),
      }),
      receiver: new Kcp({ conv, stream: true, ...receiver, sink: (packet) => this.#send(this.back, packet, flow.sender) }),
      received: 0,
      bulkFrom,
      bulkUntil: Number.POSITIVE_INFINITY,
      gone: false,
    };
    flow.sender.deferFlush = true;
    flow.receiver.deferFlush = true;
    flow.sender.askWindow();
    this.flows.push(flow);
    return flow;
  }

  /** Goes on until `until` (ms). */
  run(until: number): void {
    let tick = Math.floor(this.now);
    while (this.now < until) {
      let next = Math.min(this.#arrivals.at, tick + 1, until);
      for (const flow of this.flows) next = Math.min(next, this.#timer(flow.sender), this.#timer(flow.receiver));
      this.now = Math.max(this.now, next);
      while (this.#arrivals.at <= this.now) this.#arrive(this.#arrivals.shift());
      for (const flow of this.flows) {
        this.#fill(flow);
        for (const end of [flow.sender, flow.receiver]) if (this.#timer(end) <= this.now) this.#flush(end);
      }
      if (this.now >= tick + 1) {
        tick = Math.floor(this.now);
        this.onTick?.(this.now, this.forth.queueMs(this.now));
      }
    }
  }

  /** Sends a message of `flow` now. */
  write(flow: Flow, bytes: Uint8Array): void {
    flow.sender.send(bytes);
    flow.sender.flush(this.now);
    this.#timers.delete(flow.sender);
  }

  #fill(flow: Flow): void {
    const { sender } = flow;
    if (this.now < flow.bulkFrom || this.now >= flow.bulkUntil) return;
    let wrote = false;
    while (sender.waitSnd - sender.inflight < 128) {
      sender.send(this.#chunk);
      wrote = true;
    }
    if (wrote && sender.inflight === 0) this.#flush(sender);
  }

  #flush(end: Kcp): void {
    end.flush(this.now);
    this.#timers.delete(end);
  }

  /** When the timer of an end fires: set once for each deadline, late by chance. */
  #timer(end: Kcp): number {
    const set = this.#timers.get(end);
    if (set !== undefined) return set;
    const at = end.nextTimeout(this.now);
    if (at === undefined) return Number.POSITIVE_INFINITY;
    const { lateness = 1 } = this.options;
    const fires = this.#awake(end, Math.max(at, this.now + 0.05) + lateness * this.#random.float());
    this.#timers.set(end, fires);
    return fires;
  }

  #send(direction: Direction, packet: Uint8Array, end: Kcp | undefined): void {
    const at = direction.carry(this.now, packet.length);
    if (at !== undefined && end !== undefined) this.#arrivals.push({ at, order: this.#order++, packet, end });
  }

  /** When an end does what is due at `at`: then, or once it has the processor again. */
  #awake(end: Kcp, at: number): number {
    const { stalls } = this.options;
    if (stalls === undefined) return at;
    let stall = this.#stalls.get(end) ?? { from: 0, until: 0 };
    while (stall.until <= at) {
      const from = stall.until + 2 * stalls * this.#random.float();
      stall = { from, until: from + 20 + 130 * this.#random.float() };
      if (from > at) break;
    }
    this.#stalls.set(end, stall);
    return at < stall.from ? at : stall.until;
  }

  #arrive(arrival: Arrival): void {
    const { packet, end } = arrival;
    const at = this.#awake(end, this.now);
    if (at > this.now) {
      this.#arrivals.push({ ...arrival, at });
      return;
    }
    end.input(packet, 0, packet.length, this.now);
    const flow = this.flows.find((each) => each.receiver === end);
    if (flow !== undefined) {
      for (let length = end.recv(this.#buffer); length >= 0; length = end.recv(this.#buffer)) {
        flow.received += length;
        this.onRead?.(flow, this.#buffer.subarray(0, length), this.now);
      }
    } else {
      for (const each of this.flows) if (each.sender === end) this.#fill(each);
    }
    end.flushDeferred(this.now);
    this.#timers.delete(end);
  }
}
