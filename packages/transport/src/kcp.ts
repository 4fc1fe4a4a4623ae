// Dialing and listening with KcpConnection: KCP for applications that want streams and nothing of the tunnel.

import { channel } from 'node:diagnostics_channel';
import { EventEmitter } from 'node:events';
import { checkInteger } from '@kcptun/common';
import { type CryptMethod, checkPassword } from '@kcptun/crypt';
import { parseSessionParameters, type Session, SessionCensus, type SessionLimits, type SessionParameters } from '@kcptun/session';
import { TransportError } from './errors.ts';
import type { Host, SocketAddress } from './host.ts';
import { KcpConnection, type KcpConnectionOptions } from './kcp-connection.ts';
import { createNodeHost } from './node/host.ts';
import { Scheduler } from './scheduler.ts';
import { SharedCrypt } from './shared-crypt.ts';
import { UdpEndpoint } from './udp-endpoint.ts';

/** What both ends of a KCP connection are made with. `key`, `crypt` must be equal at both ends. */
export interface KcpOptions extends Partial<SessionParameters>, KcpConnectionOptions {
  /** Shared secret, any text but the empty one. */
  readonly key: string;
  /** Takes the empty key, which everybody has; default false. */
  readonly allowEmptyKey?: boolean;
  /** Packet encryption, default `aes`. */
  readonly crypt?: CryptMethod;
  /** Wanted size of the kernel's socket buffers in bytes, default 4194304. */
  readonly socketBuffer?: number;
  /** Drops datagrams that were seen before and lets a listener's sessions follow their peers to other addresses; default true. */
  readonly replayProtection?: boolean;
  /** The world to live in; by default this process. */
  readonly host?: Host;
}

/** How to dial. */
export interface DialOptions extends KcpOptions {
  /** Name or IP literal of the server. */
  readonly address: string;
  readonly port: number;
}

/** How to listen. */
export interface ListenOptions extends KcpOptions, SessionLimits {
  /** Local IP literal, default all addresses. */
  readonly address?: string;
  /** Local UDP port, 0 for any. */
  readonly port: number;
}

const DEFAULT_SOCKET_BUFFER = 4 * 1024 * 1024;
const refused = channel('kcptun:datagram:refused');

/** What connections of one dialer or listener live on. */
interface Setup {
  readonly host: Host;
  readonly scheduler: Scheduler;
  readonly crypt: SharedCrypt;
  readonly parameters: SessionParameters;
}

let processHost: Host | undefined;

function setUp(options: KcpOptions): Setup {
  checkPassword(options.key, options.allowEmptyKey ?? false);
  const parameters = parseSessionParameters(pickParameters(options));
  let { host } = options;
  if (host === undefined) {
    // One for all that name none: each has a memory of its own, which costs address space.
    processHost ??= createNodeHost();
    host = processHost;
  }
  return { host, scheduler: new Scheduler(host), parameters, crypt: new SharedCrypt(host, options.crypt ?? 'aes', options.key) };
}

function throwIfAborted(signal: AbortSignal | undefined, what: string): void {
  if (signal?.aborted !== true) return;
  throw new TransportError('KCPTUN_ERR_TRANSPORT_ABORTED', `${what} was aborted`, { cause: signal.reason });
}

/**
 * Connects to a KCP listener. KCP has no handshake: this resolves when the socket is open, and the peer learns of the connection by the first data.
 * @throws {TransportError} when the name is not found or no socket can be had; KCPTUN_ERR_TRANSPORT_ABORTED when aborted
 * @throws {TypeError | RangeError} naming the option that is wrong
 */
export async function dialKcp(options: DialOptions): Promise<KcpConnection> {
  throwIfAborted(options.signal, 'dialing');
  checkInteger(options.port, 'port', 1, 65_535);
  const setup = setUp(options);
  let udp: UdpEndpoint | undefined;
  try {
    const remote = await lookUp(setup.host, options);
    throwIfAborted(options.signal, 'dialing');
    udp = await open(setup, options, { host: '', port: 0, remote, anySource: true }, 'client', undefined);
    throwIfAborted(options.signal, 'dialing');
  } catch (error) {
    udp?.close();
    setup.crypt.release();
    throw error;
  }
  const socket = udp;
  return new KcpConnection(socket, undefined, setup.scheduler, setup.host.now, options, () => {
    // The session's end is announced inside a turn: the socket goes after it.
    queueMicrotask(() => {
      socket.close();
      setup.crypt.release();
    });
  });
}

/**
 * Listens for KCP connections.
 * @throws {TransportError} KCPTUN_ERR_TRANSPORT_BIND when the port cannot be had; KCPTUN_ERR_TRANSPORT_ABORTED when aborted
 * @throws {TypeError | RangeError} naming the option that is wrong
 */
export async function listenKcp(options: ListenOptions): Promise<KcpListener> {
  throwIfAborted(options.signal, 'listening');
  checkInteger(options.port, 'port', 0, 65_535);
  const setup = setUp(options);
  let listener: KcpListener | undefined;
  let udp: UdpEndpoint | undefined;
  try {
    udp = await open(setup, options, { host: options.address ?? '', port: options.port }, 'server', (session) => listener?.accept(session));
    throwIfAborted(options.signal, 'listening');
  } catch (error) {
    udp?.close();
    setup.crypt.release();
    throw error;
  }
  const socket = udp;
  const abort = (): void => listener?.close();
  options.signal?.addEventListener('abort', abort);
  listener = new KcpListener(
    socket,
    (session) => new KcpConnection(socket, session, setup.scheduler, setup.host.now, options, () => {}),
    () => {
      options.signal?.removeEventListener('abort', abort);
      setup.crypt.release();
    },
  );
  return listener;
}

/** Accepts KCP connections: emits `connection`, and can be iterated with `for await`. */
export class KcpListener extends EventEmitter<{ connection: [KcpConnection]; close: [] }> {
  readonly #udp: UdpEndpoint;
  readonly #connect: (session: Session) => KcpConnection;
  readonly #onClosed: () => void;

  /** @internal Made by `listenKcp`. */
  constructor(udp: UdpEndpoint, connect: (session: Session) => KcpConnection, onClosed: () => void) {
    super();
    this.#udp = udp;
    this.#connect = connect;
    this.#onClosed = onClosed;
  }

  /** The bound address. */
  get local(): SocketAddress {
    return this.#udp.socket.local;
  }

  /** Ends all connections and closes the socket; idempotent. */
  close(): void {
    if (this.#udp.closed) return;
    this.#udp.close();
    this.#onClosed();
    this.emit('close');
  }

  /** Connections as they come, until the listener is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<KcpConnection> {
    if (this.#udp.closed) return;
    const closed = new AbortController();
    const abort = (): void => closed.abort();
    this.once('close', abort);
    try {
      for await (const [connection] of EventEmitter.on(this, 'connection', { signal: closed.signal })) yield connection as KcpConnection;
    } catch (error) {
      if (!closed.signal.aborted) throw error;
    } finally {
      this.off('close', abort);
    }
  }

  /** @internal */
  accept(session: Session): void {
    this.emit('connection', this.#connect(session));
  }
}

/** Finds the server's address; aborting does not wait for the answer. */
async function lookUp(host: Host, { address, port, signal }: DialOptions): Promise<SocketAddress> {
  let abort: (() => void) | undefined;
  try {
    return await new Promise<SocketAddress>((resolve, reject) => {
      abort = () => reject(new TransportError('KCPTUN_ERR_TRANSPORT_ABORTED', 'dialing was aborted', { cause: signal?.reason }));
      signal?.addEventListener('abort', abort);
      host.resolve(address, port, (error, found) => (found === undefined ? reject(error) : resolve(found[0] as SocketAddress)));
    });
  } finally {
    if (abort !== undefined) signal?.removeEventListener('abort', abort);
  }
}

function open(
  setup: Setup,
  options: KcpOptions & SessionLimits,
  address: { host: string; port: number; remote?: SocketAddress; anySource?: boolean },
  role: 'client' | 'server',
  onSession: ((session: Session) => void) | undefined,
): Promise<UdpEndpoint> {
  return new Promise((resolve, reject) => {
    const endpointOptions = {
      ...address,
      role,
      crypt: setup.crypt.crypt,
      parameters: setup.parameters,
      bufferSize: options.socketBuffer ?? DEFAULT_SOCKET_BUFFER,
      replayProtection: options.replayProtection ?? true,
      census: new SessionCensus(options),
    };
    const events = {
      ...(onSession === undefined ? {} : { onSession }),
      onRefused: (count: number, remote: SocketAddress | undefined) => refused.publish({ count, remote }),
    };
    UdpEndpoint.open(setup.host, setup.scheduler, endpointOptions, events, (error, udp) =>
      udp === undefined ? reject(error) : resolve(udp),
    );
  });
}

/** Only the keys of SessionParameters that were given. */
function pickParameters(options: KcpOptions): Partial<SessionParameters> {
  const names = [
    'nodelay',
    'interval',
    'resend',
    'nc',
    'sndWnd',
    'rcvWnd',
    'mtu',
    'dataShards',
    'parityShards',
    'keepShards',
    'ackNoDelay',
    'inflightFloor',
    'rateLimit',
  ] as const;
  return Object.fromEntries(names.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])));
}
