// TCP and unix sockets of node:net behind the host's plain interface.

import net from 'node:net';
import { formatAddress } from '../address.ts';
import { TransportError } from '../errors.ts';
import type { ByteConnection, ByteEvents, ByteListener, HostTimer, StreamAddress } from '../host.ts';

const UNSET: ByteEvents = { onData: () => {}, onEnd: () => {}, onClose: () => {} };

/** A connected socket of node:net. */
class NetConnection implements ByteConnection {
  events: ByteEvents = UNSET;
  readonly remoteLabel: string;
  readonly #socket: net.Socket;
  readonly #unix: boolean;
  #error: Error | undefined;
  #listening = false;

  constructor(socket: net.Socket, label: string, unix: boolean) {
    this.#socket = socket;
    this.#unix = unix;
    this.remoteLabel = label;
    socket.setNoDelay(true);
    socket.on('end', () => this.events.onEnd());
    socket.on('error', (error) => {
      this.#error = error;
    });
    socket.on('close', () => this.events.onClose(this.#error));
    socket.pause();
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

  destroy(reset: boolean): void {
    const socket = this.#socket;
    // A unix socket can not be reset, and one that is being shut down neither: closing it is all there is.
    const shuttingDown = socket.writableEnded && !socket.writableFinished;
    if (!reset || this.#unix || shuttingDown || socket.destroyed) socket.destroy();
    else socket.resetAndDestroy();
  }
}

function describe(address: StreamAddress): string {
  return 'path' in address ? address.path : formatAddress(address.host, address.port);
}

/** Connects to a target; cancelling the returned handle ends the attempt. */
export function connectBytes(
  address: StreamAddress,
  callback: (error: Error | undefined, connection: ByteConnection | undefined) => void,
): HostTimer {
  const socket = net.connect({ ...address, allowHalfOpen: true });
  const fail = (cause: Error): void => {
    socket.destroy();
    callback(new TransportError('KCPTUN_ERR_TRANSPORT_CONNECT', cause.message, { cause }), undefined);
  };
  socket.once('error', fail);
  socket.once('connect', () => {
    socket.off('error', fail);
    const label = 'path' in address ? address.path : formatAddress(socket.remoteAddress ?? address.host, socket.remotePort ?? address.port);
    callback(undefined, new NetConnection(socket, label, 'path' in address));
  });
  return { cancel: () => socket.destroy() };
}

/** Listens on a TCP address or unix path. */
export function listenBytes(
  address: StreamAddress,
  onConnection: (connection: ByteConnection) => void,
  callback: (error: Error | undefined, listener: ByteListener | undefined) => void,
  onError: (error: Error) => void,
): void {
  const server = net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    const remote = socket.remoteAddress;
    const label = remote === undefined ? describe(address) : formatAddress(remote, socket.remotePort ?? 0);
    onConnection(new NetConnection(socket, label, 'path' in address));
  });
  const fail = (cause: Error): void => {
    // What listen() says names the address already; what the resolver says does not.
    const message = cause.message.startsWith('listen ') ? cause.message : `listen ${describe(address)}: ${cause.message}`;
    callback(new TransportError('KCPTUN_ERR_TRANSPORT_BIND', message, { cause }), undefined);
  };
  server.once('error', fail);
  const ready = (): void => {
    server.off('error', fail);
    server.on('error', onError);
    const bound = server.address();
    const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
    const label = typeof bound === 'object' && bound !== null ? formatAddress(bound.address, bound.port) : describe(address);
    callback(undefined, { label, port, close: () => server.close() });
  };
  if ('path' in address) server.listen({ path: address.path }, ready);
  else if (address.host === '') server.listen({ port: address.port }, ready);
  else server.listen({ port: address.port, host: address.host }, ready);
}
