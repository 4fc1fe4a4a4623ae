// One KCP session as a Node Duplex: a face on top of the data path for applications that want a stream. KCP has no FIN: `end()` waits until
// everything is acknowledged and then closes the session at this end; what had come by then can still be read. The peer is not told and ends by
// its idle timeout. Half-close exists on smux streams only.

import { channel } from 'node:diagnostics_channel';
import { Duplex } from 'node:stream';
import { type Session, SessionError, type SessionStats } from '@kcptun/session';
import { TransportError } from './errors.ts';
import type { SocketAddress } from './host.ts';
import type { Scheduler, Task } from './scheduler.ts';
import type { SessionOwner, UdpEndpoint } from './udp-endpoint.ts';

/** A connection that hears nothing for this long ends with KCPTUN_ERR_SESSION_IDLE, in ms. */
export const DEFAULT_IDLE_TIMEOUT = 60_000;
/** A connection whose data stays unacknowledged for this long ends with KCPTUN_ERR_SESSION_DEAD_PEER, in ms. */
export const DEFAULT_DEAD_PEER_TIMEOUT = 30_000;

const opened = channel('kcptun:session:open');
const closed = channel('kcptun:session:close');

/** Options of a connection. */
export interface KcpConnectionOptions {
  /** Ends the connection when nothing arrives for this long, in ms; 0: never. Default 60000. */
  readonly idleTimeout?: number;
  /** Ends the connection when the peer answers nothing for this long while data waits for acknowledgement, in ms; 0: never. Default 30000. */
  readonly deadPeerTimeout?: number;
  /** Destroys the connection when aborted. */
  readonly signal?: AbortSignal;
}

/** A KCP session as a Duplex. Made by `dialKcp` and `listenKcp`. */
export class KcpConnection extends Duplex implements SessionOwner, Task {
  /** @internal */ deadline = 0;
  /** @internal */ deadlineIndex = -1;
  readonly #udp: UdpEndpoint;
  readonly #session: Session;
  readonly #scheduler: Scheduler;
  readonly #now: () => number;
  readonly #idleTimeout: number;
  readonly #deadPeerTimeout: number;
  readonly #onGone: () => void;
  #pending: { bytes: Uint8Array; done: number; callback: (error?: Error | null) => void } | undefined;
  #finish: ((error?: Error | null) => void) | undefined;
  #reading = false;
  #ended = false;
  #waitingSince = 0;

  /** @internal */
  constructor(
    udp: UdpEndpoint,
    session: Session | undefined,
    scheduler: Scheduler,
    now: () => number,
    options: KcpConnectionOptions,
    onGone: () => void,
  ) {
    super({ allowHalfOpen: true, ...(options.signal === undefined ? {} : { signal: options.signal }) });
    this.#udp = udp;
    this.#scheduler = scheduler;
    this.#now = now;
    this.#idleTimeout = options.idleTimeout ?? DEFAULT_IDLE_TIMEOUT;
    this.#deadPeerTimeout = options.deadPeerTimeout ?? DEFAULT_DEAD_PEER_TIMEOUT;
    this.#onGone = onGone;
    this.#session = session ?? udp.openSession(this);
    udp.attach(this.#session, this);
    this.#waitingSince = now();
    opened.publish({ session: this.#session, remote: this.remote });
    this.#arm(Number.POSITIVE_INFINITY);
  }

  /** Conversation id. */
  get conv(): number {
    return this.#session.conv;
  }

  /** The peer's address. */
  get remote(): SocketAddress | undefined {
    return this.#udp.socket.remote(this.#session.path);
  }

  /** Round-trip time, retransmissions and other figures of the moment. */
  stats(): SessionStats {
    return this.#session.stats();
  }

  onReadable(): void {
    this.#session.establish();
    this.#push(false);
  }

  onWritable(): void {
    this.#writeOn();
    if (this.#finish === undefined || !this.#session.drained) return;
    const finish = this.#finish;
    this.#finish = undefined;
    this.#ended = true;
    this.#push(true);
    finish();
    this.push(null);
    this.#session.close();
    this.#udp.flush();
    // Else the stream lives until its reader has come to the end.
    if (this.readableLength === 0 && !this.#reading) this.destroy();
  }

  onClosed(error: SessionError | undefined): void {
    this.#scheduler.set(this, undefined);
    closed.publish({ session: this.#session, error });
    this.#onGone();
    // After `end()` only the reader decides how long the stream lives.
    if (!this.destroyed && !this.#ended) this.destroy(error);
  }

  /** @internal */
  onDue(now: number): void {
    if (this.destroyed) return;
    const session = this.#session;
    if (session.drained) this.#waitingSince = now;
    const heard = Math.max(session.lastReceived, this.#waitingSince);
    if (this.#deadPeerTimeout > 0 && !session.drained && now - heard >= this.#deadPeerTimeout) {
      this.#fail('KCPTUN_ERR_SESSION_DEAD_PEER', `the peer acknowledged nothing for ${this.#deadPeerTimeout} ms`);
    } else if (this.#idleTimeout > 0 && now - session.lastReceived >= this.#idleTimeout) {
      this.#fail('KCPTUN_ERR_SESSION_IDLE', `the peer sent nothing for ${this.#idleTimeout} ms`);
    } else {
      this.#arm(Number.POSITIVE_INFINITY);
    }
  }

  /** @internal */
  override _read(): void {
    this.#reading = true;
    this.#push(false);
    this.#udp.flush();
  }

  /** @internal */
  override _write(chunk: Uint8Array, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (this.#session.drained) this.#waitingSince = this.#now();
    this.#pending = { bytes: chunk, done: 0, callback };
    this.#writeOn();
    this.#udp.flush();
    // Only ever earlier: an application that keeps writing must not put the timeouts off.
    this.#arm(this.deadlineIndex < 0 ? Number.POSITIVE_INFINITY : this.deadline);
  }

  /** @internal */
  override _final(callback: (error?: Error | null) => void): void {
    this.#finish = callback;
    this.#session.awaitDrained();
    this.onWritable();
  }

  /** @internal */
  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#scheduler.set(this, undefined);
    const waiting = this.#pending?.callback ?? this.#finish;
    this.#finish = undefined;
    this.#pending = undefined;
    waiting?.(error ?? new TransportError('KCPTUN_ERR_TRANSPORT_CLOSED', 'the connection was destroyed before everything was written'));
    if (!this.#session.closed) {
      this.#session.close();
      this.#udp.flush();
    }
    callback(error);
  }

  /** Hands on what the reader asks for, or all there is. */
  #push(all: boolean): void {
    const session = this.#session;
    while ((this.#reading || all) && session.peek()) {
      const length = session.readLength;
      const copy = session.readBytes.slice(session.readOffset, session.readOffset + length);
      session.consume(length);
      if (!this.push(copy)) this.#reading = false;
    }
  }

  #writeOn(): void {
    const pending = this.#pending;
    if (pending === undefined) return;
    while (pending.done < pending.bytes.length) {
      const room = this.#session.room();
      if (room === 0) return;
      const part = Math.min(room, pending.bytes.length - pending.done);
      this.#session.write(pending.bytes, pending.done, part);
      pending.done += part;
    }
    this.#pending = undefined;
    pending.callback();
  }

  #fail(code: 'KCPTUN_ERR_SESSION_DEAD_PEER' | 'KCPTUN_ERR_SESSION_IDLE', message: string): void {
    this.#session.close(new SessionError(code, message));
    this.#udp.flush();
  }

  /** Looks at the clock four times per timeout, at `latest` if that is earlier. */
  #arm(latest: number): void {
    if (this.destroyed) return;
    const now = this.#now();
    let next = latest;
    if (this.#deadPeerTimeout > 0 && !this.#session.drained) next = Math.min(next, now + this.#deadPeerTimeout / 4);
    if (this.#idleTimeout > 0) next = Math.min(next, now + this.#idleTimeout / 4);
    this.#scheduler.set(this, next === Number.POSITIVE_INFINITY ? undefined : next);
  }
}
