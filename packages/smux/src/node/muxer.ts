// Runs a SmuxSession over any Duplex: bytes, clock and timer come from Node here, and streams go out as Duplex.
// The muxer owns the connection: when the session ends the connection is closed, and the other way round.

import { EventEmitter } from 'node:events';
import { performance } from 'node:perf_hooks';
import type { Duplex } from 'node:stream';
import { ChunkPool } from '@kcptun/common';
import { parseSmuxConfig, type SmuxConfig, SmuxError, SmuxSession, type SmuxStats, type SmuxStream } from '../index.ts';
import { SmuxDuplex } from './smux-duplex.ts';

/** Options of {@link muxOver}: those of the session, and which end this is. */
export interface MuxOptions extends Partial<SmuxConfig> {
  /** Which end this is; one of both must be the client. */
  readonly client: boolean;
  /** Memory for received bytes; by default one of its own. */
  readonly pool?: ChunkPool;
}

/** Events of {@link SmuxMuxer}. */
export interface SmuxMuxerEvents {
  /** The peer has opened a stream. Without a listener it is refused. */
  stream: [SmuxDuplex];
  /** The session has ended, with the reason unless `close` was called. */
  close: [SmuxError | undefined];
}

/** Bytes that are gathered for one write to the connection. */
const GATHER = 65_536;

/** One end of a session over a connection. */
export class SmuxMuxer extends EventEmitter<SmuxMuxerEvents> {
  readonly #connection: Duplex;
  readonly #pool: ChunkPool;
  readonly #session: SmuxSession;
  #staging: Uint8Array = new Uint8Array(GATHER);
  #staged = 0;
  #input: Uint8Array | undefined = undefined;
  #scheduled = false;
  #turning = false;
  #finished = false;
  #timer: NodeJS.Timeout | undefined = undefined;

  /**
   * @param connection - any reliable Duplex of bytes; the muxer reads, writes and at last closes it
   * @param options - see {@link MuxOptions}
   * @throws {SmuxError} `KCPTUN_ERR_SMUX_CONFIG`
   */
  constructor(connection: Duplex, options: MuxOptions) {
    super();
    const { client, pool = new ChunkPool(), ...settings } = options;
    this.#connection = connection;
    this.#pool = pool;
    this.#session = new SmuxSession({ client, config: parseSmuxConfig(settings), pool, now: performance.now() });
    connection.on('data', (bytes: Uint8Array) => this.#handleData(bytes));
    connection.on('drain', () => this.#turn());
    connection.on('error', (cause) => this.#lost('connection failed', cause));
    connection.on('end', () => this.#lost('connection ended'));
    connection.on('close', () => this.#lost('connection closed'));
    this.#arm();
  }

  /** Number of open streams. */
  get streamCount(): number {
    return this.#session.streamCount;
  }

  /** Whether the session has ended. */
  get closed(): boolean {
    return this.#session.closed;
  }

  /** Counters of the session; a live object. */
  get stats(): Readonly<SmuxStats> {
    return this.#session.stats;
  }

  /**
   * Opens a stream.
   * @throws {SmuxError} see `SmuxSession.openStream`
   */
  openStream(): SmuxDuplex {
    return this.#wrap(this.#session.openStream(performance.now()));
  }

  /** Ends the session and the connection; what streams have not sent is dropped. Resolves when the connection is closed. Idempotent. */
  async close(): Promise<void> {
    this.#session.close();
    this.#turn();
    if (this.#connection.closed) return;
    await new Promise<void>((resolve) => {
      this.#connection.once('close', resolve);
      this.#connection.end(() => this.#connection.destroy());
    });
  }

  #handleData(bytes: Uint8Array): void {
    if (this.#input !== undefined) {
      this.#input = Buffer.concat([this.#input, bytes]);
      return;
    }
    const taken = this.#session.handleData(bytes, 0, bytes.length, performance.now());
    if (taken < bytes.length) {
      this.#input = bytes.subarray(taken);
      this.#connection.pause();
    }
    this.#turn();
  }

  /** Offers what was left over again. */
  #resume(): void {
    const bytes = this.#input;
    if (bytes === undefined || !this.#session.wantsInput) return;
    this.#input = undefined;
    this.#handleData(bytes);
    if (this.#input === undefined) this.#connection.resume();
  }

  #lost(what: string, cause?: unknown): void {
    this.#session.close(new SmuxError('KCPTUN_ERR_SMUX_CONNECTION', what, { cause }));
    this.#turn();
  }

  /** Has a turn come soon, so that the writes of many streams go out together. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(() => {
      this.#scheduled = false;
      this.#turn();
    });
  }

  /** Hands out all news and writes what can be written. */
  #turn(): void {
    // A connection in memory may answer while it is written to; its answer gets the next turn.
    if (this.#turning) {
      this.#schedule();
      return;
    }
    this.#turning = true;
    try {
      this.#handOut();
      this.#resume();
    } finally {
      this.#turning = false;
    }
    if (this.#session.closed) this.#finish();
    else if (this.#session.hasOutput && !this.#connection.writableNeedDrain) this.#schedule();
  }

  #handOut(): void {
    const session = this.#session;
    for (let stream = session.pollAccept(); stream !== undefined; stream = session.pollAccept()) {
      const duplex = this.#wrap(stream);
      if (!this.emit('stream', duplex)) duplex.destroy();
    }
    for (let stream = session.pollReadable(); stream !== undefined; stream = session.pollReadable()) {
      (stream.owner as SmuxDuplex).handleReadable();
    }
    this.#transmit();
    for (let stream = session.pollWritable(); stream !== undefined; stream = session.pollWritable()) {
      (stream.owner as SmuxDuplex).handleWritable();
    }
  }

  #transmit(): void {
    while (this.#session.hasOutput && !this.#connection.writableNeedDrain && !this.#connection.destroyed) {
      this.#session.pollTransmit({
        room: () => GATHER - this.#staged,
        write: (bytes, offset, length) => this.#stage(bytes, offset, length),
      });
      if (this.#staged === 0) return;
      const bytes = Buffer.from(this.#staging.subarray(0, this.#staged));
      this.#staged = 0;
      this.#connection.write(bytes);
    }
  }

  #stage(bytes: Uint8Array, offset: number, length: number): void {
    const end = this.#staged + length;
    if (end > this.#staging.length) {
      // The last frame may exceed the room.
      const larger = new Uint8Array(end + GATHER);
      larger.set(this.#staging.subarray(0, this.#staged));
      this.#staging = larger;
    }
    this.#staging.set(bytes.subarray(offset, offset + length), this.#staged);
    this.#staged = end;
  }

  #wrap(stream: SmuxStream): SmuxDuplex {
    const duplex = new SmuxDuplex(stream, this.#pool, () => this.#schedule());
    stream.owner = duplex;
    this.#schedule();
    return duplex;
  }

  #arm(): void {
    const next = this.#session.nextTimeout();
    if (next === undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#session.handleTimeout(performance.now());
        this.#turn();
        this.#arm();
      },
      Math.max(1, next - performance.now()),
    );
    this.#timer.unref();
  }

  #finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    clearTimeout(this.#timer);
    this.#input = undefined;
    const error = this.#session.error;
    if (error !== undefined) this.#connection.destroy();
    this.emit('close', error);
  }
}

/** Multiplexes streams over a connection; the same as `new SmuxMuxer(connection, options)`. */
export function muxOver(connection: Duplex, options: MuxOptions): SmuxMuxer {
  return new SmuxMuxer(connection, options);
}
