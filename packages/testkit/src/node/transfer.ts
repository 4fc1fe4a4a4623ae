// The client of a target (see transfer-protocol.ts): uploads, downloads, and checks every byte of both ways.

import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { checkPattern, fillPattern } from '../bytes.ts';
import { writePattern } from './pattern-writer.ts';
import { CHUNK_BYTES, DOWNLOAD_SEED, FLAG_AT_ONCE, HASH_BYTES, HEADER_BYTES, UNTIL_EOF } from './transfer-protocol.ts';

/**
 * When the target answers: `after-upload` (it knows the length), `at-once` (both directions at the same time) or `after-eof`
 * (the client half-closes, and the answer comes back over the other half).
 */
export type Order = 'after-upload' | 'at-once' | 'after-eof';

/** Options of {@link transfer}. */
export interface TransferOptions {
  /** TCP port to connect to: of a tunnel's client, or of the target itself. */
  readonly port: number;
  /** Address to connect to (default 127.0.0.1). */
  readonly host?: string;
  /** Unix socket to connect to instead of the port: such a one is reached from every network namespace. */
  readonly path?: string;
  /** Bytes to send, 0 to 2^32 - 2. */
  readonly upload: number;
  /** Bytes to get back, 0 to 2^32 - 1. */
  readonly download: number;
  /** Makes the bytes differ from those of other transfers (default 1). */
  readonly seed?: number;
  /** When the target answers (default `after-upload`). */
  readonly order?: Order;
  /** The last byte of the upload waits for this, so the exchange cannot end before (default: it does not wait). */
  readonly gate?: Promise<void>;
  /** The whole exchange must be over after this time in ms (default 40 s). */
  readonly timeoutMs?: number;
}

/** How long a transfer took. */
export interface TransferResult {
  /** From the start of connecting to the end of the exchange, in ms. */
  readonly ms: number;
  /** From the start of connecting to the first byte that came back, in ms. */
  readonly firstByteMs: number;
}

const DEFAULT_TIMEOUT_MS = 40_000;

/**
 * How an exchange failed: `wrong` bytes came back or arrived, `cut` (an orderly end before all was there), `broken` (refused or reset), or `late`
 * (time was over).
 */
export type TransferFailure = 'wrong' | 'cut' | 'broken' | 'late';

/** An exchange that failed. */
export class TransferError extends Error {
  override readonly name = 'TransferError';
  /** How it failed. */
  readonly failure: TransferFailure;

  /** @internal */
  constructor(failure: TransferFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}

/**
 * Makes one exchange with a target and checks it.
 * @throws {TransferError} when bytes are missing, wrong or too many, the hash differs, the connection breaks or the time is over
 */
export function transfer(options: TransferOptions): Promise<TransferResult> {
  const seed = options.seed ?? 1;
  const order = options.order ?? 'after-upload';
  const expectedHash = hashOfPattern(options.upload, seed);
  const started = performance.now();
  return withSocket(options, (socket, resolve, reject) => {
    const tail = Buffer.alloc(HASH_BYTES);
    options.gate?.catch(reject);
    let received = 0;
    let firstByteMs = 0;
    socket.once('connect', () => {
      const header = Buffer.alloc(HEADER_BYTES);
      header.writeUInt32LE(order === 'after-eof' ? UNTIL_EOF : options.upload, 0);
      header.writeUInt32LE(options.download, 4);
      header.writeUInt32LE(seed >>> 0, 8);
      header.writeUInt32LE(order === 'at-once' ? FLAG_AT_ONCE : 0, 12);
      socket.write(header);
      const finish = (): void => {
        if (order === 'after-eof') socket.end();
      };
      const { gate, upload } = options;
      if (gate === undefined || upload === 0) writePattern(socket, 0, upload, seed, finish);
      else {
        writePattern(socket, 0, upload - 1, seed, () => {
          gate.then(
            () => writePattern(socket, upload - 1, upload, seed, finish),
            () => {},
          );
        });
      }
    });
    socket.on('data', (bytes: Buffer) => {
      if (received === 0) firstByteMs = performance.now() - started;
      const payload = bytes.subarray(0, Math.max(0, options.download - received));
      const wrong = checkPattern(payload, seed ^ DOWNLOAD_SEED, received);
      if (wrong >= 0) return reject(new TransferError('wrong', `byte ${received + wrong} of the download is wrong`));
      const hashAt = Math.max(0, received - options.download);
      const rest = bytes.subarray(payload.length);
      if (hashAt + rest.length > HASH_BYTES) return reject(new TransferError('wrong', 'more bytes came back than were asked for'));
      rest.copy(tail, hashAt);
      received += bytes.length;
    });
    socket.once('end', () => {
      if (received < options.download + HASH_BYTES) {
        reject(new TransferError('cut', `the connection ended after ${received} of ${options.download + HASH_BYTES} bytes`));
      } else if (!tail.equals(expectedHash)) {
        reject(new TransferError('wrong', 'the target got another upload than was sent: the hashes differ'));
      } else {
        resolve({ ms: performance.now() - started, firstByteMs });
      }
    });
    return () => `${socket.bytesWritten} bytes written, ${received} of ${options.download + HASH_BYTES} received`;
  });
}

/**
 * Connects, says nothing and half-closes; resolves when the other side has ended without a byte.
 * @throws {TransferError} when bytes come, the connection breaks or the time is over
 */
export function touch(options: Pick<TransferOptions, 'port' | 'host' | 'path' | 'timeoutMs'>): Promise<void> {
  return withSocket(options, (socket, resolve, reject) => {
    socket.once('connect', () => socket.end());
    socket.on('data', (bytes: Buffer) => reject(new TransferError('wrong', `${bytes.length} bytes came back on an empty connection`)));
    socket.once('end', () => resolve());
    return () => 'no end of the connection';
  });
}

/** Runs an exchange on a socket of its own, which is destroyed afterwards in any case. */
function withSocket<T>(
  options: Pick<TransferOptions, 'port' | 'host' | 'path' | 'timeoutMs'>,
  run: (socket: Socket, resolve: (value: T) => void, reject: (error: Error) => void) => () => string,
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const { port, host = '127.0.0.1', path } = options;
  const socket = connect({ ...(path === undefined ? { port, host } : { path }), noDelay: true, allowHalfOpen: true });
  let timer: NodeJS.Timeout | undefined;
  const outcome = new Promise<T>((resolve, reject) => {
    const state = run(socket, resolve, reject);
    timer = setTimeout(() => reject(new TransferError('late', `the transfer was not over after ${timeoutMs} ms: ${state()}`)), timeoutMs);
    socket.once('error', (error) =>
      reject(new TransferError('broken', `the connection broke (${error.message}): ${state()}`, { cause: error })),
    );
    socket.once('close', () => reject(new TransferError('broken', `the connection was closed: ${state()}`)));
  });
  return outcome.finally(() => {
    clearTimeout(timer);
    socket.destroy();
  });
}

function hashOfPattern(length: number, seed: number): Buffer {
  const hash = createHash('sha256');
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (let position = 0; position < length; position += CHUNK_BYTES) {
    const part = chunk.subarray(0, Math.min(CHUNK_BYTES, length - position));
    fillPattern(part, seed, position);
    hash.update(part);
  }
  return hash.digest();
}
