// Joins one byte connection with one smux stream, both directions independent (PROTOCOL tunnel §8): the end of one direction is passed on behind
// its data, the other goes on until its own end. Back-pressure is passed on too: a connection is paused while its stream's queue is full, and a
// stream's tokens and window are given back only when the system has taken the bytes.

import type { Chunk } from '@kcptun/common';
import { type QppPads, QppStream } from '@kcptun/crypt';
import type { SmuxStream } from '@kcptun/smux';
import type { ByteConnection, ByteEvents } from '@kcptun/transport';
import { TunnelError } from './errors.ts';
import { KeptBytes } from './kept-bytes.ts';
import type { Link } from './link.ts';

/** Bytes handed to the connection that the system has not taken yet; beyond, the stream is left unread. */
const MAX_UNTAKEN = 256 * 1024;

/**
 * A peer that has sent FIN and then takes nothing for so long, in ms, has closed for good: on the wire that looks like a half close, and the
 * window of a closed stream never opens again (PROTOCOL smux §7).
 */
const CLOSED_PEER_TIMEOUT = 60_000;

/** A stream and a connection that carry each other's bytes. */
export class Pipe implements ByteEvents {
  readonly link: Link;
  readonly stream: SmuxStream;
  readonly #connection: ByteConnection;
  readonly #onDone: (pipe: Pipe, error: Error | undefined) => void;
  readonly #encrypt: QppStream | undefined;
  readonly #decrypt: QppStream | undefined;
  readonly #kept: KeptBytes = new KeptBytes();
  #paused = false;
  #untaken = 0;
  #ended = false;
  #stuckSince = Number.POSITIVE_INFINITY;
  #stuckLength = 0;
  #done = false;

  /**
   * Starts moving bytes at once.
   * @param qpp - permutes the bytes of the stream; each direction has a state of its own
   * @param onDone - called once, when both are closed; with an error when that was not orderly
   */
  constructor(
    link: Link,
    stream: SmuxStream,
    connection: ByteConnection,
    qpp: QppPads | undefined,
    onDone: (pipe: Pipe, error: Error | undefined) => void,
  ) {
    this.#encrypt = qpp === undefined ? undefined : new QppStream(qpp);
    this.#decrypt = qpp === undefined ? undefined : new QppStream(qpp);
    this.link = link;
    this.stream = stream;
    this.#connection = connection;
    this.#onDone = onDone;
    stream.owner = this;
    connection.events = this;
    connection.resume();
    this.onStreamReadable();
  }

  /** Ends both sides at once. */
  destroy(error: Error | undefined): void {
    if (this.#done) return;
    this.#done = true;
    this.stream.close();
    this.stream.owner = undefined;
    this.#connection.destroy(error !== undefined);
    this.#onDone(this, error);
  }

  /** Ends the pipe when its peer has closed and will not take what still waits; `now` in ms. */
  sweep(now: number): void {
    const waiting = this.stream.bufferedAmount;
    if (!this.#ended || waiting === 0 || waiting !== this.#stuckLength) {
      this.#stuckSince = now;
      this.#stuckLength = waiting;
    } else if (now - this.#stuckSince >= CLOSED_PEER_TIMEOUT) {
      this.destroy(new TunnelError('KCPTUN_ERR_TUNNEL_PEER_CLOSED', 'the peer has closed and takes no more'));
    }
  }

  onData(bytes: Uint8Array): void {
    if (this.#done) return;
    const { stream } = this;
    // The bytes are ours while this runs (ByteEvents.onData): they are permuted where they are.
    this.#encrypt?.encrypt(bytes, 0, bytes.length);
    stream.write(bytes);
    this.link.kick();
    this.#kept.keep(stream);
    if (!stream.congested || this.#paused) return;
    this.#paused = true;
    this.#connection.pause();
  }

  onEnd(): void {
    if (this.#done) return;
    this.stream.end();
    this.link.kick();
  }

  onClose(error: Error | undefined): void {
    if (this.#done) return;
    this.#done = true;
    this.stream.close();
    this.stream.owner = undefined;
    this.link.kick();
    this.#onDone(this, error);
  }

  /** The stream has bytes, its end or an error. */
  onStreamReadable(): void {
    const { stream } = this;
    if (this.#done) return;
    while (this.#untaken < MAX_UNTAKEN) {
      const chunk = stream.take();
      if (chunk === undefined) break;
      this.#decrypt?.decrypt(chunk.bytes, chunk.start, chunk.end - chunk.start);
      this.#untaken += chunk.end - chunk.start;
      this.#connection.write(chunk.bytes.subarray(chunk.start, chunk.end), () => this.#taken(chunk));
    }
    if (stream.readableLength > 0) return;
    if (stream.error !== undefined) {
      this.destroy(stream.error);
    } else if (stream.finReceived && !this.#ended) {
      this.#ended = true;
      this.#connection.end();
    }
  }

  /** The stream's queue has room again. */
  onStreamWritable(): void {
    if (this.#done) return;
    this.#kept.release(this.stream.bufferedAmount);
    if (!this.#paused) return;
    this.#paused = false;
    this.#connection.resume();
  }

  #taken(chunk: Chunk): void {
    const length = chunk.end - chunk.start;
    this.link.pool.release(chunk);
    this.#untaken -= length;
    this.stream.consumed(length);
    this.onStreamReadable();
    this.link.kickLater();
  }
}
