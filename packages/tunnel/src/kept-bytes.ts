// Memory for what a stream could not send at once: a connection lends its bytes only until `onData` returns. Large pieces are used again, because
// a new one for every read would have V8 collect garbage all the time; small ones come and go.

import type { SmuxStream } from '@kcptun/smux';
import { MAX_WAITING, PIECE } from './read-line.ts';

/** From this size on they are kept in pieces that are used again, of `PIECE` bytes as long as no read is longer. */
const LARGE = 16 * 1024;
/** Pieces kept for the next one who needs one: what may wait before connections take turns. */
const MAX_SPARE: number = MAX_WAITING / PIECE;
/** How often it is looked at how many of them are in use, in ms. */
const TRIM_PERIOD = 5000;

const spare: Uint8Array[] = [];
/** Fewest that were spare since the last look. */
let leastSpare = 0;
let lookAt = Number.NEGATIVE_INFINITY;

/** Lets go of the pieces that nobody needed within the last `TRIM_PERIOD` ms; call it every now and then. */
export function maintainKept(now: number): void {
  if (now < lookAt) return;
  lookAt = now + TRIM_PERIOD;
  spare.length -= leastSpare;
  leastSpare = spare.length;
}

/** What one stream has waiting. Not given back by those that end with a stream: their memory is garbage then. */
export class KeptBytes {
  readonly #pieces: Uint8Array[] = [];
  readonly #lengths: number[] = [];

  /** Moves what is left of the last `write` to memory that stays. */
  keep(stream: SmuxStream): void {
    const length = stream.lentAmount;
    if (length === 0) return;
    this.release(stream.bufferedAmount - length);
    const piece = length < LARGE ? new Uint8Array(length) : takePiece(length);
    stream.moveLent(piece);
    this.#pieces.push(piece);
    this.#lengths.push(length);
  }

  /** Takes back the memory of what was sent. @param waiting - how many of the bytes kept are not sent yet */
  release(waiting: number): void {
    let left = waiting;
    let sent = this.#lengths.length;
    while (sent > 0 && left > 0) left -= this.#lengths[--sent]!;
    if (sent === 0) return;
    this.#lengths.splice(0, sent);
    for (const piece of this.#pieces.splice(0, sent)) if (piece.length >= PIECE && spare.length < MAX_SPARE) spare.push(piece);
  }
}

function takePiece(length: number): Uint8Array {
  const piece = spare.pop();
  leastSpare = Math.min(leastSpare, spare.length);
  return piece !== undefined && piece.length >= length ? piece : new Uint8Array(Math.max(PIECE, length));
}
