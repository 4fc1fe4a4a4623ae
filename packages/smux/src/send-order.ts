// Whose frame is next. Streams with much to send take turns of several frames each: what arrives in a row is written to a socket at once at the
// far end, and 100 streams of single frames cost that end half of its processor time in small writes. Streams with no more than a frame
// to send go before them, so that a key press does not wait for a hundred such turns; but never more of theirs than of the others', so that
// many small ones cannot stop a large one.
//
// Any order is allowed that keeps the frames of one stream in theirs (PROTOCOL smux §4). Invariant: a stream is here at most once
// (`scheduled`); one that cannot send any more is passed over when it is met.

import { Ring } from '@kcptun/common';
import { BULK_TURN } from './limits.ts';
import type { SmuxStream } from './stream.ts';

/** The order of the streams that have something to send. */
export class SendOrder {
  readonly #maxFrameSize: number;
  readonly #small: Ring<SmuxStream> = new Ring();
  readonly #bulk: Ring<SmuxStream> = new Ring();
  /** The bulk stream whose turn it is; in no ring meanwhile. */
  #current: SmuxStream | undefined = undefined;
  /** Bytes left of its turn. */
  #turn = 0;
  /** Bytes that small streams may send before bulk ones must have sent some. */
  #credit: number = BULK_TURN;

  constructor(maxFrameSize: number) {
    this.#maxFrameSize = maxFrameSize;
  }

  /** Whether there may be a stream with something to send. */
  get waiting(): boolean {
    return this.#current !== undefined || this.#small.length > 0 || this.#bulk.length > 0;
  }

  /** Gives a stream its place, if it has something to send that its window allows. */
  add(stream: SmuxStream): void {
    if (stream.scheduled || !stream.sendable) return;
    stream.scheduled = true;
    if (stream.queue.length <= this.#maxFrameSize) this.#small.push(stream);
    else this.#bulk.push(stream);
  }

  /** The stream that sends the next frame, which is told by `sent`; `undefined` when there is none. */
  next(): SmuxStream | undefined {
    const small = this.#credit > 0 ? this.#nextSmall() : undefined;
    // Bulk streams that wait may all have lost their windows meanwhile: then small ones need no credit.
    return small ?? this.#nextBulk() ?? this.#nextSmall();
  }

  /** A frame of `length` payload bytes was written for what `next` gave. */
  sent(stream: SmuxStream, length: number): void {
    if (stream === this.#current) {
      this.#turn -= length;
      this.#credit = Math.min(BULK_TURN, this.#credit + length);
      if (!stream.sendable) this.#endTurn();
    } else {
      this.#credit -= length;
      this.add(stream);
    }
  }

  /** Forgets all. */
  clear(): void {
    this.#small.clear();
    this.#bulk.clear();
    this.#current = undefined;
  }

  #nextSmall(): SmuxStream | undefined {
    for (let stream = this.#small.shift(); stream !== undefined; stream = this.#small.shift()) {
      stream.scheduled = false;
      if (stream.sendable) return stream;
    }
    return undefined;
  }

  #nextBulk(): SmuxStream | undefined {
    if (this.#current?.sendable && this.#turn > 0) return this.#current;
    this.#endTurn();
    for (let stream = this.#bulk.shift(); stream !== undefined; stream = this.#bulk.shift()) {
      if (stream.sendable) {
        this.#current = stream;
        this.#turn = BULK_TURN;
        return stream;
      }
      stream.scheduled = false;
    }
    return undefined;
  }

  #endTurn(): void {
    const stream = this.#current;
    if (stream === undefined) return;
    this.#current = undefined;
    stream.scheduled = false;
    if (!stream.sendable) return;
    // Behind all others whatever is left: it had its turn.
    stream.scheduled = true;
    this.#bulk.push(stream);
  }
}
