// What a session shares with its streams: which are open, which have news for their owner, what is to be sent.
// Internal: users see SmuxSession and SmuxStream.

import { type ChunkPool, Ring } from '@kcptun/common';
import type { SmuxConfig } from './config.ts';
import { FrameWriter } from './frame-writer.ts';
import { ReceiveBudget } from './receive-budget.ts';
import { newStats, type SmuxStats } from './stats.ts';
import type { SmuxStream } from './stream.ts';

/** The common ground of one session. */
export class StreamHub {
  readonly config: SmuxConfig;
  readonly pool: ChunkPool;
  readonly stats: SmuxStats = newStats();
  readonly budget: ReceiveBudget;
  readonly writer: FrameWriter;
  readonly streams: Map<number, SmuxStream> = new Map();
  /** The session has ended: nothing is sent or received any more. */
  ended = false;
  readonly #readable: Ring<SmuxStream> = new Ring();
  readonly #writable: Ring<SmuxStream> = new Ring();

  constructor(config: SmuxConfig, pool: ChunkPool) {
    this.config = config;
    this.pool = pool;
    this.budget = new ReceiveBudget(config);
    this.writer = new FrameWriter(config, this.budget, this.stats);
  }

  /** Notes that a stream has something new to read; unaccepted streams are noted when they are accepted. */
  notifyReadable(stream: SmuxStream): void {
    if (stream.readableNoted || !stream.accepted) return;
    stream.readableNoted = true;
    this.#readable.push(stream);
  }

  /** Notes that a stream can be written to again. */
  notifyWritable(stream: SmuxStream): void {
    if (stream.writableNoted) return;
    stream.writableNoted = true;
    this.#writable.push(stream);
  }

  pollReadable(): SmuxStream | undefined {
    for (let stream = this.#readable.shift(); stream !== undefined; stream = this.#readable.shift()) {
      stream.readableNoted = false;
      if (!stream.abandoned) return stream;
    }
    return undefined;
  }

  pollWritable(): SmuxStream | undefined {
    const stream = this.#writable.shift();
    if (stream !== undefined) stream.writableNoted = false;
    return stream;
  }
}
