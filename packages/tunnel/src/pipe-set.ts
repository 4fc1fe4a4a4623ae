// All pipes of a tunnel: joins, counts, logs and publishes them; waits for their end; ends them.

import { channel } from 'node:diagnostics_channel';
import type { EventEmitter } from 'node:events';
import { type LogFields, Ring } from '@kcptun/common';
import { QppPads } from '@kcptun/crypt';
import type { GuardSnapshot, SessionStats, SnmpSnapshot } from '@kcptun/session';
import type { SmuxStream } from '@kcptun/smux';
import type { ByteConnection, Host } from '@kcptun/transport';
import { TunnelError } from './errors.ts';
import type { Link } from './link.ts';
import type { ResolvedTunnelOptions } from './options.ts';
import { Pipe, type PipeOptions } from './pipe.ts';
import { StalledPipes } from './stalled-pipes.ts';

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
  /** What upstream does not count. */
  readonly guards: GuardSnapshot;
  /** Streams that are joined with a connection. */
  readonly streams: number;
  /** The sessions that carry them. */
  readonly links: readonly Link[];
  /** Pieces of memory (up to 128 KiB each) that hold received bytes for which a connection has no room yet. */
  readonly chunks: number;
  /** Bytes of memory that segments and received bytes have or may take again without asking the system; little when idle for some seconds. */
  readonly bufferBytes: number;
}

/** What one stream does at one moment. Sizes in bytes, without anything of their content. */
export interface StreamInfo {
  readonly sid: number;
  /** The ends, as in the log: `in: 127.0.0.1:5000 out: 1.2.3.4:29900(3)`. */
  readonly label: string;
  /** Time since it was opened, in ms. */
  readonly age: number;
  /** What its connection has sent, and what was handed to its connection. */
  readonly sent: number;
  readonly received: number;
  /** What waits for the session to take it. */
  readonly queued: number;
  /** What has arrived and waits for the connection to take it. */
  readonly unread: number;
}

/** What one KCP session does at one moment. */
export interface SessionInfo extends SessionStats {
  /** The peer, as in the log. */
  readonly remote: string;
  /** Time since it was made, in ms. */
  readonly age: number;
  /** Time since the last packet of the peer that KCP accepted, in ms. */
  readonly idle: number;
  readonly streams: readonly StreamInfo[];
}

/** Streams of sessions that have ended themselves end in one turn, of all of them. */
const ENDS_PER_TURN = 64;

/** Streams that do not move are looked through this often at most, in ms. */
const RELIEF_INTERVAL = 1000;

const opened = channel('kcptun:stream:open');
const closed = channel('kcptun:stream:close');

/** A session that has ended, with streams that have not. */
interface Ending {
  readonly link: Link;
  readonly done: () => void;
}

/** The streams of one tunnel. */
export class PipeSet {
  /** Each with what gives the place of its connection in the budget back. */
  readonly #pipes: Map<Pipe, () => void> = new Map();
  readonly #stalled: StalledPipes<Pipe> = new StalledPipes();
  #relievedAt = Number.NEGATIVE_INFINITY;
  readonly #emitter: EventEmitter<TunnelEvents>;
  readonly #options: ResolvedTunnelOptions;
  readonly #qpp: QppPads | undefined;
  readonly #pipeOptions: PipeOptions;
  readonly #host: Host;
  /** In the order in which they have their turn. */
  readonly #endings: Ring<Ending> = new Ring();
  #endedInTurn = 0;
  #turnComes = false;

  constructor(host: Host, emitter: EventEmitter<TunnelEvents>, options: ResolvedTunnelOptions) {
    this.#host = host;
    this.#emitter = emitter;
    this.#options = options;
    this.#qpp = options.qpp === undefined ? undefined : new QppPads(options.key, options.qpp.count, options.qpp.generation);
    const onDone = (pipe: Pipe, error: Error | undefined): void => this.#ended(pipe, error);
    const onStranded = (pipe: Pipe): void => this.#stalled.note(pipe, host.now());
    this.#pipeOptions = { host, qpp: this.#qpp, closeWait: options.closeWait, onStranded, onDone };
  }

  /** Number of streams that are joined. */
  get size(): number {
    return this.#pipes.size;
  }

  /**
   * Joins a stream with a connection.
   * @param inbound - whether the connection came from an application, and does not go to a target
   * @param release - called when the connection is over
   */
  join(link: Link, stream: SmuxStream, connection: ByteConnection, inbound: boolean, release: () => void): void {
    const pipe = new Pipe(link, stream, connection, this.#pipeOptions);
    this.#pipes.set(pipe, release);
    this.#started(pipe, inbound, 'opened');
    pipe.start();
    if (inbound) link.kick();
    else link.kickLater();
  }

  /** Takes the streams of a link off it that can begin anew elsewhere: its peer has started over. Whatever is left there ends with the link. */
  detach(link: Link): Pipe[] {
    const movable = [...this.#pipes.keys()].filter((pipe) => pipe.link === link && pipe.movable);
    for (const pipe of movable) pipe.detach();
    return movable;
  }

  /** Begins a detached stream anew in another link, or ends it when that cannot be done; only a client has such. */
  move(pipe: Pipe, link: Link): void {
    if (pipe.done) return;
    try {
      pipe.move(link, link.openStream());
    } catch (cause) {
      pipe.destroy(cause as Error); // the link is full
      return;
    }
    this.#started(pipe, true, 'moved');
  }

  /** Looks after the streams of a link, with each of its heartbeats. */
  sweep(link: Link, now: number): void {
    // Not through all pipes: with a thousand idle sessions that was a third of what they cost.
    for (const { owner } of link.smux.streams()) {
      if (owner instanceof Pipe) this.#stalled.note(owner, now);
    }
    this.#reportDropped(link);
    if (now - this.#relievedAt < RELIEF_INTERVAL || this.#stalled.size === 0) return;
    this.#relievedAt = now;
    this.#giveUp(this.#stalled.choose(now), 'its memory');
  }

  /**
   * Gives one connection up that has not moved for a minute and may never move again, because another needs its place.
   * @returns whether there was one
   */
  makeRoom(now: number): boolean {
    return this.#giveUp(this.#stalled.choose(now, 0, 1), 'its place');
  }

  #giveUp(pipes: readonly Pipe[], what: string): boolean {
    for (const pipe of pipes) {
      this.#options.logger.warn(
        `given up, because nothing was read for a minute behind the end of one direction, and ${what} is needed: ${pipe.label}`,
        { event: 'stream.reclaim', ...factsOf(pipe) },
      );
      pipe.destroy(new TunnelError('KCPTUN_ERR_TUNNEL_PEER_CLOSED', `nothing was read for a minute, and ${what} is needed`));
    }
    return pipes.length > 0;
  }

  /** The same for streams whose connections are closed already. */
  #reportDropped(link: Link): void {
    const dropped = link.smux.takeDropped();
    if (dropped === 0) return;
    this.#options.logger.warn(
      `${link.remoteLabel}: the rest of ${dropped} closed streams is given up, because nothing was read of them for a minute, and their memory is needed`,
      { event: 'stream.reclaim', kcp: link.remoteLabel, dropped },
    );
  }

  /**
   * Ends the streams of a link that has ended: each closes a socket and may write a line, and ten thousand of them in
   * one turn keep all others waiting. So only some do at once, and links take turns.
   * @param done - called when no stream of the link is left
   */
  endStreams(link: Link, done: () => void): void {
    this.#endings.push({ link, done });
    this.#endSome();
  }

  #endSome(): void {
    while (this.#endedInTurn < ENDS_PER_TURN) {
      const ending = this.#endings.shift();
      if (ending === undefined) break;
      const stream = ending.link.smux.pollReadable();
      if (stream === undefined) {
        ending.done();
        continue;
      }
      this.#endedInTurn += 1;
      this.#endings.push(ending);
      (stream.owner as Pipe | undefined)?.onStreamReadable();
    }
    if (this.#turnComes || this.#endedInTurn === 0) return;
    this.#turnComes = true;
    this.#host.defer(this.#turn);
  }

  readonly #turn = (): void => {
    this.#turnComes = false;
    this.#endedInTurn = 0;
    this.#endSome();
  };

  /** Ends all streams, or those of one link, and resets their connections. */
  destroyAll(error: Error, link?: Link): void {
    for (const pipe of [...this.#pipes.keys()]) if (link === undefined || pipe.link === link) pipe.destroy(error);
  }

  /** What links and their streams do at this moment. */
  describe(links: Iterable<Link>, now: number): SessionInfo[] {
    const streams = new Map<Link, StreamInfo[]>();
    for (const link of links) streams.set(link, []);
    for (const { link, stream, label, sent, received } of this.#pipes.keys()) {
      const { sid, openedAt, bufferedAmount: queued, readableLength: unread } = stream;
      streams.get(link)?.push({ sid, label, age: now - openedAt, sent, received, queued, unread });
    }
    return [...streams].map(([link, infos]) => ({
      remote: link.remoteLabel,
      age: now - link.madeAt,
      idle: now - link.session.lastReceived,
      ...link.session.stats(),
      streams: infos,
    }));
  }

  /** Wipes key material; the set must be empty. */
  close(): void {
    this.#qpp?.wipe();
  }

  #started(pipe: Pipe, inbound: boolean, what: 'opened' | 'moved'): void {
    const { stream, connection } = pipe;
    const kcp = `${pipe.link.remoteLabel}(${stream.sid})`;
    pipe.label = inbound ? `in: ${connection.remoteLabel} out: ${kcp}` : `in: ${kcp} out: ${connection.remoteLabel}`;
    this.#log(`stream ${what} ${pipe.label}`, { event: what === 'moved' ? 'stream.move' : 'stream.open', ...factsOf(pipe) });
    if (what === 'moved') return;
    opened.publish({ sid: stream.sid, label: pipe.label });
    this.#emitter.emit('stream', stream);
  }

  #ended(pipe: Pipe, error: Error | undefined): void {
    this.#pipes.get(pipe)?.();
    this.#pipes.delete(pipe);
    this.#stalled.forget(pipe);
    const { stream, label } = pipe;
    if (error !== undefined)
      this.#log(`pipe: ${error.message} ${label}`, { event: 'stream.error', ...factsOf(pipe), error: error.message });
    this.#log(`stream closed ${label}`, { event: 'stream.close', ...factsOf(pipe) });
    closed.publish({ sid: stream.sid, label, error });
    this.#emitter.emit('streamClosed', stream, error);
  }

  #log(line: string, fields: LogFields): void {
    if (!this.#options.quiet) this.#options.logger.info(line, fields);
  }
}

function factsOf({ link, stream, connection }: Pipe): LogFields {
  return { sid: stream.sid, kcp: link.remoteLabel, connection: connection.remoteLabel };
}
