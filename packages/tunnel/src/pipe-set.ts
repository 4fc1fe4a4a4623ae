// All pipes of a tunnel: joins, counts, logs and publishes them; waits for their end; ends them.

import { channel } from 'node:diagnostics_channel';
import type { EventEmitter } from 'node:events';
import type { LogFields } from '@kcptun/common';
import { QppPads } from '@kcptun/crypt';
import type { SnmpSnapshot } from '@kcptun/session';
import type { SmuxStream } from '@kcptun/smux';
import type { ByteConnection } from '@kcptun/transport';
import type { Link } from './link.ts';
import type { ResolvedTunnelOptions } from './options.ts';
import { Pipe } from './pipe.ts';

/** Events of TunnelClient and TunnelServer. */
export interface TunnelEvents {
  /** A KCP session carries streams from now on. */
  session: [link: Link];
  /** A KCP session has ended. */
  sessionClosed: [link: Link, error: Error | undefined];
  /** A stream was joined with a connection. */
  stream: [stream: SmuxStream];
  /** A stream has ended; with an error when that was not orderly. */
  streamClosed: [stream: SmuxStream, error: Error | undefined];
  /** Nothing is left. */
  stopped: [];
}

/** What a tunnel does at one moment. */
export interface TunnelStats {
  /** Upstream's counters, cumulative; those of sessions that have ended included. */
  readonly snmp: SnmpSnapshot;
  /** Streams that are joined with a connection. */
  readonly streams: number;
  /** The sessions that carry them. */
  readonly links: readonly Link[];
  /** Pieces of memory (up to 64 KiB each) that hold received bytes for which a connection has no room yet. */
  readonly chunks: number;
}

const opened = channel('kcptun:stream:open');
const closed = channel('kcptun:stream:close');

/** The streams of one tunnel. */
export class PipeSet {
  readonly #pipes: Set<Pipe> = new Set();
  readonly #emitter: EventEmitter<TunnelEvents>;
  readonly #options: ResolvedTunnelOptions;
  readonly #qpp: QppPads | undefined;

  constructor(emitter: EventEmitter<TunnelEvents>, options: ResolvedTunnelOptions) {
    this.#emitter = emitter;
    this.#options = options;
    this.#qpp = options.qpp === undefined ? undefined : new QppPads(options.key, options.qpp.count, options.qpp.generation);
  }

  /** Number of streams that are joined. */
  get size(): number {
    return this.#pipes.size;
  }

  /** Joins a stream with a connection; `inbound` says that the connection came from an application, not to a target. */
  join(link: Link, stream: SmuxStream, connection: ByteConnection, inbound: boolean): void {
    const kcp = `${link.remoteLabel}(${stream.sid})`;
    const label = inbound ? `in: ${connection.remoteLabel} out: ${kcp}` : `in: ${kcp} out: ${connection.remoteLabel}`;
    const facts = { sid: stream.sid, kcp: link.remoteLabel, connection: connection.remoteLabel };
    this.#log(`stream opened ${label}`, { event: 'stream.open', ...facts });
    opened.publish({ sid: stream.sid, label });
    this.#emitter.emit('stream', stream);
    const pipe = new Pipe(link, stream, connection, this.#qpp, (ended, error) => {
      this.#pipes.delete(ended);
      if (error !== undefined) this.#log(`pipe: ${error.message} ${label}`, { event: 'stream.error', ...facts, error: error.message });
      this.#log(`stream closed ${label}`, { event: 'stream.close', ...facts });
      closed.publish({ sid: stream.sid, label, error });
      this.#emitter.emit('streamClosed', stream, error);
    });
    this.#pipes.add(pipe);
    link.kick();
  }

  /** Ends the streams of a link whose peer has gone without a word. */
  sweep(link: Link, now: number): void {
    for (const pipe of [...this.#pipes]) if (pipe.link === link) pipe.sweep(now);
  }

  /** Ends all streams and resets their connections. */
  destroyAll(error: Error): void {
    for (const pipe of [...this.#pipes]) pipe.destroy(error);
  }

  /** Wipes key material; the set must be empty. */
  close(): void {
    this.#qpp?.wipe();
  }

  #log(line: string, fields: LogFields): void {
    if (!this.#options.quiet) this.#options.logger.info(line, fields);
  }
}
