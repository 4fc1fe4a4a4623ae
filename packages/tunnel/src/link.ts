// One KCP session with what runs on top of it:   smux session == [snappy] == KCP session
//
// Bytes are pulled, never queued twice: smux writes frames only while the session has room, and the session is read only while smux
// wants input, so a full buffer at either end closes KCP's window and with it the peer's sender.

import { BATCH_CAPACITY, type ChunkPool } from '@kcptun/common';
import { type BlockCodec, SnappyDecoder, SnappyEncoder } from '@kcptun/comp';
import type { PeerState, Session } from '@kcptun/session';
import { nopFrame, type SmuxConfig, SmuxError, SmuxSession, type SmuxStream } from '@kcptun/smux';
import type { Host, Scheduler, SessionOwner, Task, UdpEndpoint } from '@kcptun/transport';
import { BulkWatch } from './bulk-watch.ts';
import { explainFailure, explainShards, explainSilence, OPENING_LENGTH } from './diagnosis.ts';
import { FirstLooks } from './first-looks.ts';
import type { Pipe } from './pipe.ts';
import { ReadAccount, type ReadLine } from './read-line.ts';
import {
  type AddressAccounts,
  CHUNK_WORK,
  FRAME_WORK,
  PIECE_WORK,
  READ_SLICE,
  ReadShare,
  STREAM_FRAME_WORK,
  STREAM_WORK,
} from './read-work.ts';

/**
 * Heartbeats come late by up to this share of their interval, and by at most so many ms, so that those of many links come at one time: then they
 * wake the process once, and what they send leaves one socket together (and so do the peer's answers).
 */
const LATE_SHARE = 1 / 40;
/** See {@link LATE_SHARE}. */
const LATE_MOST = 250;

/** Segments that leave at once, whatever may still be written: half a batch costs little more than a whole one. */
const FULL_BURST: number = BATCH_CAPACITY / 2;

/** What a link tells its owner. */
interface LinkEvents {
  /** The peer opened a stream. */
  onStream(stream: SmuxStream): void;
  /** The link has ended; its streams have an error, and are to be told. The last call. */
  onClosed(error: Error | undefined): void;
  /** Nothing the peer sent could be read since the link was made; `explanation` says why that may be. Called once. */
  onSilence?(explanation: string): void;
  /** The peer has sent its first frame that makes sense. Called once at most. */
  onEstablished?(): void;
  /** The session begins to carry bulk. */
  onBulk?(): void;
  /** Something else is known of the peer ({@link Session.peer}). */
  onPeer?(state: PeerState): void;
  /** It sends with other shard counts than it was told to; `explanation` says which and why. Called once at most. */
  onShards?(explanation: string): void;
  /** Comes with every heartbeat: time to look after the streams. */
  onHeartbeat(now: number): void;
}

/** What a link is made of. */
export interface LinkOptions {
  readonly host: Host;
  readonly scheduler: Scheduler;
  readonly udp: UdpEndpoint;
  readonly client: boolean;
  readonly smux: Readonly<SmuxConfig>;
  /** The block codec when the stream is compressed. */
  readonly codec: BlockCodec | undefined;
  readonly pool: ChunkPool;
  /** Where its streams wait until they may read. */
  readonly reads: ReadLine;
  /** What sessions of one address may make us do together; a server's. */
  readonly accounts?: AddressAccounts;
  readonly events: LinkEvents;
}

/** A session that carries streams. */
export class Link implements SessionOwner, Task {
  /** @internal */ deadline = 0;
  /** @internal */ deadlineIndex = -1;
  readonly session: Session;
  readonly smux: SmuxSession;
  readonly pool: ChunkPool;
  /** Where its streams wait until they may read, and what was read for them. */
  readonly reads: ReadLine;
  readonly account: ReadAccount = new ReadAccount();
  /** `1.2.3.4:29900`, for logs; changes when the session follows its peer to another address. */
  remoteLabel: string;
  readonly #options: LinkOptions;
  readonly #encoder: SnappyEncoder | undefined;
  readonly #decoder: SnappyDecoder | undefined;
  /** The first bytes that came: they tell a mismatch of settings by name. */
  readonly #opening: Uint8Array = new Uint8Array(OPENING_LENGTH);
  #openingLength = 0;
  /** When the link was made, in ms of the host's clock. */
  readonly madeAt: number;
  #heartbeatAt: number = Number.POSITIVE_INFINITY;
  /** Of a client. */
  readonly #looks: FirstLooks | undefined;
  /** Of a client: a server does not choose sessions. */
  readonly #bulk: BulkWatch | undefined;
  /** Whether there were streams when frames were written last, and the sn behind the last frame of one. */
  #hadStreams = false;
  #streamsUpTo: number;
  #timeouts = 0;
  #silenceReported = false;
  #heard = false;
  #closed = false;
  #kickWaits = false;
  readonly #work: ReadShare;
  #streamsOpened = 0;
  #pieces = 0;
  /** The peer's input has made more work than its share, and is read on later. */
  #readWaits = false;
  /** The link has ended, but its session still takes and discards what comes. */
  #muted = false;

  /** @param session - the session that a peer opened; without one, the link opens a session to path 0 */
  constructor(options: LinkOptions, session?: Session) {
    const { now } = options.udp;
    this.#options = options;
    this.madeAt = now;
    if (options.client) {
      this.#looks = new FirstLooks(now);
      this.#bulk = new BulkWatch(now);
    }
    this.pool = options.pool;
    this.reads = options.reads;
    this.#encoder = options.codec === undefined ? undefined : new SnappyEncoder({ codec: options.codec });
    this.#decoder = options.codec === undefined ? undefined : new SnappyDecoder({ codec: options.codec });
    this.smux = new SmuxSession({ client: options.client, config: options.smux, pool: options.pool, now });
    this.session = session ?? options.udp.openSession(this);
    options.udp.attach(this.session, this);
    this.#streamsUpTo = this.session.writtenUpTo;
    this.remoteLabel = options.udp.remoteLabel(this.session.path);
    this.#work = new ReadShare(options.accounts);
    this.#work.moveTo(this.session.address);
    this.#awaitHeartbeat();
  }

  /** Whether the link has ended. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Whether it carries more than messages. */
  get busy(): boolean {
    if (this.#bulk === undefined) return false;
    const { now } = this.#options.udp;
    this.#bulk.note(now, this.session.bytesMoved);
    return this.#bulk.busy(now);
  }

  /** Whether the peer has sent a frame that makes sense. */
  get understood(): boolean {
    return this.smux.stats.framesReceived > 0;
  }

  /** Whether no stream is open and everything sent was acknowledged: the link can be closed without a loss. */
  get settled(): boolean {
    return this.#closed || (this.smux.streamCount === 0 && !this.smux.hasOutput && this.session.drained);
  }

  /** Whether the peer has acknowledged all that streams had to say, their ends included; heartbeats do not count. */
  get hasDelivered(): boolean {
    return this.smux.streamCount === 0 && !this.smux.hasOutput && this.session.hasDelivered(this.#streamsUpTo);
  }

  /**
   * Opens a stream to the peer.
   * @throws {SmuxError} when no ids are left
   */
  openStream(): SmuxStream {
    return this.smux.openStream(this.#options.udp.now);
  }

  /** Has the peer asked for a sign of life: it acknowledges a heartbeat. */
  ping(): void {
    this.smux.ping();
    this.kick();
  }

  /**
   * Moves what can move, after something was written, taken or closed: frames out, and input that had to wait.
   * @param more - more is likely to be written in this turn of the event loop: packets may wait for it, which compression has left few of
   */
  kick(more = false): void {
    if (this.#closed) return;
    this.#move();
    if (more && this.#encoder !== undefined && this.session.unsent < FULL_BURST) this.#options.udp.flushLater();
    else this.#options.udp.flush();
  }

  /** The same a little later, once for all who ask until then: what was taken is worth no datagram of its own. */
  kickLater(): void {
    if (this.#kickWaits || this.#closed) return;
    this.#kickWaits = true;
    this.#options.host.defer(this.#lateKick);
  }

  readonly #lateKick = (): void => {
    this.#kickWaits = false;
    this.kick();
  };

  /** Ends all streams, says so to the peer as well as the wire can (FIN), and closes the session. Idempotent. */
  close(error?: Error): void {
    this.#end(error, false);
  }

  /**
   * @param mute - keeps the session for what the peer still sends: each packet of a peer that does not know of the end would open another
   *   session and fail again
   */
  #end(error: Error | undefined, mute: boolean): void {
    if (this.#closed) return;
    // The wire has no word for the end of a session: FINs of streams that were closed before are all that tells the peer.
    if (error === undefined) this.#transmit();
    else if (mute && !this.session.established) this.#introduce();
    this.#closed = true;
    this.#work.moveTo('');
    this.#options.scheduler.set(this, undefined);
    this.smux.close(this.#explainToStreams(error));
    if (mute) this.#mute();
    else this.session.close();
    this.#options.udp.flush();
    this.#options.events.onClosed(error);
  }

  /** What the streams are told; without a stream, no error is made: it costs more than a session. */
  #explainToStreams(error: Error | undefined): SmuxError | undefined {
    if (error === undefined || this.smux.streamCount === 0) return undefined;
    return new SmuxError('KCPTUN_ERR_SMUX_SESSION_CLOSED', error.message, { cause: error });
  }

  /** A frame of our own: the peer, whose first bytes make no sense here, learns from it which setting differs. */
  #introduce(): void {
    const frame = nopFrame(this.#options.smux.version);
    if (this.#encoder === undefined) this.session.write(frame, 0, frame.length);
    else this.#encoder.write(this.session, frame, frame.length, undefined, 0, 0);
  }

  #mute(): void {
    this.#muted = true;
    this.#heard = false;
    this.#options.scheduler.set(this, this.#options.udp.now + this.#options.smux.keepAliveTimeout);
    this.#discard();
  }

  #discard(): void {
    while (this.session.peek()) {
      this.#heard = true;
      this.session.consume(this.session.readLength);
    }
  }

  onReadable(): void {
    if (this.#muted) {
      this.#discard();
      return;
    }
    this.#heard = true;
    this.#read();
    this.#transmit();
  }

  onWritable(): void {
    this.#transmit();
  }

  onMoved(): void {
    this.remoteLabel = this.#options.udp.remoteLabel(this.session.path);
    if (!this.#closed) this.#work.moveTo(this.session.address);
  }

  onPeer(state: PeerState): void {
    if (this.#closed) return;
    // Who has just set the two ends up is told at once what to look at.
    if (state === 'silent' && !this.session.heard) this.#explainSilence();
    this.#options.events.onPeer?.(state);
  }

  onShards(dataShards: number, parityShards: number): void {
    this.#options.events.onShards?.(explainShards(dataShards, parityShards, this.#options.udp.endpoint.parameters));
  }

  onClosed(error: Error | undefined): void {
    this.#options.scheduler.set(this, undefined);
    this.close(error);
  }

  /** @internal */
  onDue(): void {
    if (this.#muted) {
      if (this.#heard) this.#mute();
      else this.session.close();
      return;
    }
    if (this.#closed) return;
    const { now } = this.#options.udp;
    if (this.#looks !== undefined && now >= this.#looks.at) this.#look(this.#looks, now);
    if (now < this.#heartbeatAt) {
      this.#awaitHeartbeat();
      return;
    }
    this.smux.handleTimeout(now);
    this.#reportSilence();
    if (this.smux.closed) {
      this.close(this.smux.error);
      return;
    }
    this.#awaitHeartbeat();
    this.#options.events.onHeartbeat(now);
    if (this.#closed) return;
    this.#move();
    this.#options.udp.flushLater();
  }

  #awaitHeartbeat(): void {
    const next = this.smux.nextTimeout();
    this.#heartbeatAt = next === undefined ? Number.POSITIVE_INFINITY : this.#postpone(next);
    const at = Math.min(this.#heartbeatAt, this.#looks === undefined ? Number.POSITIVE_INFINITY : this.#postpone(this.#looks.at));
    this.#options.scheduler.set(this, at === Number.POSITIVE_INFINITY ? undefined : at);
  }

  /** See {@link LATE_SHARE}. */
  #postpone(time: number): number {
    const step = Math.min(LATE_MOST, this.#options.smux.keepAliveInterval * LATE_SHARE);
    return step === 0 ? time : Math.ceil(time / step) * step;
  }

  #look(looks: FirstLooks, now: number): void {
    looks.taken(now, this.understood);
    if (!this.understood && this.session.heard) this.ping();
  }

  #move(): void {
    if (this.smux.wantsInput && (this.session.peek() || (this.#decoder?.outputLength ?? 0) > 0)) this.#read();
    this.#transmit();
  }

  /** A peer that gets our packets acknowledges them; its first frame may take until its first NOP, which comes later than ours. */
  #reportSilence(): void {
    this.#timeouts += 1;
    if (this.#heard || (this.session.heard && this.#timeouts < 2 && !this.smux.closed)) return;
    this.#explainSilence();
  }

  #explainSilence(): void {
    if (this.#silenceReported) return;
    this.#silenceReported = true;
    this.#options.events.onSilence?.(explainSilence(this.session.heard));
  }

  #transmit(): void {
    const session = this.session;
    const encoder = this.#encoder;
    if (encoder === undefined) this.smux.pollTransmit(session);
    else this.smux.pollTransmit(this.#compressingSink);
    const streams = this.smux.streamCount;
    if (streams > 0 || this.#hadStreams) this.#streamsUpTo = this.session.writtenUpTo;
    this.#hadStreams = streams > 0;
    if (this.#bulk?.note(this.#options.udp.now, session.bytesMoved) === true) this.#options.events.onBulk?.();
    this.#pollWritable();
  }

  readonly #compressingSink = {
    room: (): number => this.session.room(),
    write: (bytes: Uint8Array, offset: number, length: number): void =>
      this.#encoder?.write(this.session, bytes.subarray(offset, offset + length), length, undefined, 0, 0),
    frame: (head: Uint8Array, headLength: number, payload: Uint8Array, offset: number, length: number): void =>
      this.#encoder?.write(this.session, head, headLength, payload, offset, length),
  };

  #read(): void {
    if (this.#readWaits) return;
    const { session, smux } = this;
    const decoder = this.#decoder;
    const { now } = this.#options.udp;
    const allowance = this.#work.allowance(now);
    const before = this.#workDone;
    while (smux.wantsInput && !this.#closed) {
      if (this.#workDone - before >= allowance) {
        this.#readWaits = true;
        break;
      }
      if (decoder !== undefined && decoder.outputLength > 0) {
        decoder.consumed(smux.handleData(decoder.outputBytes, decoder.outputOffset, Math.min(decoder.outputLength, READ_SLICE), now));
      } else if (!session.peek()) {
        break;
      } else {
        if (this.#openingLength < OPENING_LENGTH) this.#noteOpening();
        smux.handleSignOfLife();
        this.#pieces += 1;
        session.consume(
          decoder === undefined
            ? smux.handleData(session.readBytes, session.readOffset, session.readLength, now)
            : decoder.handleData(session.readBytes, session.readOffset, session.readLength),
        );
      }
      const error = smux.error ?? decoder?.error;
      if (error !== undefined) {
        const opening = this.#opening.subarray(0, this.#openingLength);
        this.#end(explainFailure(error, opening, this.#options.smux.version, decoder !== undefined), !this.#options.client);
        return;
      }
    }
    if (!this.session.established && this.understood) {
      this.session.establish();
      this.#options.events.onEstablished?.();
    }
    this.#pollStreams();
    this.#work.spend(this.#workDone - before);
    if (this.#readWaits) this.#options.host.setTimer(this.#work.wait, this.#lateRead);
  }

  /** The work that the peer's input has made so far, see read-work.ts. */
  get #workDone(): number {
    const { framesReceived, streamFrames } = this.smux.stats;
    const frames = FRAME_WORK * framesReceived + STREAM_FRAME_WORK * streamFrames;
    return frames + PIECE_WORK * this.#pieces + CHUNK_WORK * (this.#decoder?.chunks ?? 0) + STREAM_WORK * this.#streamsOpened;
  }

  readonly #lateRead = (): void => {
    this.#readWaits = false;
    this.kick();
  };

  #noteOpening(): void {
    const { session } = this;
    const part = Math.min(OPENING_LENGTH - this.#openingLength, session.readLength);
    this.#opening.set(session.readBytes.subarray(session.readOffset, session.readOffset + part), this.#openingLength);
    this.#openingLength += part;
  }

  #pollStreams(): void {
    if (this.#closed) return;
    const { smux } = this;
    for (let stream = smux.pollAccept(); stream !== undefined; stream = smux.pollAccept()) {
      this.#streamsOpened += 1;
      this.#options.events.onStream(stream);
    }
    for (let stream = smux.pollReadable(); stream !== undefined; stream = smux.pollReadable())
      (stream.owner as Pipe | undefined)?.onStreamReadable();
    this.#pollWritable();
  }

  #pollWritable(): void {
    const { smux } = this;
    for (let stream = smux.pollWritable(); stream !== undefined; stream = smux.pollWritable())
      (stream.owner as Pipe | undefined)?.onStreamWritable();
  }
}
