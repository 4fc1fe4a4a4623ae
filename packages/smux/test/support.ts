// Two sessions in memory and the frames between them.

import { ChunkPool } from '@kcptun/common';
import { parseSmuxConfig, type SmuxConfig, SmuxSession, type SmuxStream } from '../src/index.ts';

export interface Frame {
  readonly version: number;
  readonly cmd: number;
  readonly sid: number;
  readonly payload: Uint8Array;
  readonly bytes: Uint8Array;
}

/** A sink that keeps everything and can be told to have little room. */
export class Recorder {
  readonly writes: Uint8Array[] = [];
  limit: number;
  length = 0;

  constructor(limit: number = Number.POSITIVE_INFINITY) {
    this.limit = limit;
  }

  room(): number {
    return Math.max(0, this.limit - this.length);
  }

  write(bytes: Uint8Array, offset: number, length: number): void {
    this.writes.push(bytes.slice(offset, offset + length));
    this.length += length;
  }

  /** Everything written since the last call. */
  drain(): Uint8Array {
    const all = concat(this.writes);
    this.writes.length = 0;
    this.length = 0;
    return all;
  }
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** Equality of long arrays, which the test runner's deep comparison is too slow for. */
export function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** Cuts a byte stream that consists of whole frames. */
export function parseFrames(bytes: Uint8Array): Frame[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const frames: Frame[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 8 + view.getUint16(at + 2, true);
    frames.push({
      version: view.getUint8(at),
      cmd: view.getUint8(at + 1),
      sid: view.getUint32(at + 4, true),
      payload: bytes.subarray(at + 8, end),
      bytes: bytes.subarray(at, end),
    });
    at = end;
  }
  return frames;
}

/** Builds a frame by hand. */
export function frame(version: number, cmd: number, sid: number, payload: Uint8Array | number[] = [], length = payload.length): Uint8Array {
  const bytes = new Uint8Array(8 + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, version);
  view.setUint8(1, cmd);
  view.setUint16(2, length, true);
  view.setUint32(4, sid, true);
  bytes.set(payload, 8);
  return bytes;
}

export function upd(sid: number, consumed: number, window: number): Uint8Array {
  const payload = new DataView(new ArrayBuffer(8));
  payload.setUint32(0, consumed, true);
  payload.setUint32(4, window, true);
  return frame(2, 4, sid, new Uint8Array(payload.buffer));
}

/** The byte pattern of the vectors, from a stream offset on. */
export function pattern(offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let index = 0, i = offset; index < length; index++, i++) bytes[index] = (i * 13 + (i >> 8) + 1) & 255;
  return bytes;
}

export function makeSession(client: boolean, config: Partial<SmuxConfig> = {}, pool: ChunkPool = new ChunkPool()): SmuxSession {
  return new SmuxSession({ client, config: parseSmuxConfig(config), pool, now: 0 });
}

export function feed(session: SmuxSession, bytes: Uint8Array, now = 0): number {
  return session.handleData(bytes, 0, bytes.length, now);
}

/** The frames that a session has to send now, up to `limit` bytes. */
export function output(session: SmuxSession, limit?: number): Frame[] {
  const sink = new Recorder(limit);
  session.pollTransmit(sink);
  return parseFrames(sink.drain());
}

/** Takes everything readable of a stream without reporting it as consumed. */
export function takeAll(stream: SmuxStream, pool: ChunkPool): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let chunk = stream.take(); chunk !== undefined; chunk = stream.take()) {
    parts.push(chunk.bytes.slice(chunk.start, chunk.end));
    pool.release(chunk);
  }
  return concat(parts);
}

/** Reads everything: takes it and reports it consumed. */
export function readAll(stream: SmuxStream, pool: ChunkPool): Uint8Array {
  const bytes = takeAll(stream, pool);
  stream.consumed(bytes.length);
  return bytes;
}

/** A client and a server joined without loss; what a full receiver leaves over is offered again. */
export class Pair {
  readonly pool: ChunkPool = new ChunkPool();
  readonly client: SmuxSession;
  readonly server: SmuxSession;
  readonly toServer: Frame[] = [];
  readonly toClient: Frame[] = [];
  #upstream: Uint8Array = new Uint8Array(0);
  #downstream: Uint8Array = new Uint8Array(0);

  constructor(config: Partial<SmuxConfig> = {}, serverConfig: Partial<SmuxConfig> = config) {
    this.client = makeSession(true, config, this.pool);
    this.server = makeSession(false, serverConfig, this.pool);
  }

  /** Moves frames, about `limit` bytes at a time, until neither end has output that the other takes. */
  pump(limit?: number): void {
    for (let moved = true; moved; ) {
      const up = output(this.client, limit);
      const down = output(this.server, limit);
      this.toServer.push(...up);
      this.toClient.push(...down);
      const upBytes = concat([this.#upstream, ...up.map((one) => one.bytes)]);
      const downBytes = concat([this.#downstream, ...down.map((one) => one.bytes)]);
      const upTaken = feed(this.server, upBytes);
      const downTaken = feed(this.client, downBytes);
      this.#upstream = upBytes.subarray(upTaken);
      this.#downstream = downBytes.subarray(downTaken);
      moved = upTaken + downTaken > 0;
    }
  }

  /** Opens a stream on the client and gives both of its ends. */
  open(): [SmuxStream, SmuxStream] {
    const near = this.client.openStream(0);
    this.pump();
    const far = this.server.pollAccept();
    if (far === undefined) throw new Error('the server did not accept');
    return [near, far];
  }
}
