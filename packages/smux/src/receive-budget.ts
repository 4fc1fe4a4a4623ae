// Receiving side: the token bucket of a session (PROTOCOL smux §3) and, with version 2, the windows of its streams (§5).
//
// The wire leaves the announced window to the receiver. Upstream always announces the configured maximum, so two stalled
// streams can empty the bucket and stop the whole session. Here two rules keep room for the others:
//
//   1. window = min(maxStreamBuffer, max(MIN_WINDOW, (maxReceiveBuffer - sum of the others' windows) / 2))
//      One stream, or few in a large buffer, get the configured maximum, as upstream; n busy ones settle at 1/(n+1) each.
//   2. While other streams are active, one with START_WINDOW or more unread is set back to the start window by an UPD at
//      once: its reader is slow. It is raised again as soon as the reader has caught up.
//
// A window counts from the first byte on until FIN, and never less than what is unread. A stream whose bytes were all
// consumed and that got nothing while the session received another `maxReceiveBuffer` bytes is idle: its window is not
// counted, and its first read after that announces afresh, like the very first one.

import type { SmuxConfig } from './config.ts';
import { START_WINDOW } from './frame.ts';
import { MIN_WINDOW } from './limits.ts';

/** What the budget knows of one stream; changed by {@link ReceiveBudget} only. */
export class ReceiveWindow {
  /** Bytes received and not consumed: they are missing in the bucket. */
  unread = 0;
  /** Bytes consumed in all, u32. */
  numRead = 0;
  /** Bytes consumed since the last UPD. */
  sinceUpdate = 0;
  /** The window that the peer was told last. */
  window: number = START_WINDOW;
  /** How much of the window is counted in the sum. */
  counted = 0;
  /** The next read sends UPD whatever its size. */
  fresh = true;
  /** The peer may still send: no FIN, not closed. */
  open = true;
  /** Total of the session when the last byte was consumed. */
  drainedAt = 0;
  /** Whether the stream is in the list of drained streams. */
  drained = false;
  /** Neighbours in the list of drained streams, oldest first. */
  older: ReceiveWindow | undefined = undefined;
  newer: ReceiveWindow | undefined = undefined;
}

/** The bucket of a session and the windows of all its streams. */
export class ReceiveBudget {
  readonly #capacity: number;
  readonly #streamBuffer: number;
  readonly #windows: boolean;
  #tokens: number;
  #counted = 0;
  #received = 0;
  #oldest: ReceiveWindow | undefined = undefined;
  #newest: ReceiveWindow | undefined = undefined;

  constructor(config: SmuxConfig) {
    this.#capacity = config.maxReceiveBuffer;
    this.#streamBuffer = config.maxStreamBuffer;
    this.#windows = config.version === 2;
    this.#tokens = config.maxReceiveBuffer;
  }

  /** Bytes that are still welcome; at 0 or below the session takes no further frame. */
  get tokens(): number {
    return this.#tokens;
  }

  /** Sum of the windows that are counted. */
  get counted(): number {
    return this.#counted;
  }

  /** Counts received payload; returns whether an UPD is due. */
  receive(stream: ReceiveWindow, length: number): boolean {
    this.#tokens -= length;
    stream.unread += length;
    if (!this.#windows) return false;
    this.#received += length;
    if (stream.drained) this.#unlink(stream);
    if (stream.counted === 0) {
      stream.fresh = true;
      this.#count(stream, stream.window);
    }
    if (stream.unread > stream.counted) this.#count(stream, stream.unread);
    return stream.window > START_WINDOW && this.#lagging(stream);
  }

  /** Counts bytes that the application has consumed (at most `unread`); returns whether an UPD is due. */
  consume(stream: ReceiveWindow, length: number): boolean {
    this.#tokens += length;
    stream.unread -= length;
    if (!this.#windows) return false;
    if (!stream.open) {
      this.#count(stream, stream.unread);
      return false;
    }
    stream.numRead = (stream.numRead + length) >>> 0;
    stream.sinceUpdate += length;
    if (stream.unread === 0) this.#link(stream);
    return stream.fresh || stream.sinceUpdate >= stream.window >>> 1;
  }

  /** Chooses the window of a stream whose UPD is being written; `numRead` and `window` then are its payload. */
  announce(stream: ReceiveWindow): void {
    this.#forgetIdle();
    const room = this.#capacity - this.#counted + stream.counted;
    const share = Math.min(this.#streamBuffer, Math.max(MIN_WINDOW, Math.floor(room / 2)));
    stream.window = this.#lagging(stream) ? Math.min(share, START_WINDOW) : share;
    stream.fresh = false;
    stream.sinceUpdate = 0;
    if (stream.counted > 0) this.#count(stream, Math.max(stream.window, stream.unread));
  }

  /** The peer's FIN: nothing but what is unread can be held for this stream from now on. */
  finish(stream: ReceiveWindow): void {
    stream.open = false;
    if (stream.drained) this.#unlink(stream);
    if (this.#windows) this.#count(stream, stream.unread);
  }

  /** Closing: the unread bytes return to the bucket. */
  release(stream: ReceiveWindow): void {
    this.#tokens += stream.unread;
    stream.unread = 0;
    this.finish(stream);
  }

  /** Rule 2: much is unread while other streams are active. */
  #lagging(stream: ReceiveWindow): boolean {
    return stream.unread >= START_WINDOW && this.#counted > stream.counted;
  }

  #count(stream: ReceiveWindow, bytes: number): void {
    this.#counted += bytes - stream.counted;
    stream.counted = bytes;
  }

  #forgetIdle(): void {
    let stream = this.#oldest;
    while (stream !== undefined && this.#received - stream.drainedAt >= this.#capacity) {
      this.#unlink(stream);
      this.#count(stream, 0);
      stream = this.#oldest;
    }
  }

  #link(stream: ReceiveWindow): void {
    stream.drained = true;
    stream.drainedAt = this.#received;
    stream.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = stream;
    else this.#newest.newer = stream;
    this.#newest = stream;
  }

  #unlink(stream: ReceiveWindow): void {
    if (stream.older === undefined) this.#oldest = stream.newer;
    else stream.older.newer = stream.newer;
    if (stream.newer === undefined) this.#newest = stream.older;
    else stream.newer.older = stream.older;
    stream.drained = false;
    stream.older = undefined;
    stream.newer = undefined;
  }
}
