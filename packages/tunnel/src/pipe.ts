// Joins one byte connection with one smux stream, both directions independent (PROTOCOL tunnel §8): the end of one direction is passed on behind
// its data, the other goes on until its own end. Back-pressure is passed on too: a connection is paused while its stream's queue is full, and a
// stream's tokens and window are given back only when the system has taken the bytes. What ends out of order is passed on as a reset.

import type { Chunk } from '@kcptun/common';
import { type QppPads, QppStream } from '@kcptun/crypt';
import type { SmuxStream } from '@kcptun/smux';
import type { ByteConnection, ByteEvents, Host, HostTimer } from '@kcptun/transport';
import { TunnelError } from './errors.ts';
import { KeptBytes } from './kept-bytes.ts';
import type { Link } from './link.ts';
import type { ReadAccount, Reader } from './read-line.ts';

/** Bytes handed to the connection that the system has not taken yet; beyond, the stream is left unread. */
export const MAX_UNTAKEN: number = 256 * 1024;
/** Bytes of a stream that may wait while it has no session. */
export const MAX_DETACHED: number = 256 * 1024;

/** Who brings so many bytes at once brings more in the same turn of the event loop, most likely. */
const LARGE_READ = 32 * 1024;
/** The longest timer there is, in ms. */
const LONGEST_TIMER = 0x7fff_ffff;

/** What the pipes of a tunnel have in common. */
export interface PipeOptions {
  readonly host: Host;
  /** Permutes the bytes of streams; each direction of each has a state of its own. */
  readonly qpp: QppPads | undefined;
  /** How long the end of a direction waits before it is passed on, in ms. */
  readonly closeWait: number;
  /** What the stream still has for the connection can only be taken now: the session or the stream has ended. */
  onStranded(pipe: Pipe): void;
  /** Called once, when both sides are closed; with an error when that was not orderly. */
  onDone(pipe: Pipe, error: Error | undefined): void;
}

/** A stream and a connection that carry each other's bytes. */
export class Pipe implements ByteEvents, Reader {
  link: Link;
  stream: SmuxStream;
  readonly connection: ByteConnection;
  /** Text for logs: where the bytes come from and where they go. */
  label = '';
  /** Bytes that the connection has sent into the stream. */
  sent = 0;
  /** Bytes that were handed to the connection. */
  received = 0;
  /** @internal */ counted = 0;
  /** @internal */ stalled = false;
  /** @internal */ called = false;
  /** @internal */ inLine = false;
  readonly #options: PipeOptions;
  readonly #encrypt: QppStream | undefined;
  readonly #decrypt: QppStream | undefined;
  #kept: KeptBytes = new KeptBytes();
  #paused = false;
  #untaken = 0;
  /** The connection has sent its last byte. */
  #inputOver = false;
  /** The stream has given its last byte. */
  #outputOver = false;
  #inputWait: HostTimer | undefined;
  /** The connection is closed in order, its end waits to be passed on. */
  #closedEarly = false;
  #outputWait: HostTimer | undefined;
  /** What waits for another stream, as it will leave; `undefined` while there is one. */
  #detached: Uint8Array[] | undefined;
  #detachedLength = 0;
  #done = false;

  constructor(link: Link, stream: SmuxStream, connection: ByteConnection, options: PipeOptions) {
    const { qpp } = options;
    this.#encrypt = qpp === undefined ? undefined : new QppStream(qpp);
    this.#decrypt = qpp === undefined ? undefined : new QppStream(qpp);
    this.link = link;
    this.stream = stream;
    this.connection = connection;
    this.#options = options;
    this.#take(link, stream);
  }

  /** Starts moving bytes. */
  start(): void {
    this.connection.events = this;
    this.connection.resume();
    this.onStreamReadable();
  }

  /** Whether both sides are closed. */
  get done(): boolean {
    return this.#done;
  }

  /** Ends both sides at once. */
  destroy(error: Error | undefined): void {
    if (this.#done) return;
    if (error === undefined) this.stream.close();
    else this.stream.reset();
    this.connection.destroy(error !== undefined);
    this.#finish(error);
  }

  /** Bytes that wait for a reader who may never come: at a peer that has sent its FIN, or behind the end of the stream. */
  get stalledBytes(): number {
    const { stream } = this;
    if (this.#done) return 0;
    if (stream.error !== undefined) return stream.readableLength + this.#untaken;
    // A path on which a frame takes minutes is slow, not closed: only the window tells.
    return this.#outputOver && stream.windowClosed ? stream.bufferedAmount : 0;
  }

  /**
   * Whether the stream can begin anew elsewhere: nothing of it has left its link, so nobody can have
   * acted on it. Whatever has left may have arrived, whether or not anything was heard since.
   */
  get movable(): boolean {
    return !this.#done && this.#detached === undefined && !this.stream.begun;
  }

  /** Takes a pipe that is movable off its link, which may end then; the connection waits for {@link Pipe.move}. */
  detach(): void {
    const { stream } = this;
    stream.owner = undefined;
    this.#kept.keep(stream);
    this.#detached = stream.withdraw();
    this.#detachedLength = this.#detached.reduce((sum, { length }) => sum + length, 0);
    this.#pause();
    this.link.reads.leave(this);
  }

  /** Begins anew with a stream of another link. */
  move(link: Link, stream: SmuxStream): void {
    const waiting = this.#detached ?? [];
    this.#detached = undefined;
    this.#take(link, stream);
    this.#kept = new KeptBytes();
    for (const bytes of waiting) stream.write(bytes);
    if (this.#inputOver && this.#inputWait === undefined) stream.end();
    else if (!stream.congested) this.#resume();
    this.#count();
    link.kick();
    if (this.#closedEarly && this.#inputWait === undefined) this.onClose(undefined);
  }

  onData(bytes: Uint8Array): void {
    if (this.#done) return;
    const { stream } = this;
    // The bytes are ours while this runs (ByteEvents.onData): they are permuted where they are.
    this.#encrypt?.encrypt(bytes, 0, bytes.length);
    this.sent += bytes.length;
    if (this.#detached !== undefined) {
      this.#wait(this.#detached, bytes);
      return;
    }
    stream.write(bytes);
    this.link.kick(bytes.length >= LARGE_READ);
    // The link may just have learned that its peer is gone, and the pipe have left it.
    if (this.#detached !== undefined || this.stream !== stream) return;
    this.#kept.keep(stream);
    if (this.#done) return;
    const { reads } = this.link;
    reads.handleRead(this);
    this.#count();
    if (!stream.congested && !reads.holds(Math.max(bytes.length, stream.bufferedAmount))) return;
    this.#pause();
    if (stream.bufferedAmount === 0) reads.queue(this);
  }

  onEnd(): void {
    if (this.#done) return;
    this.#inputOver = true;
    this.#inputWait = this.#afterCloseWait(() => {
      this.#inputWait = undefined;
      if (this.#detached !== undefined) return;
      this.stream.end();
      if (this.#closedEarly) this.onClose(undefined);
      this.link.kickLater();
    });
  }

  onClose(error: Error | undefined): void {
    if (this.#done) return;
    const waits = this.#inputWait !== undefined || (this.#detached !== undefined && this.#inputOver);
    if (error === undefined && waits) {
      this.#closedEarly = true;
      return;
    }
    const { stream } = this;
    if (this.#inputOver) stream.end();
    // Without an error the connection may still have been closed before it took everything. What it had sent up to an orderly end is still sent.
    const orderly = this.#inputOver && (stream.bufferedAmount > 0 || (error === undefined && this.#outputOver));
    if (orderly) stream.close();
    else stream.reset();
    this.link.kickLater();
    this.#finish(error);
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
      this.received += chunk.end - chunk.start;
      this.connection.write(chunk.bytes.subarray(chunk.start, chunk.end), () => this.#taken(stream, chunk));
    }
    if (stream.error !== undefined && this.stalledBytes > 0) this.#options.onStranded(this);
    if (stream.readableLength > 0) return;
    if (stream.error !== undefined) {
      // A reset takes back what the system has not sent: what the peer sent before its own goes first.
      if (this.#untaken === 0 || stream.error.code !== 'KCPTUN_ERR_SMUX_RESET') this.destroy(stream.error);
    } else if (stream.finReceived && !this.#outputOver) {
      this.#outputOver = true;
      this.#outputWait = this.#afterCloseWait(() => this.connection.end());
    }
  }

  /** The stream's queue has room again, or what is in it has to wait for the peer's reader. */
  onStreamWritable(): void {
    if (this.#done) return;
    const { stream } = this;
    const { reads } = this.link;
    this.#kept.release(stream.bufferedAmount);
    this.#count();
    if (!this.#paused || stream.congested) return;
    if (stream.bufferedAmount === 0 && reads.crowded) reads.queue(this);
    else if (!reads.holds(stream.bufferedAmount)) this.#resume();
  }

  /** @internal */
  get account(): ReadAccount {
    return this.link.account;
  }

  /** @internal */
  read(): boolean {
    if (!this.#paused || this.#done || this.#detached !== undefined || this.stream.congested) return false;
    this.#resume();
    return true;
  }

  /** Tells the line what waits. */
  #count(): void {
    const { stream } = this;
    this.link.reads.count(this, stream.bufferedAmount, stream.windowClosed);
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.connection.pause();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.connection.resume();
  }

  #take(link: Link, stream: SmuxStream): void {
    this.link = link;
    this.stream = stream;
    stream.owner = this;
  }

  /** The connection is paused, but what was on its way from it still comes. */
  #wait(detached: Uint8Array[], bytes: Uint8Array): void {
    this.#detachedLength += bytes.length;
    if (this.#detachedLength <= MAX_DETACHED) detached.push(bytes.slice());
    else this.destroy(new TunnelError('KCPTUN_ERR_TUNNEL_PEER_GONE', 'the server does not answer, and too much waits'));
  }

  #afterCloseWait(passOn: () => void): HostTimer | undefined {
    const { host, closeWait } = this.#options;
    if (closeWait > 0) return host.setTimer(Math.min(LONGEST_TIMER, closeWait), passOn);
    passOn();
    return undefined;
  }

  #taken(stream: SmuxStream, chunk: Chunk): void {
    const length = chunk.end - chunk.start;
    this.link.pool.release(chunk);
    this.#untaken -= length;
    stream.consumed(length);
    this.onStreamReadable();
    this.link.kickLater();
  }

  #finish(error: Error | undefined): void {
    this.#done = true;
    // In line it is passed over: to look for it there would take long where a thousand end at one time.
    this.link.reads.handleRead(this);
    this.link.reads.count(this, 0, false);
    this.#detached = undefined;
    this.#inputWait?.cancel();
    this.#outputWait?.cancel();
    this.stream.owner = undefined;
    this.#options.onDone(this, error);
  }
}
