// A smux session without I/O (PROTOCOL smux §2, §3, §6, §7): bytes of one reliable connection in and out, streams above.
//
//   handle*  bytes from the peer, a timeout              openStream, close   commands
//   poll*    frames to write, streams with news          nextTimeout         when to come back (keepalive only)
//
// After each batch of handle calls: pollAccept, pollReadable, pollWritable until empty, then pollTransmit while there is room.
// `now` is in ms and never goes back. Nothing the peer sends throws: a broken rule ends the session, and `error` tells why.

import { type ChunkPool, checkInteger, Ring, readU16, readU32 } from '@kcptun/common';
import type { SmuxConfig } from './config.ts';
import { SmuxError } from './errors.ts';
import { CMD_FIN, CMD_PSH, CMD_SYN, CMD_UPD, HEADER_LENGTH, UPD_LENGTH } from './frame.ts';
import type { FrameSink } from './frame-writer.ts';
import { Keepalive } from './keepalive.ts';
import { MAX_CLOSED_BYTES, MAX_CLOSED_STREAMS } from './limits.ts';
import type { SmuxStats } from './stats.ts';
import { SmuxStream } from './stream.ts';
import { StreamHub } from './stream-hub.ts';

/** Options of {@link SmuxSession}. */
export interface SmuxSessionOptions {
  /** Which end this is: the client's streams have odd ids from 3 on, the server's even ones from 2 on. */
  readonly client: boolean;
  /** Settings, as `parseSmuxConfig` returns them. */
  readonly config: Readonly<SmuxConfig>;
  /** Where the memory of received bytes comes from. */
  readonly pool: ChunkPool;
  /** Current time in ms; keepalive counts from here. */
  readonly now: number;
}

const NO_SID = -1;
const LAST_SID = 0xffff_ffff;

/** One end of a session. */
export class SmuxSession {
  readonly #hub: StreamHub;
  readonly #keepalive: Keepalive;
  readonly #version: number;
  readonly #accept: Ring<SmuxStream> = new Ring();
  /** Header of the frame that is being received, and the payload of UPD behind it. */
  readonly #head: Uint8Array = new Uint8Array(HEADER_LENGTH + UPD_LENGTH);
  #headLength = 0;
  #headWanted = HEADER_LENGTH;
  #payloadLeft = 0;
  #payloadStream: SmuxStream | undefined = undefined;
  /** A SYN that found the backlog full; input waits until there is a place for it. */
  #blockedSid = NO_SID;
  #nextSid: number;
  #error: SmuxError | undefined = undefined;
  #droppedTaken = 0;

  constructor(options: SmuxSessionOptions) {
    this.#hub = new StreamHub(options.config, options.pool);
    this.#keepalive = new Keepalive(options.config, options.now);
    this.#version = options.config.version;
    // Client ids start at 3: upstream's counter starts at 1 and is raised before use.
    this.#nextSid = options.client ? 3 : 2;
  }

  /** The error that ended the session, or the reason that was given to `close`. */
  get error(): SmuxError | undefined {
    return this.#error;
  }

  /** Whether the session has ended. */
  get closed(): boolean {
    return this.#hub.ended;
  }

  /** Number of streams that the session knows: open ones and those whose FIN is not sent yet. */
  get streamCount(): number {
    return this.#hub.streams.size;
  }

  /** The streams that `streamCount` counts. */
  streams(): Iterable<SmuxStream> {
    return this.#hub.streams.values();
  }

  /** Bytes that the peer may still send before input stops; the whole of `maxReceiveBuffer` when nothing is unread. */
  get receiveTokens(): number {
    return this.#hub.budget.tokens;
  }

  /** Counters; a live object. */
  get stats(): Readonly<SmuxStats> {
    return this.#hub.stats;
  }

  /** Whether `handleData` would consume bytes: false while the bucket is empty, the backlog is full, or the session has ended. */
  get wantsInput(): boolean {
    if (this.#hub.ended) return false;
    return this.#payloadLeft > 0 || (this.#blockedSid === NO_SID && this.#hub.budget.tokens > 0);
  }

  /** Whether there are frames to write. */
  get hasOutput(): boolean {
    return this.#hub.writer.hasOutput;
  }

  /**
   * Takes bytes from the peer, cut anywhere. They are copied as far as needed.
   * @returns how many were consumed; the rest is to be offered again once `wantsInput` is true. After the end everything is consumed and ignored.
   */
  handleData(bytes: Uint8Array, offset: number, length: number, now: number): number {
    const end = offset + length;
    let at = offset;
    while (at < end && !this.#hub.ended) {
      if (this.#payloadLeft > 0) {
        const part = Math.min(this.#payloadLeft, end - at);
        this.#handlePayload(bytes, at, part);
        at += part;
        continue;
      }
      // The bucket may go below 0 by one frame, so it is looked at between frames only.
      if (this.#blockedSid !== NO_SID || this.#hub.budget.tokens <= 0) return at - offset;
      // A header that lies whole in what came is read there; UPD has a payload that belongs to it.
      if (this.#headLength === 0 && end - at >= HEADER_LENGTH && bytes[at + 1] !== CMD_UPD) {
        this.#handleHeader(bytes, at, now);
        at += HEADER_LENGTH;
        continue;
      }
      const head = this.#head;
      const stop = Math.min(end, at + this.#headWanted - this.#headLength);
      let filled = this.#headLength;
      while (at < stop) head[filled++] = bytes[at++]!;
      this.#headLength = filled;
      if (filled === this.#headWanted) this.#handleHead(now);
    }
    return length;
  }

  /** Does what is due at `now`: a NOP, the check for a dead peer (`KCPTUN_ERR_SMUX_TIMEOUT`), the end of closed streams that nobody reads. */
  handleTimeout(now: number): void {
    if (this.#hub.ended) return;
    this.#handleStuck(now);
    if (this.#keepalive.nopDue(now)) this.#hub.writer.sendNop();
    if (this.#keepalive.peerDead(now, this.wantsInput)) {
      this.#end(new SmuxError('KCPTUN_ERR_SMUX_TIMEOUT', 'keep-alive timeout: nothing was heard from the peer'));
    }
  }

  /** Closed streams that wait for a window do so as long as there is room for their bytes. */
  #handleStuck(now: number): void {
    const { streams, stats } = this.#hub;
    const stuck: { readonly stream: SmuxStream; readonly since: number }[] = [];
    let bytes = 0;
    for (const stream of streams.values()) {
      stream.handleTimeout(now);
      const since = stream.stuckSince(now);
      if (since === undefined) continue;
      stuck.push({ stream, since });
      bytes += stream.bufferedAmount;
    }
    if (bytes <= MAX_CLOSED_BYTES && stuck.length <= MAX_CLOSED_STREAMS) return;
    stuck.sort((a, b) => a.since - b.since);
    for (const [at, { stream }] of stuck.entries()) {
      if (bytes <= MAX_CLOSED_BYTES && stuck.length - at <= MAX_CLOSED_STREAMS) break;
      bytes -= stream.bufferedAmount;
      stream.drop();
      stats.streamsDropped += 1;
    }
  }

  /** How many closed streams were dropped since this was asked last ({@link SmuxStats.streamsDropped}). */
  takeDropped(): number {
    const dropped = this.#hub.stats.streamsDropped - this.#droppedTaken;
    this.#droppedTaken += dropped;
    return dropped;
  }

  /** Has a NOP sent: the peer's side of the connection acknowledges it, the session does not answer. */
  ping(): void {
    if (!this.#hub.ended) this.#hub.writer.sendNop();
  }

  /** The peer is alive, though what arrived of it is no frame yet: a part of a compressed chunk. */
  handleSignOfLife(): void {
    this.#keepalive.heard();
  }

  /** When `handleTimeout` is to be called next, in ms; `undefined`: never. */
  nextTimeout(): number | undefined {
    return this.#hub.ended ? undefined : this.#keepalive.next;
  }

  /**
   * Opens a stream; it can be written to at once.
   * @throws {SmuxError} `KCPTUN_ERR_SMUX_SESSION_CLOSED`, `KCPTUN_ERR_SMUX_STREAM_IDS` when all ids were used (for good),
   *   `KCPTUN_ERR_SMUX_TOO_MANY_STREAMS` when `maxStreams` are open
   */
  openStream(now: number): SmuxStream {
    if (this.#hub.ended) throw new SmuxError('KCPTUN_ERR_SMUX_SESSION_CLOSED', 'session is closed', { cause: this.#error });
    if (this.#hub.streams.size >= this.#hub.config.maxStreams) {
      throw new SmuxError('KCPTUN_ERR_SMUX_TOO_MANY_STREAMS', `${this.#hub.config.maxStreams} streams are open already`);
    }
    // A peer may have opened streams with ids of our kind.
    while (this.#hub.streams.has(this.#nextSid)) this.#nextSid += 2;
    if (this.#nextSid > LAST_SID) {
      throw new SmuxError('KCPTUN_ERR_SMUX_STREAM_IDS', 'stream id overflows, should start a new connection');
    }
    const stream = new SmuxStream(this.#hub, this.#nextSid, true, now);
    this.#nextSid += 2;
    this.#hub.streams.set(stream.sid, stream);
    this.#hub.writer.sendSyn(stream);
    return stream;
  }

  /** Ends the session. Nothing is sent; received bytes can still be taken from the streams, which have `error` set. Further calls do nothing. */
  close(reason?: SmuxError): void {
    this.#end(reason);
  }

  /**
   * Writes frames while the sink has room: control frames, then those of the streams. The last one may exceed the room.
   * The sink must not call back into the session.
   */
  pollTransmit(sink: FrameSink): void {
    const writer = this.#hub.writer;
    while (sink.room() > 0 && writer.writeNext(sink));
  }

  /** A stream that the peer has opened; each once. */
  pollAccept(): SmuxStream | undefined {
    const stream = this.#accept.shift();
    if (stream === undefined) return undefined;
    stream.handleAccepted();
    if (this.#blockedSid !== NO_SID) {
      const sid = this.#blockedSid;
      this.#blockedSid = NO_SID;
      this.#handleSyn(sid, stream.openedAt);
    }
    return stream;
  }

  /** A stream with news for its reader: bytes, FIN or an error. Each once per change: whoever does not take everything comes back by itself. */
  pollReadable(): SmuxStream | undefined {
    return this.#hub.pollReadable();
  }

  /**
   * A stream that has sent all of its bytes, or has fallen to 64 KiB after its `write` returned false, or has bytes left that the peer's window does
   * not allow any more (`windowClosed`).
   */
  pollWritable(): SmuxStream | undefined {
    return this.#hub.pollWritable();
  }

  #handlePayload(bytes: Uint8Array, offset: number, length: number): void {
    this.#payloadLeft -= length;
    // A frame may take longer than the keepalive on a slow path: its bytes are a sign of life like any other.
    this.#keepalive.heard();
    const stats = this.#hub.stats;
    if (this.#payloadStream?.handlePayload(bytes, offset, length, this.#payloadLeft)) stats.bytesReceived += length;
    else stats.bytesDiscarded += length;
    if (this.#payloadLeft === 0) this.#payloadStream = undefined;
  }

  /** A complete header is in `#head`, or the complete payload of UPD behind it. */
  #handleHead(now: number): void {
    if (this.#headWanted === HEADER_LENGTH) {
      this.#headLength = 0;
      this.#handleHeader(this.#head, 0, now);
      return;
    }
    this.#headWanted = HEADER_LENGTH;
    this.#headLength = 0;
    const stream = this.#hub.streams.get(readU32(this.#head, 4));
    if (stream === undefined) this.#hub.stats.framesIgnored += 1;
    else stream.handleUpdate(readU32(this.#head, HEADER_LENGTH), readU32(this.#head, HEADER_LENGTH + 4));
  }

  #handleHeader(bytes: Uint8Array, offset: number, now: number): void {
    this.#keepalive.heard();
    this.#hub.stats.framesReceived += 1;
    const version = bytes[offset]!;
    const cmd = bytes[offset + 1]!;
    const length = readU16(bytes, offset + 2);
    const sid = readU32(bytes, offset + 4);
    if (version !== this.#version || cmd > CMD_UPD || !lengthAllowed(version, cmd, length)) {
      const versions = { seenVersion: version, expectedVersion: this.#version };
      this.#end(new SmuxError('KCPTUN_ERR_SMUX_INVALID_PROTOCOL', 'invalid protocol', versions));
    } else if (cmd === CMD_PSH) {
      this.#payloadLeft = length;
      this.#payloadStream = this.#hub.streams.get(sid);
      if (length === 0) this.#payloadStream?.handleMark();
      else if (this.#payloadStream !== undefined) this.#hub.stats.streamFrames += 1;
    } else if (cmd === CMD_SYN) {
      this.#handleSyn(sid, now);
    } else if (cmd === CMD_FIN) {
      const stream = this.#hub.streams.get(sid);
      if (stream === undefined) this.#hub.stats.framesIgnored += 1;
      else stream.handleFin();
    } else if (cmd === CMD_UPD) {
      this.#hub.stats.streamFrames += 1;
      this.#headLength = HEADER_LENGTH;
      this.#headWanted = HEADER_LENGTH + UPD_LENGTH;
    }
  }

  #handleSyn(sid: number, now: number): void {
    const hub = this.#hub;
    if (hub.streams.has(sid)) {
      hub.stats.framesIgnored += 1;
    } else if (hub.streams.size >= hub.config.maxStreams) {
      hub.stats.streamsRefused += 1;
      hub.writer.refuse(sid);
    } else if (this.#accept.length >= hub.config.acceptBacklog) {
      this.#blockedSid = sid;
    } else {
      const stream = new SmuxStream(hub, sid, false, now);
      hub.streams.set(sid, stream);
      this.#accept.push(stream);
    }
  }

  #end(reason: SmuxError | undefined): void {
    const hub = this.#hub;
    if (hub.ended) return;
    hub.ended = true;
    this.#error = reason;
    hub.writer.clear();
    this.#accept.clear();
    this.#payloadStream = undefined;
    this.#payloadLeft = 0;
    // An error costs more than a session without streams.
    if (hub.streams.size === 0) return;
    const error = reason ?? new SmuxError('KCPTUN_ERR_SMUX_SESSION_CLOSED', 'session is closed');
    for (const stream of hub.streams.values()) stream.handleSessionEnd(error);
    hub.streams.clear();
  }

  /** @internal For tests of the end of the ids: the id of the next stream. */
  set nextSid(sid: number) {
    this.#nextSid = checkInteger(sid, 'sid', 0, LAST_SID);
  }
}

/** Since 1.5.56 upstream refuses a payload where none belongs; all peers send these lengths (PROTOCOL smux §3). */
function lengthAllowed(version: number, cmd: number, length: number): boolean {
  if (cmd === CMD_PSH) return true;
  if (cmd === CMD_UPD) return version === 2 && length === UPD_LENGTH;
  return length === 0;
}
