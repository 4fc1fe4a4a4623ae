// The applications and targets of a run: each sends bytes that tell their place, checks what it receives, and behaves as its plan says.
//
//   up:    [flow, 4 bytes] pattern(flow, up)                     the target learns from the first bytes whom it talks to
//   down:  [greeting: number of the target, pattern] pattern(flow, down)

import { checkPattern, fillPattern, type VirtualClock } from '@kcptun/testkit';
import type { ByteConnection, ByteEvents } from '@kcptun/transport';
import type { Behaviour, FlowPlan } from './plan.ts';

/** How a direction has ended for the one who writes or reads it. */
export type Ending =
  /** Not yet. */
  | 'open'
  /** In order: the writer has called `end`, the reader has seen it. */
  | 'ended'
  /** By an error, or by a close that came before its own end. */
  | 'cut'
  /** By its own will: it has closed or reset the connection. */
  | 'left';

/** What a party needs of its world. */
export interface Surroundings {
  readonly clock: VirtualClock;
  /** Whether nothing goes wrong any more: readers read, what is held ends. */
  readonly calm: () => boolean;
  /** Something that must never happen has happened. */
  readonly violate: (oracle: string, text: string) => void;
  /** For the timeline. */
  readonly note: (text: string) => void;
}

/** Bytes that a party sends or expects: a part with a header and a pattern, one behind the other. */
export interface Part {
  readonly length: number;
  /** The first four bytes; the pattern goes on from there. */
  readonly head?: number;
  readonly seed: number;
}

/** Of a target that has not heard yet which flow it belongs to. */
export const UNKNOWN: Behaviour = { chunk: 8192, end: 'hold' };

/** One end of a connection. */
export class Party implements ByteEvents {
  readonly name: string;
  readonly connection: ByteConnection;
  /** Number in the first four bytes that came, once they are there. */
  heardHead: number | undefined;
  sent = 0;
  received = 0;
  writing: Ending = 'open';
  reading: Ending = 'open';
  closed = false;
  error: Error | undefined;
  readonly #around: Surroundings;
  #behaviour: Behaviour;
  #sends: Part[];
  #expects: Part[];
  readonly #onHead: ((head: number) => void) | undefined;
  readonly #headBytes: number[] = [];
  #writeInFlight = false;
  #stalled = false;
  #stallDone = false;

  /**
   * @param sends - what it sends; more can be added by `learn`
   * @param expects - what it must receive; a part that begins with a head is checked from its fifth byte on
   * @param onHead - told the number that begins what it receives
   */
  constructor(
    name: string,
    connection: ByteConnection,
    around: Surroundings,
    behaviour: Behaviour,
    sends: readonly Part[],
    expects: readonly Part[],
    onHead?: (head: number) => void,
  ) {
    this.name = name;
    this.connection = connection;
    this.#around = around;
    this.#behaviour = behaviour;
    this.#sends = [...sends];
    this.#expects = [...expects];
    this.#onHead = onHead;
    connection.events = this;
    connection.resume();
    this.#proceed();
  }

  /** Bytes that it is to send and to receive in all. */
  get total(): number {
    return lengthOf(this.#sends);
  }

  /** Bytes that it expects in all. */
  get expected(): number {
    return lengthOf(this.#expects);
  }

  /** The party finds out which flow it belongs to. */
  learn(behaviour: Behaviour, sends: Part, expects: Part): void {
    this.#behaviour = behaviour;
    this.#sends.push(sends);
    this.#expects = [expects];
  }

  /** The world is calm: whoever held back does so no longer. */
  handleCalm(): void {
    if (this.closed) return;
    this.connection.resume();
    this.#stalled = false;
    this.#proceed();
  }

  onData(bytes: Uint8Array): void {
    if (this.closed || this.reading === 'ended') {
      this.#around.violate('after-end', `${this.name}: ${bytes.length} bytes behind the end`);
      return;
    }
    const at = this.#check(bytes);
    if (at >= 0) this.#around.violate('content', `${this.name}: wrong byte ${this.received + at} of ${this.expected}`);
    this.received += bytes.length;
    this.#slowDown(bytes.length);
    this.#proceed();
  }

  onEnd(): void {
    if (this.closed || this.reading === 'ended') this.#around.violate('after-end', `${this.name}: another end`);
    this.reading = 'ended';
    this.#around.note(`${this.name}: end after ${this.received} bytes`);
    this.#proceed();
  }

  onClose(error: Error | undefined): void {
    if (this.closed) {
      if (this.writing !== 'left') this.#around.violate('after-end', `${this.name}: closed twice`);
      return;
    }
    this.closed = true;
    this.error = error;
    if (this.writing === 'open') this.writing = 'cut';
    if (this.reading === 'open') this.reading = 'cut';
    this.#around.note(
      `${this.name}: closed after ${this.sent} sent, ${this.received} received${error === undefined ? '' : `, ${error.message}`}`,
    );
  }

  /** Writes, ends or leaves, as the behaviour wants it now. */
  #proceed(): void {
    if (this.closed || this.writing === 'left') return;
    const { end, after = 0 } = this.#behaviour;
    if ((end === 'close' || end === 'reset') && this.sent + this.received >= after && this.total > 0) {
      this.writing = 'left';
      if (this.reading === 'open') this.reading = 'left';
      this.#around.note(`${this.name}: ${end}s after ${this.sent} sent, ${this.received} received`);
      this.closed = true;
      this.connection.destroy(end === 'reset');
      return;
    }
    if (this.writing !== 'open' || this.#writeInFlight) return;
    if (this.sent < this.total) this.#write();
    else if (this.#wantsEnd()) {
      this.writing = 'ended';
      this.connection.end();
    }
  }

  #wantsEnd(): boolean {
    if (this.reading !== 'open') return true;
    // A target that does not know its flow yet may still have to answer.
    if (this.#behaviour === UNKNOWN) return false;
    if (this.#around.calm()) return true;
    const { end } = this.#behaviour;
    return end === 'half' ? this.total > 0 : end === 'late' && this.total > 0 && this.received >= this.expected;
  }

  #write(): void {
    const { chunk, pace } = this.#behaviour;
    const bytes = this.#next(chunk);
    this.sent += bytes.length;
    this.#writeInFlight = true;
    this.connection.write(bytes, () => {
      const go = (): void => {
        this.#writeInFlight = false;
        this.#proceed();
      };
      if (pace === undefined || this.#around.calm()) go();
      else this.#around.clock.after(pace, go);
    });
  }

  /** The next bytes to send, at most `most`, never across two parts. */
  #next(most: number): Uint8Array {
    let before = 0;
    for (const part of this.#sends) {
      const at = this.sent - before;
      if (at < part.length) {
        const bytes = new Uint8Array(Math.min(most, part.length - at));
        fillPattern(bytes, part.seed, at);
        if (part.head !== undefined)
          for (let index = at; index < 4 && index - at < bytes.length; index++) bytes[index - at] = part.head >>> (24 - 8 * index);
        return bytes;
      }
      before += part.length;
    }
    return new Uint8Array(0);
  }

  /** Index of the first wrong byte, or -1. */
  #check(bytes: Uint8Array): number {
    let done = 0;
    while (done < bytes.length && this.#headBytes.length < 4 && this.#onHead !== undefined) {
      this.#headBytes.push(bytes[done] as number);
      done += 1;
      if (this.#headBytes.length < 4) continue;
      this.heardHead = this.#headBytes.reduce((sum, byte) => sum * 256 + byte, 0);
      this.#onHead(this.heardHead);
    }
    let before = 0;
    for (const part of this.#expects) {
      const at = this.received + done - before;
      if (at < part.length && done < bytes.length) {
        const length = Math.min(part.length - at, bytes.length - done);
        const wrong = checkPattern(bytes.subarray(done, done + length), part.seed, at);
        if (wrong >= 0) return done + wrong;
        done += length;
      }
      before += part.length;
    }
    return done < bytes.length ? done : -1;
  }

  #slowDown(length: number): void {
    if (this.#around.calm()) return;
    const { stall, readRate } = this.#behaviour;
    let pause = 0;
    if (stall !== undefined && !this.#stallDone && this.received >= stall.after) {
      this.#stallDone = true;
      pause = stall.length;
    } else if (readRate !== undefined) {
      pause = length / readRate;
    }
    if (pause === 0 || this.#stalled) return;
    this.#stalled = true;
    this.connection.pause();
    this.#around.clock.after(pause, () => {
      if (!this.#stalled || this.closed) return;
      this.#stalled = false;
      this.connection.resume();
    });
  }
}

function lengthOf(parts: readonly Part[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

/** One connection of an application, and what the target has of it. */
export class Flow {
  readonly plan: FlowPlan;
  readonly index: number;
  app: Party | undefined;
  /** The connections of the target that began with this flow's number: one, unless something was sent again. */
  readonly targets: Party[] = [];
  /** The application could not connect. */
  refused = false;

  constructor(index: number, plan: FlowPlan) {
    this.index = index;
    this.plan = plan;
  }

  /** What the application sends. */
  get up(): Part {
    return { length: this.plan.up, head: this.index, seed: this.index * 2 };
  }

  /** What the target sends. */
  get down(): Part {
    return { length: this.plan.down, seed: this.index * 2 + 1 };
  }
}
