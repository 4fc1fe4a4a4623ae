// A smux stream as a node:stream Duplex: `end()` is FIN, reading goes on after it, `destroy()` gives the stream up, with an error as a reset.
// Bytes are copied out of the pool on reading, because Node code keeps the buffers it is given. Consumed are those that
// were asked for, so at most `readableHighWaterMark` and one chunk lie here unread by the application.

import { Duplex } from 'node:stream';
import type { ChunkPool } from '@kcptun/common';
import type { SmuxStream } from '../index.ts';

type Done = (error?: Error | null) => void;

/** One stream of a {@link SmuxMuxer}. Half-open streams are allowed; errors are `SmuxError`. */
export class SmuxDuplex extends Duplex {
  readonly #stream: SmuxStream;
  readonly #pool: ChunkPool;
  readonly #flush: () => void;
  #wanted = false;
  #writeDone: Done | undefined = undefined;

  /** @internal */
  constructor(stream: SmuxStream, pool: ChunkPool, flush: () => void) {
    super({ allowHalfOpen: true });
    this.#stream = stream;
    this.#pool = pool;
    this.#flush = flush;
  }

  /** Stream id on the wire. */
  get sid(): number {
    return this.#stream.sid;
  }

  /** @internal Bytes, FIN or an error have arrived. */
  handleReadable(): void {
    this.#deliver();
    // A writer that waits must learn of a broken stream even when nobody reads.
    if (this.#stream.error !== undefined && (this.#stream.readableLength === 0 || this.#writeDone !== undefined)) this.#fail();
  }

  /** @internal The send queue has run low. */
  handleWritable(): void {
    if (this.#stream.bufferedAmount === 0) this.#written();
  }

  /** Part of Duplex: hands out received bytes. */
  override _read(): void {
    this.#wanted = true;
    this.#deliver();
  }

  /** Part of Duplex: lends a buffer to the stream. */
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#send([chunk], done);
  }

  /** Part of Duplex: lends all waiting buffers to the stream. */
  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    this.#send(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  /** Part of Duplex: half close. */
  override _final(done: Done): void {
    this.#stream.end();
    this.#flush();
    done(this.#stream.error);
  }

  /** Part of Duplex: gives the stream up; with an error the peer sees a reset. */
  override _destroy(error: Error | null, done: Done): void {
    if (error === null) this.#stream.close();
    else this.#stream.reset();
    this.#flush();
    this.#written(error ?? this.#stream.error ?? new Error('stream was destroyed'));
    done(error);
  }

  /** The buffers are lent until all of them were sent; then `done` is called. */
  #send(chunks: readonly Buffer[], done: Done): void {
    for (const chunk of chunks) this.#stream.write(chunk);
    if (this.#stream.error !== undefined || this.#stream.bufferedAmount === 0) {
      done(this.#stream.error);
      return;
    }
    this.#writeDone = done;
    this.#flush();
  }

  #written(error?: Error): void {
    const done = this.#writeDone;
    this.#writeDone = undefined;
    done?.(error);
  }

  #deliver(): void {
    while (this.#wanted) {
      const chunk = this.#stream.take();
      if (chunk === undefined) break;
      const bytes = Buffer.from(chunk.bytes.subarray(chunk.start, chunk.end));
      this.#pool.release(chunk);
      this.#stream.consumed(bytes.length);
      this.#wanted = this.push(bytes);
      this.#flush();
    }
    if (this.#stream.finReceived && !this.readableEnded) this.push(null);
    else if (this.#wanted && this.#stream.error !== undefined) this.#fail();
  }

  #fail(): void {
    const error = this.#stream.error;
    this.destroy(error?.code === 'KCPTUN_ERR_SMUX_SESSION_CLOSED' ? undefined : error);
  }
}
