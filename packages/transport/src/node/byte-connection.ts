// TCP and unix sockets of node:net behind the host's plain interface. All connections read into one buffer: what arrives is handed on before the
// next read. A Buffer for each read, as 'data' events bring them, is what makes V8 collect garbage: at 300 MB/s it marks its whole heap six
// times a second because of them (measured: a sixth of the processor time of a sending client).

import { lstatSync, rmSync } from 'node:fs';
import net from 'node:net';
import { formatAddress } from '../address.ts';
import { TransportError } from '../errors.ts';
import { type ByteConnection, type ByteEvents, type ByteListener, type HostTimer, MAX_READ, type StreamAddress } from '../host.ts';
import { isAbstract, systemPath, unixPathProblem } from '../unix-path.ts';
import { keepAlive } from './keep-alive.ts';

const UNSET: ByteEvents = { onData: () => {}, onEnd: () => {}, onClose: () => {} };
/** Connections that may wait to be accepted: as many as the system allows (`somaxconn`), as in the Go programs, and not the 511 of Node. */
const BACKLOG = 65_535;
/** Where many connections wait for their turn, what was read from each and cannot be sent yet adds up: those beyond the first few read less at a time. */
const MANY_READ_SIZE = 64 * 1024;
const FEW_CONNECTIONS = 16;
/** What each of many begins with, until a read shows that it has more: they may all begin at one time. */
const FIRST_READ_SIZE = 8 * 1024;
const readBuffer = new Uint8Array(MAX_READ);
const manyReadBuffer = readBuffer.subarray(0, MANY_READ_SIZE);
const firstReadBuffer = readBuffer.subarray(0, FIRST_READ_SIZE);
let connections = 0;

/** Where a socket's bytes go; the connection is made when the socket is connected. */
interface Reader {
  connection: NetConnection | undefined;
  readonly onread: net.OnReadOpts;
}

function createReader(): Reader {
  let next = firstReadBuffer;
  const reader: Reader = {
    connection: undefined,
    onread: {
      buffer: connections < FEW_CONNECTIONS ? readBuffer : () => next,
      callback: (length) => {
        next = length >= next.length ? manyReadBuffer : firstReadBuffer;
        reader.connection?.events.onData(length === MAX_READ ? readBuffer : readBuffer.subarray(0, length));
        return true;
      },
    },
  };
  return reader;
}

/** A connected socket of node:net. */
class NetConnection implements ByteConnection {
  events: ByteEvents = UNSET;
  readonly remoteLabel: string;
  readonly #socket: net.Socket;
  readonly #unix: boolean;
  #error: Error | undefined;
  #listening: boolean;

  /** @param reader - where the socket's bytes go; without one they come as 'data' events */
  constructor(socket: net.Socket, label: string, unix: boolean, reader: Reader | undefined) {
    this.#socket = socket;
    this.#unix = unix;
    this.remoteLabel = label;
    this.#listening = reader !== undefined;
    connections += 1;
    if (reader !== undefined) reader.connection = this;
    socket.setNoDelay(true);
    socket.on('end', () => this.#handleEnd());
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('close', () => {
      connections -= 1;
      this.events.onClose(this.#error);
    });
    socket.pause();
  }

  /** Where a reset is found behind unread bytes, libuv tells it as an end: what was cut off must not look complete. */
  #handleEnd(): void {
    const socket = this.#socket;
    if (socket.writableEnded || !isDisconnected(socket)) {
      this.events.onEnd();
      return;
    }
    this.#error ??= new Error('read ECONNRESET');
    socket.destroy();
  }

  write(bytes: Uint8Array, onTaken: () => void): void {
    this.#socket.write(bytes, onTaken);
  }

  end(): void {
    this.#socket.end();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#listening) {
      this.#listening = true;
      this.#socket.on('data', (bytes: Buffer) => this.events.onData(bytes));
    }
    this.#socket.resume();
  }

  keepAlive(time: number): void {
    if (!this.#unix && !this.#socket.destroyed) keepAlive(this.#socket, time);
  }

  destroy(reset: boolean): void {
    const socket = this.#socket;
    // A unix socket cannot be reset, and one that is being shut down neither: closing it is all there is.
    const shuttingDown = socket.writableEnded && !socket.writableFinished;
    if (!reset || this.#unix || shuttingDown || socket.destroyed) socket.destroy();
    else socket.resetAndDestroy();
  }
}

/**
 * A socket that reads into a given buffer in the place of one that a server has accepted: servers have no option for that, so the new socket is
 * given the handle of the old one. Both names are internal to Node, though unchanged since long before version 20; where they are not as
 * expected the result is `undefined`, and the accepted socket is as it was.
 */
function takeOver(accepted: net.Socket, reader: Reader): net.Socket | undefined {
  const from = accepted as { _handle?: { useUserBuffer?: unknown } | null };
  const handle = from._handle;
  if (typeof handle?.useUserBuffer !== 'function') return undefined;
  const options = { handle, allowHalfOpen: true, pauseOnCreate: true, onread: reader.onread };
  const socket = new net.Socket(options as net.SocketConstructorOpts);
  from._handle = null;
  accepted.destroy();
  return socket;
}

/** Whether the system has no peer for a TCP socket any more; false where Node's internals are not as expected. */
function isDisconnected(socket: net.Socket): boolean {
  const handle = (socket as { _handle?: { getpeername?: (out: object) => number } | null })._handle;
  return typeof handle?.getpeername === 'function' && handle.getpeername({}) !== 0;
}

function describe(address: StreamAddress): string {
  return 'path' in address ? address.path : formatAddress(address.host, address.port);
}

/** Why the name of a unix socket cannot be used; Node 20 cuts one that is too long. */
function pathProblem(address: StreamAddress): string | undefined {
  const problem = 'path' in address ? unixPathProblem(address.path, process.platform) : undefined;
  return problem === undefined ? undefined : `${describe(address)} ${problem}`;
}

/** Connects to a target; cancelling the returned handle ends the attempt. */
export function connectBytes(
  address: StreamAddress,
  callback: (error: Error | undefined, connection: ByteConnection | undefined) => void,
): HostTimer {
  const problem = pathProblem(address);
  if (problem !== undefined) {
    const told = setImmediate(callback, new TransportError('KCPTUN_ERR_TRANSPORT_CONNECT', `connect ${problem}`), undefined);
    return { cancel: () => clearImmediate(told) };
  }
  const reader = createReader();
  const place = 'path' in address ? { path: systemPath(address.path) } : address;
  const socket = net.connect({ ...place, allowHalfOpen: true, onread: reader.onread });
  const fail = (cause: Error): void => {
    socket.destroy();
    // Node adds the local address, which a socket without a descriptor does not have.
    const message = cause.message.replace(/ - Local \(undefined:undefined\)$/, '');
    callback(new TransportError('KCPTUN_ERR_TRANSPORT_CONNECT', message, { cause }), undefined);
  };
  socket.once('error', fail);
  socket.once('connect', () => {
    socket.off('error', fail);
    const label = 'path' in address ? address.path : formatAddress(socket.remoteAddress ?? address.host, socket.remotePort ?? address.port);
    callback(undefined, new NetConnection(socket, label, 'path' in address, reader));
  });
  return { cancel: () => socket.destroy() };
}

/** Removes a unix socket that nobody listens on any more: a process that was killed leaves it. Anything else at its place stays. */
function removeStale(path: string, callback: (removed: boolean) => void): void {
  if (isAbstract(path) || !isSocket(path)) {
    callback(false);
    return;
  }
  const probe = net.connect({ path });
  probe.once('connect', () => {
    probe.destroy();
    callback(false);
  });
  probe.once('error', ({ code }: NodeJS.ErrnoException) => {
    const stale = code === 'ECONNREFUSED';
    callback(stale && remove(path));
  });
}

/** Whether the file is gone now. */
function remove(path: string): boolean {
  try {
    rmSync(path, { force: true });
    return true;
  } catch {
    return false;
  }
}

function isSocket(path: string): boolean {
  try {
    return lstatSync(path).isSocket();
  } catch {
    return false;
  }
}

/** Listens on a TCP address or unix path. */
export function listenBytes(
  address: StreamAddress,
  onConnection: (connection: ByteConnection) => void,
  callback: (error: Error | undefined, listener: ByteListener | undefined) => void,
  onError: (error: Error) => void,
): void {
  const problem = pathProblem(address);
  if (problem !== undefined) {
    setImmediate(callback, new TransportError('KCPTUN_ERR_TRANSPORT_BIND', `listen ${problem}`), undefined);
    return;
  }
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    const remote = socket.remoteAddress;
    const label = remote === undefined ? describe(address) : formatAddress(remote, socket.remotePort ?? 0);
    const reader = createReader();
    const taken = takeOver(socket, reader);
    onConnection(new NetConnection(taken ?? socket, label, 'path' in address, taken === undefined ? undefined : reader));
  });
  const fail = (cause: Error): void => {
    // What listen() says names the address already; what the resolver says does not.
    const message = cause.message.startsWith('listen ') ? cause.message : `listen ${describe(address)}: ${cause.message}`;
    callback(new TransportError('KCPTUN_ERR_TRANSPORT_BIND', message, { cause }), undefined);
  };
  const onFailed = (cause: NodeJS.ErrnoException): void => {
    if (!('path' in address) || cause.code !== 'EADDRINUSE') {
      fail(cause);
      return;
    }
    removeStale(address.path, (removed) => {
      if (!removed) {
        fail(cause);
        return;
      }
      server.once('error', fail);
      server.listen({ path: systemPath(address.path), backlog: BACKLOG });
    });
  };
  server.once('error', onFailed);
  const ready = (): void => {
    server.off('error', onFailed);
    server.off('error', fail);
    server.on('error', onError);
    const bound = server.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    const label = typeof bound === 'object' && bound !== null ? formatAddress(bound.address, bound.port) : describe(address);
    callback(undefined, { label, port, close: () => server.close() });
  };
  server.once('listening', ready);
  if ('path' in address) server.listen({ path: systemPath(address.path), backlog: BACKLOG });
  else if (address.host === '') server.listen({ port: address.port, backlog: BACKLOG });
  else server.listen({ port: address.port, host: address.host, backlog: BACKLOG });
}
