// Byte connections in memory, as TCP on a virtual clock: bytes arrive in order after a delay, an end arrives behind them, and a receiver that is
// paused stops its sender once the buffers between them are full. Each direction:
//
//   write -> waiting (lent) -> taken: under way or held (at most `capacity` bytes) -> onData, up to MAX_READ bytes at a time

import { type ByteConnection, type ByteEvents, MAX_READ } from '@kcptun/transport';
import type { SimProcess } from './sim-process.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** Times and sizes of the connections of a world. */
export interface SimConnectionOptions {
  /** Time from one end to the other, in ms. */
  readonly delay: number;
  /** Bytes that the system holds for each direction, as its socket buffers do. */
  readonly capacity: number;
}

interface Write {
  readonly bytes: Uint8Array;
  readonly onTaken: () => void;
  at: number;
}

const UNSET: ByteEvents = { onData: () => {}, onEnd: () => {}, onClose: () => {} };

/** One end of a connection in memory; made in pairs by {@link createSimPair}. */
export class SimConnection implements ByteConnection {
  events: ByteEvents = UNSET;
  readonly remoteLabel: string;
  readonly #clock: VirtualClock;
  /** Runs what the owner of this end is told: the buffers belong to the system and work on while it cannot. */
  readonly #process: SimProcess;
  readonly #options: SimConnectionOptions;
  readonly #onClosed: () => void;
  readonly #misuses: string[];
  #peer: SimConnection | undefined;
  /** What was written and not taken yet. */
  readonly #writes: Write[] = [];
  /** Bytes taken that the peer's owner does not have. */
  #held = 0;
  /** What has arrived for this end. */
  readonly #arrived: Uint8Array[] = [];
  #endWritten = false;
  #endSent = false;
  #endArrived = false;
  #endTold = false;
  #paused = true;
  #closed = false;
  #deliverLater = false;

  /** @internal */
  constructor(clock: VirtualClock, options: SimConnectionOptions, end: SimEnd) {
    const { process, label: remoteLabel } = end;
    this.#clock = clock;
    this.#process = process;
    this.#onClosed = () => end.open.delete(this);
    this.#misuses = end.misuses;
    end.open.add(this);
    this.#options = options;
    this.remoteLabel = remoteLabel;
  }

  /** @internal */
  join(peer: SimConnection): void {
    this.#peer = peer;
  }

  /** Whether the connection is closed at this end. */
  get closed(): boolean {
    return this.#closed;
  }

  write(bytes: Uint8Array, onTaken: () => void): void {
    if (this.#closed || this.#endWritten) {
      if (!this.#closed) this.#misuses.push(`${bytes.length} bytes written to ${this.remoteLabel} behind the end`);
      this.#process.after(0, onTaken);
      return;
    }
    this.#writes.push({ bytes, onTaken, at: 0 });
    this.#take();
  }

  end(): void {
    if (this.#closed || this.#endWritten) return;
    this.#endWritten = true;
    this.#take();
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#process.after(0, () => this.#deliver());
  }

  /** Peers in memory do not vanish. */
  keepAlive(): void {}

  destroy(reset: boolean): void {
    if (this.#closed) return;
    const peer = this.#peer;
    const unread = this.#arrived.length > 0;
    this.#clock.after(this.#options.delay, () => {
      if (reset || unread) peer?.close(new Error('read ECONNRESET'));
      else peer?.arriveEnd();
    });
    this.close(undefined);
  }

  /** @internal The connection is over for this end. */
  close(error: Error | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#arrived.length = 0;
    this.#onClosed();
    const writes = this.#writes.splice(0);
    this.#process.after(0, () => {
      for (const { onTaken } of writes) onTaken();
      this.events.onClose(error);
    });
  }

  /** @internal */
  arrive(bytes: Uint8Array): void {
    if (this.#closed) {
      // Whoever writes to a connection that is gone is told so.
      this.#clock.after(this.#options.delay, () => this.#peer?.close(new Error('write EPIPE')));
      return;
    }
    this.#arrived.push(bytes);
    this.#deliver();
  }

  /** @internal */
  arriveEnd(): void {
    if (this.#closed || this.#endArrived) return;
    this.#endArrived = true;
    this.#deliver();
  }

  #take(): void {
    const { capacity, delay } = this.#options;
    for (let write = this.#writes[0]; write !== undefined && this.#held < capacity; write = this.#writes[0]) {
      const left = write.bytes.length - write.at;
      const part = Math.min(left, MAX_READ, capacity - this.#held);
      // As TCP: a buffer that is nearly full is not filled up with crumbs, which would come back as such again and again.
      if (part < left && part < Math.min(MAX_READ, capacity) / 4) break;
      const copy = write.bytes.slice(write.at, write.at + part);
      write.at += part;
      this.#held += part;
      if (part > 0) this.#clock.after(delay, () => this.#peer?.arrive(copy));
      if (write.at === write.bytes.length) {
        this.#writes.shift();
        this.#process.after(0, write.onTaken);
      }
    }
    if (!this.#endWritten || this.#endSent || this.#writes.length > 0) return;
    this.#endSent = true;
    this.#clock.after(delay, () => this.#peer?.arriveEnd());
    this.#closeWhenOver();
  }

  #deliver(): void {
    if (!this.#process.running) {
      if (!this.#deliverLater) this.#process.after(0, () => this.#deliver());
      this.#deliverLater = true;
      return;
    }
    this.#deliverLater = false;
    while (!this.#paused && !this.#closed) {
      const bytes = this.#arrived.shift();
      if (bytes === undefined) break;
      this.events.onData(bytes);
      // They were lent for the call.
      bytes.fill(0xee);
      this.#peer?.received(bytes.length);
    }
    if (this.#paused || this.#closed || this.#arrived.length > 0 || !this.#endArrived || this.#endTold) return;
    this.#endTold = true;
    this.events.onEnd();
    this.#closeWhenOver();
  }

  /** @internal The peer's owner has taken bytes. */
  received(length: number): void {
    this.#held -= length;
    this.#take();
  }

  #closeWhenOver(): void {
    if (this.#endSent && this.#endTold) this.close(undefined);
  }
}

/** Who has an end of a connection. */
export interface SimEnd {
  /** Runs the owner's callbacks. */
  readonly process: SimProcess;
  /** How the owner calls the other end. */
  readonly label: string;
  /** The owner's connections that are not closed yet: this one too, from its creation on. */
  readonly open: Set<SimConnection>;
  /** Takes a line for each write behind the end. */
  readonly misuses: string[];
}

/** Two ends of one connection. */
export function createSimPair(
  clock: VirtualClock,
  options: SimConnectionOptions,
  ends: readonly [SimEnd, SimEnd],
): readonly [SimConnection, SimConnection] {
  const first = new SimConnection(clock, options, ends[0]);
  const second = new SimConnection(clock, options, ends[1]);
  first.join(second);
  second.join(first);
  return [first, second];
}
