// The TCP server behind a tunnel under test: takes an upload, answers with bytes of its own and the hash of what it got.
// The exchange is described in transfer-protocol.ts.

import { createHash, type Hash } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { checkPattern } from '../bytes.ts';
import { writePattern } from './pattern-writer.ts';
import { DOWNLOAD_SEED, FLAG_AT_ONCE, HEADER_BYTES, UNTIL_EOF } from './transfer-protocol.ts';

/** Options of {@link startTarget}. */
export interface TargetOptions {
  /** Port to listen on (default 0: any free one). */
  readonly port?: number;
  /** Address to listen on (default 127.0.0.1). */
  readonly host?: string;
  /** Unix socket to listen on instead of a port. */
  readonly path?: string;
  /** Asked for each new connection: whether it is left unread for good (default: never). */
  readonly stalls?: () => boolean;
}

/** Counters of a {@link Target}. */
export interface TargetStats {
  /** Connections accepted. */
  readonly connections: number;
  /** Connections that ended without a single byte. */
  readonly empty: number;
  /** Connections open now. */
  readonly open: number;
  /** Most connections open at the same time. */
  readonly mostOpen: number;
  /** Bytes of uploads, without headers. */
  readonly uploaded: number;
  /** Exchanges that were answered completely. */
  readonly answered: number;
  /** Uploads with bytes that are not those of their pattern. */
  readonly wrong: number;
  /** Uploads that ended in order before they were complete. */
  readonly cut: number;
  /** Connections that were left unread. */
  readonly stalled: number;
}

/** A running target. */
export interface Target {
  /** The port that it listens on; 0 for a unix socket. */
  readonly port: number;
  /** The counters so far: a view that stays true. */
  readonly stats: TargetStats;
  /** Waits until `count` connections are open at the same time; bound it from outside. */
  opened(count: number): Promise<void>;
  /** Closes the connections that were left unread. */
  endStalled(): void;
  /** Ends all connections and stops listening. May be called again. */
  close(): Promise<void>;
}

type Counters = { -readonly [Name in keyof TargetStats]: TargetStats[Name] };

/** Connections that may wait to be accepted, as far as the system allows. */
const LONGEST_BACKLOG = 65_535;

/** Starts a target; close it in the clean-up of the test. */
export async function startTarget(options: TargetOptions = {}): Promise<Target> {
  const stats: Counters = { connections: 0, empty: 0, open: 0, mostOpen: 0, uploaded: 0, answered: 0, wrong: 0, cut: 0, stalled: 0 };
  const sockets = new Set<Socket>();
  const stalled: Socket[] = [];
  const waiting = new Set<() => void>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    stats.connections += 1;
    stats.open = sockets.size;
    stats.mostOpen = Math.max(stats.mostOpen, stats.open);
    for (const look of waiting) look();
    socket.once('close', () => {
      sockets.delete(socket);
      stats.open = sockets.size;
    });
    // A reset by the client ends the exchange; the client knows why it did that.
    socket.on('error', () => socket.destroy());
    if (options.stalls?.() === true) {
      stats.stalled += 1;
      stalled.push(socket);
    } else new Exchange(socket, stats).start();
  });
  const backlog = LONGEST_BACKLOG;
  if (options.path === undefined) server.listen({ port: options.port ?? 0, host: options.host ?? '127.0.0.1', backlog });
  else server.listen({ path: options.path, backlog });
  await once(server, 'listening');
  return {
    port: options.path === undefined ? (server.address() as AddressInfo).port : 0,
    stats,
    opened(count) {
      return new Promise((resolve) => {
        const look = (): void => {
          if (stats.open < count) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      });
    },
    endStalled() {
      for (const socket of stalled.splice(0)) socket.destroy();
    },
    async close() {
      if (!server.listening) return;
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

class Exchange {
  readonly #socket: Socket;
  readonly #stats: Counters;
  readonly #hash: Hash = createHash('sha256');
  #header: Buffer = Buffer.alloc(0);
  #expected = 0;
  #uploaded = 0;
  #wrong = false;
  #uploadDone = false;
  #downloadDone = false;

  constructor(socket: Socket, stats: Counters) {
    this.#socket = socket;
    this.#stats = stats;
  }

  start(): void {
    this.#socket.on('data', (bytes: Buffer) => this.#take(bytes));
    this.#socket.once('end', () => {
      if (this.#header.length === 0) this.#stats.empty += 1;
      if (this.#header.length === HEADER_BYTES && this.#expected === UNTIL_EOF) this.#endUpload();
      // Anything else that ends early cannot be answered: passing the EOF on is all there is to say.
      else if (!this.#uploadDone) {
        if (this.#header.length > 0) this.#stats.cut += 1;
        this.#socket.end();
      }
    });
  }

  #take(bytes: Buffer): void {
    let rest = bytes;
    if (this.#header.length < HEADER_BYTES) {
      const part = rest.subarray(0, HEADER_BYTES - this.#header.length);
      this.#header = Buffer.concat([this.#header, part]);
      if (this.#header.length < HEADER_BYTES) return;
      rest = rest.subarray(part.length);
      this.#expected = this.#header.readUInt32LE(0);
      if ((this.#header.readUInt32LE(12) & FLAG_AT_ONCE) !== 0) this.#download();
    } else if (rest.length === 0) return;
    if (!this.#wrong && checkPattern(rest, this.#header.readUInt32LE(8), this.#uploaded) >= 0) {
      this.#wrong = true;
      this.#stats.wrong += 1;
    }
    this.#hash.update(rest);
    this.#uploaded += rest.length;
    this.#stats.uploaded += rest.length;
    // Bytes beyond the announced upload would change the hash too late to be seen: cut the connection instead.
    if (this.#uploaded > this.#expected) this.#socket.destroy();
    else if (this.#uploaded === this.#expected) this.#endUpload();
  }

  #endUpload(): void {
    this.#uploadDone = true;
    if ((this.#header.readUInt32LE(12) & FLAG_AT_ONCE) === 0) this.#download();
    else this.#finish();
  }

  #download(): void {
    writePattern(this.#socket, 0, this.#header.readUInt32LE(4), this.#header.readUInt32LE(8) ^ DOWNLOAD_SEED, () => {
      this.#downloadDone = true;
      this.#finish();
    });
  }

  #finish(): void {
    if (!this.#uploadDone || !this.#downloadDone) return;
    this.#stats.answered += 1;
    this.#socket.end(this.#hash.digest());
  }
}
