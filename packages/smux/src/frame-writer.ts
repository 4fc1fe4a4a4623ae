// What a session has to send, and in which order (PROTOCOL smux §4): control frames first (NOP, SYN, UPD, and the FIN that
// refuses a stream), then PSH and FIN of the streams that can send, in the order of `SendOrder`. Nothing is queued twice: a frame
// comes into being when the connection has room for it, from bytes that the stream's owner has lent.

import { type ByteSink, Ring, writeU32 } from '@kcptun/common';
import type { SmuxConfig } from './config.ts';
import { CMD_FIN, CMD_NOP, CMD_PSH, CMD_SYN, CMD_UPD, HEADER_LENGTH, UPD_LENGTH, writeHeader } from './frame.ts';
import { MAX_REFUSALS } from './limits.ts';
import type { ReceiveBudget } from './receive-budget.ts';
import { SendOrder } from './send-order.ts';
import type { SmuxStats } from './stats.ts';
import type { SmuxStream } from './stream.ts';

/** Where a session writes its frames. */
export interface FrameSink extends ByteSink {
  /**
   * Takes a copy of one whole frame; for a compressor that makes one block of each. Without it a frame comes as several `write` calls.
   * @param header - its first `headerLength` bytes are the header (8), or header and payload of UPD (16)
   * @param payload - holds the rest of the frame, `length` bytes from `offset`; `length` is 0 but for PSH
   */
  frame?(header: Uint8Array, headerLength: number, payload: Uint8Array, offset: number, length: number): void;
}

/** The sending side of a session. */
export class FrameWriter {
  readonly #version: number;
  readonly #maxFrameSize: number;
  readonly #budget: ReceiveBudget;
  readonly #stats: SmuxStats;
  readonly #scratch: Uint8Array = new Uint8Array(HEADER_LENGTH + UPD_LENGTH);
  readonly #control: Ring<SmuxStream> = new Ring();
  readonly #refusals: Ring<number> = new Ring();
  readonly #order: SendOrder;
  #nop = false;

  constructor(config: SmuxConfig, budget: ReceiveBudget, stats: SmuxStats) {
    this.#version = config.version;
    this.#maxFrameSize = config.maxFrameSize;
    this.#budget = budget;
    this.#stats = stats;
    this.#order = new SendOrder(config.maxFrameSize);
  }

  /** Whether `writeNext` has (or may have) something to write. */
  get hasOutput(): boolean {
    return this.#nop || this.#control.length > 0 || this.#refusals.length > 0 || this.#order.waiting;
  }

  /** Has a NOP sent; one that still waits is enough. */
  sendNop(): void {
    this.#nop = true;
  }

  /** Has a stream's SYN sent. */
  sendSyn(stream: SmuxStream): void {
    stream.synPending = true;
    this.#control.push(stream);
  }

  /** Has a stream's UPD sent, with the values of the moment when it is written. */
  sendUpdate(stream: SmuxStream): void {
    if (stream.updatePending) return;
    stream.updatePending = true;
    this.#control.push(stream);
  }

  /** Answers a SYN with FIN, unless too many answers wait already. */
  refuse(sid: number): void {
    if (this.#refusals.length < MAX_REFUSALS) this.#refusals.push(sid);
  }

  /** Gives a stream its place among those that send, if it has something to send that its window allows. */
  schedule(stream: SmuxStream): void {
    this.#order.add(stream);
  }

  /** Drops everything. */
  clear(): void {
    this.#nop = false;
    this.#control.clear();
    this.#refusals.clear();
    this.#order.clear();
  }

  /** Writes one frame; false when there is nothing to write. */
  writeNext(sink: FrameSink): boolean {
    return this.#writeControl(sink) || this.#writeData(sink);
  }

  #writeControl(sink: FrameSink): boolean {
    if (this.#nop) {
      this.#nop = false;
      this.#writeHeader(sink, CMD_NOP, 0);
      return true;
    }
    for (let stream = this.#control.shift(); stream !== undefined; stream = this.#control.shift()) {
      if (stream.synPending) {
        stream.synPending = false;
        this.#writeHeader(sink, CMD_SYN, stream.sid);
        return true;
      }
      stream.updatePending = false;
      if (!stream.receiveWindow.open) continue;
      this.#writeUpdate(sink, stream);
      return true;
    }
    const sid = this.#refusals.shift();
    if (sid === undefined) return false;
    this.#writeHeader(sink, CMD_FIN, sid);
    return true;
  }

  #writeData(sink: FrameSink): boolean {
    const stream = this.#order.next();
    if (stream === undefined) return false;
    if (stream.queue.length === 0) {
      if (stream.cut) this.#writeHeader(sink, CMD_PSH, stream.sid);
      this.#writeHeader(sink, CMD_FIN, stream.sid);
      stream.handleFinSent();
      this.#order.sent(stream, 0);
    } else {
      this.#order.sent(stream, this.#writePsh(sink, stream));
    }
    return true;
  }

  /** Returns the length of the payload. */
  #writePsh(sink: FrameSink, stream: SmuxStream): number {
    const queue = stream.queue;
    const whole = sink.frame !== undefined;
    const length = Math.min(this.#maxFrameSize, stream.sendWindow.available, whole ? queue.firstLength : queue.length);
    const scratch = this.#scratch;
    writeHeader(scratch, this.#version, CMD_PSH, length, stream.sid);
    this.#stats.framesSent += 1;
    this.#stats.bytesSent += length;
    stream.sendWindow.sent(length);
    if (sink.frame !== undefined) {
      sink.frame(scratch, HEADER_LENGTH, queue.firstBytes, queue.firstOffset, length);
      queue.advance(length);
    } else {
      sink.write(scratch, 0, HEADER_LENGTH);
      queue.writeTo(sink, length);
    }
    stream.handleSent();
    return length;
  }

  #writeUpdate(sink: FrameSink, stream: SmuxStream): void {
    const window = stream.receiveWindow;
    this.#budget.announce(window);
    writeHeader(this.#scratch, this.#version, CMD_UPD, UPD_LENGTH, stream.sid);
    writeU32(this.#scratch, HEADER_LENGTH, window.numRead);
    writeU32(this.#scratch, HEADER_LENGTH + 4, window.window);
    this.#writeScratch(sink, HEADER_LENGTH + UPD_LENGTH);
  }

  #writeHeader(sink: FrameSink, cmd: number, sid: number): void {
    writeHeader(this.#scratch, this.#version, cmd, 0, sid);
    this.#writeScratch(sink, HEADER_LENGTH);
  }

  #writeScratch(sink: FrameSink, length: number): void {
    this.#stats.framesSent += 1;
    if (sink.frame !== undefined) sink.frame(this.#scratch, length, this.#scratch, length, 0);
    else sink.write(this.#scratch, 0, length);
  }
}
