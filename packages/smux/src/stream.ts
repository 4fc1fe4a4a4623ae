// One stream of a session: two independent directions, each ended by FIN (PROTOCOL smux §7).
//
//   sending:    write (lent) -> queue -> PSH ... -> end() -> FIN behind all data
//               bytes that are dropped: empty PSH, FIN (ours only: everybody else ignores the PSH)
//   receiving:  PSH -> received -> take() -> consumed() -> tokens back to the bucket, UPD (version 2)
//
// The session forgets a stream when FIN was sent and either FIN was received and all bytes were
// taken, or the owner closed it. So whatever ends the sending direction schedules its FIN at once:
// a later `end` does nothing.

import { ByteQueue, type Chunk, checkBytes, checkInteger } from '@kcptun/common';
import { SmuxError } from './errors.ts';
import { CLOSED_STREAM_TIMEOUT, SEND_HIGH_WATER, SEND_LOW_WATER } from './limits.ts';
import { ReceiveWindow } from './receive-budget.ts';
import { SendWindow } from './send-window.ts';
import { SliceQueue } from './slice-queue.ts';
import type { StreamHub } from './stream-hub.ts';

/** A stream; made by `SmuxSession.openStream` and `SmuxSession.pollAccept`. */
export class SmuxStream {
  /** Stream id on the wire: u32, odd when the client opened it. */
  readonly sid: number;
  /** When the stream was opened or its SYN arrived, in ms of the caller's clock. */
  readonly openedAt: number;
  /** A slot for whoever uses the stream; never read by the session. */
  owner: unknown = undefined;

  /** @internal */ readonly queue: SliceQueue = new SliceQueue();
  /** @internal */ readonly sendWindow: SendWindow;
  /** @internal */ readonly receiveWindow: ReceiveWindow = new ReceiveWindow();
  /** @internal */ synPending = false;
  /** @internal */ updatePending = false;
  /** @internal */ scheduled = false;
  /** @internal */ accepted: boolean;
  /** @internal */ abandoned = false;
  /** @internal */ readableNoted = false;
  /** @internal */ writableNoted = false;
  readonly #hub: StreamHub;
  readonly #received: ByteQueue;
  #error: SmuxError | undefined = undefined;
  #lastLength = 0;
  #refusing = false;
  #endCalled = false;
  /** The FIN that is due, or was sent last, is that of a reset. */
  #cut = false;
  /** A second FIN is to follow the first: nobody takes what the peer sends. */
  #farewell = false;
  #markSeen = false;
  #finSent = false;
  #finSeen = false;
  /** The peer's first FIN was not that of a reset: what came before it is all. */
  #complete = false;
  #removed = false;
  #stuckSince = Number.POSITIVE_INFINITY;
  #stuckLength = 0;

  /** @internal */
  constructor(hub: StreamHub, sid: number, accepted: boolean, now: number) {
    this.sid = sid;
    this.openedAt = now;
    this.accepted = accepted;
    this.sendWindow = new SendWindow(hub.config.version === 2);
    this.#hub = hub;
    this.#received = new ByteQueue(hub.pool);
  }

  /** Bytes that were lent by `write` and not sent yet. They leave in order, so this tells which of them are free again. */
  get bufferedAmount(): number {
    return this.queue.length;
  }

  /** Whether bytes wait for a window that the peer has not opened (version 2). */
  get windowClosed(): boolean {
    return this.queue.length > 0 && this.sendWindow.available <= 0;
  }

  /** Bytes that `take` can hand out now. */
  get readableLength(): number {
    return this.#received.length;
  }

  /**
   * End of stream: the peer's FIN has arrived and every byte before it was taken. Stays false when
   * the FIN is that of a reset: what came is not all, and `error` says so.
   */
  get finReceived(): boolean {
    return this.#complete && this.#received.length === 0;
  }

  /** Whether the stream is over: closed by its owner, ended in both directions, or its session has ended. */
  get closed(): boolean {
    return this.abandoned || this.#removed || this.#hub.ended;
  }

  /** What cut the stream short: the end of its session, or a peer that breaks the rules of the window. */
  get error(): SmuxError | undefined {
    return this.#error;
  }

  /**
   * Queues bytes without a copy: they are lent and must stay unchanged until they were sent, or the stream or session ended without that
   * (`bufferedAmount` has fallen accordingly). After an error they are dropped.
   * @returns false when 128 KiB or more wait now: stop until `pollWritable` gives this stream; nothing is lost by going on
   * @throws {SmuxError} `KCPTUN_ERR_SMUX_WRITE_AFTER_END` after `end` or `close`
   */
  write(bytes: Uint8Array, offset: number = 0, length: number = bytes.length - offset): boolean {
    checkBytes(bytes, 'bytes');
    checkInteger(offset, 'offset', 0, bytes.length);
    checkInteger(length, 'length', 0, bytes.length - offset);
    if (this.#error !== undefined) return false;
    if (this.#endCalled) throw new SmuxError('KCPTUN_ERR_SMUX_WRITE_AFTER_END', `stream ${this.sid} is written to after its end`);
    this.#lastLength = length;
    if (length > 0) {
      this.queue.push(bytes, offset, length);
      this.#hub.writer.schedule(this);
    }
    this.#refusing = this.queue.length >= SEND_HIGH_WATER;
    return !this.#refusing;
  }

  /** Bytes of the last `write` that were not sent yet. */
  get lentAmount(): number {
    return Math.min(this.#lastLength, this.queue.length);
  }

  /**
   * Copies what was not sent of the last `write` to the beginning of `target` and sends it from there: the memory given to `write` is free again.
   * @throws {RangeError} when `target` is shorter than `lentAmount`
   */
  moveLent(target: Uint8Array): void {
    checkInteger(target.length, 'target.length', this.lentAmount, Number.MAX_SAFE_INTEGER);
    if (this.lentAmount > 0) this.queue.moveLast(target);
    this.#lastLength = 0;
  }

  /** Whether `write` has returned false and the stream has not become writable since. */
  get congested(): boolean {
    return this.#refusing;
  }

  /** Half close: FIN is sent behind all data; reading goes on. Further calls do nothing. */
  end(): void {
    if (this.#endCalled) return;
    this.#endCalled = true;
    this.#hub.writer.schedule(this);
  }

  /** Takes the next received bytes out; the caller owns the chunk, releases it to the pool and reports its length with `consumed`. */
  take(): Chunk | undefined {
    const chunk = this.#received.take();
    if (chunk !== undefined) this.#settle();
    return chunk;
  }

  /**
   * Reports that `length` of the bytes taken have found their place (for example: the socket has accepted them). Returns the tokens and makes
   * UPD due as the rules say. Until then they count as unread.
   * @throws {RangeError} when more is reported than was taken
   */
  consumed(length: number): void {
    if (this.abandoned || this.#hub.ended) return;
    checkInteger(length, 'length', 0, this.receiveWindow.unread - this.#received.length);
    if (length > 0 && this.#hub.budget.consume(this.receiveWindow, length)) this.#hub.writer.sendUpdate(this);
  }

  /**
   * Gives the stream up: what was not taken is dropped, unread bytes return to the bucket, data
   * that still arrives is thrown away. Further calls do nothing. What the peer learns depends on
   * the bytes that were not sent yet:
   *
   * - none: FIN, as from upstream (PROTOCOL smux §7). The peer may still send and wait for a window;
   * - some, and no `end`: they are dropped, and FIN is that of a reset;
   * - some, and `end`: they are still sent, however long the peer takes to open a window for them,
   *   unless streams like this one have more than `MAX_CLOSED_BYTES`. Behind their FIN a peer of
   *   this implementation learns that nothing more is taken, as with `reset`: otherwise it would
   *   wait for a window as long as the session lives.
   */
  close(): void {
    if (this.abandoned) return;
    if (this.queue.length > 0 && this.#endCalled) this.#farewell = true;
    else if (this.queue.length > 0) this.#cut = true;
    this.#giveUp();
  }

  /**
   * Like `close`, for an end that is not orderly: unsent bytes are dropped in any case, and a peer of this implementation learns that what it got is
   * not all (its stream has the error `KCPTUN_ERR_SMUX_RESET`). Others see an ordinary end.
   */
  reset(): void {
    if (this.abandoned) return;
    if (!this.#removed) {
      this.queue.clear();
      // After an end that was orderly a second FIN follows: it is not about what was sent but about what is not taken any more.
      this.#finSent &&= this.#cut;
      this.#cut = true;
    }
    this.#giveUp();
  }

  /** Whether the session has handed out anything of the stream: its SYN comes first. */
  get begun(): boolean {
    return !this.synPending;
  }

  /**
   * Takes a stream back of which nothing was handed out: the peer never learns of it. One that has
   * begun, or is closed, stays as it is.
   * @returns the bytes that were written, in order, still lent; none of a stream that stays
   */
  withdraw(): Uint8Array[] {
    if (this.begun || this.closed) return [];
    const written = this.queue.takeAll();
    this.synPending = false;
    // There is nothing to end either.
    this.#finSent = true;
    this.#giveUp();
    return written;
  }

  /** @internal Whether the FIN that is being written is that of a reset. */
  get cut(): boolean {
    return this.#cut;
  }

  #giveUp(): void {
    if (this.abandoned) return;
    this.abandoned = true;
    this.#received.clear();
    this.#hub.budget.release(this.receiveWindow);
    if (!this.#endCalled) this.queue.clear();
    this.#endCalled = true;
    if (this.#hub.ended) return;
    this.#hub.writer.schedule(this);
    this.#settle();
  }

  /** @internal Whether a frame could be sent now: data that the window allows, or FIN behind the data. */
  get sendable(): boolean {
    return this.queue.length > 0 ? this.sendWindow.available > 0 : this.#endCalled && !this.#finSent;
  }

  /** @internal A PSH was written. */
  handleSent(): void {
    const left = this.queue.length;
    const writable = left === 0 || (this.#refusing && left <= SEND_LOW_WATER);
    if (writable) this.#refusing = false;
    if (writable || this.sendWindow.available <= 0) this.#hub.notifyWritable(this);
  }

  /** @internal FIN was written. */
  handleFinSent(): void {
    const again = this.#farewell && !this.#cut && !this.#finSeen;
    this.#farewell = false;
    if (again) this.#cut = true;
    else this.#finSent = true;
    this.#settle();
  }

  /** @internal Payload of a PSH, or a part of it, with `left` bytes of the PSH behind it; false when nobody wants it. */
  handlePayload(bytes: Uint8Array, offset: number, length: number, left: number): boolean {
    this.#markSeen = false;
    if (this.abandoned || this.#finSeen) return false;
    if (this.#hub.budget.receive(this.receiveWindow, length)) this.#hub.writer.sendUpdate(this);
    this.#received.append(bytes, offset, length, length + left);
    this.#hub.notifyReadable(this);
    return true;
  }

  /** @internal A PSH without payload: right before a FIN it marks a reset. */
  handleMark(): void {
    this.#markSeen = true;
  }

  /** @internal The peer's FIN. */
  handleFin(): void {
    // Whoever resets takes nothing any more and opens no window: what waits would wait for ever.
    if (this.#markSeen) this.#fail(new SmuxError('KCPTUN_ERR_SMUX_RESET', 'the other end was reset'));
    if (this.#finSeen) return;
    this.#finSeen = true;
    this.#complete = !this.#markSeen;
    this.#hub.budget.finish(this.receiveWindow);
    this.#hub.notifyReadable(this);
    this.#settle();
  }

  /** @internal The peer's UPD. */
  handleUpdate(consumed: number, window: number): void {
    if (this.sendWindow.update(consumed, window)) this.#hub.writer.schedule(this);
    // Upstream fails the writer only; the session goes on (PROTOCOL smux §5).
    else this.#fail(new SmuxError('KCPTUN_ERR_SMUX_CONSUMED', 'peer consumed more than sent'));
  }

  /** @internal Time has passed: notes whether the stream is closed and waits for a window. */
  handleTimeout(now: number): void {
    const left = this.queue.length;
    if (this.abandoned && this.windowClosed && left === this.#stuckLength) return;
    this.#stuckSince = now;
    this.#stuckLength = left;
  }

  /** @internal Since when a closed stream has waited for a window, in ms; `undefined`: it does not, or not for long. */
  stuckSince(now: number): number | undefined {
    const stuck = this.abandoned && this.windowClosed && now - this.#stuckSince >= CLOSED_STREAM_TIMEOUT;
    return stuck ? this.#stuckSince : undefined;
  }

  /** @internal Gives up what a closed stream still has, without a FIN: that would say that this was all. */
  drop(): void {
    this.queue.clear();
    this.#finSent = true;
    this.#settle();
  }

  /** @internal Hands the stream to its owner. */
  handleAccepted(): void {
    this.accepted = true;
    if (this.#received.length > 0 || this.#finSeen) this.#hub.notifyReadable(this);
  }

  /** @internal The session has ended: nothing can be sent; what was received can still be taken. */
  handleSessionEnd(error: SmuxError): void {
    this.queue.clear();
    if (!this.accepted) this.close();
    this.#error ??= error;
    this.#hub.notifyReadable(this);
  }

  /** Nothing can be sent any more. The owner learns why, and the peer if it has not got all. */
  #fail(error: SmuxError): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    if (!this.#endCalled || this.queue.length > 0) this.#cut = true;
    this.queue.clear();
    this.#endCalled = true;
    this.#hub.writer.schedule(this);
    this.#hub.notifyReadable(this);
  }

  #settle(): void {
    const ended = this.#finSeen && this.#received.length === 0;
    if (this.#removed || !this.#finSent || !(this.abandoned || ended)) return;
    this.#removed = true;
    // A later stream may have the same id if the peer reuses it: only this one is taken out.
    if (this.#hub.streams.get(this.sid) === this) this.#hub.streams.delete(this.sid);
  }
}
