// Dialing and listening with KcpConnection: KCP for applications that want streams and nothing of the tunnel.

import { channel } from 'node:diagnostics_channel';
import { EventEmitter } from 'node:events';
import { type CryptMethod, deriveKey, type PacketCrypt } from '@kcptun/crypt';
import { parseSessionParameters, type Session, type SessionParameters } from '@kcptun/session';
import { TransportError } from './errors.ts';
import type { Host, SocketAddress } from './host.ts';
import { KcpConnection, type KcpConnectionOptions } from './kcp-connection.ts';
import { createNodeHost } from './node/host.ts';
import { Scheduler } from './scheduler.ts';
import { UdpEndpoint } from './udp-endpoint.ts';

/** What both ends of a KCP connection are made with. `key`, `crypt` must be equal at both ends. */
export interface KcpOptions extends Partial<SessionParameters>, KcpConnectionOptions {
  /** Shared secret, any text. */
  readonly key: string;
  /** Packet encryption, default `aes`. */
  readonly crypt?: CryptMethod;
  /** Wanted size of the kernel's socket buffers in bytes, default 4194304. */
  readonly socketBuffer?: number;
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
export interface ListenOptions extends KcpOptions {
  /** Local IP literal, default all addresses. */
  readonly address?: string;
  /** Local UDP port, 0 for any. */
  readonly port: number;
}

const DEFAULT_SOCKET_BUFFER = 4 * 1024 * 1024;
const refused = channel('kcptun:datagram:refused');

interface Setup {
  readonly host: Host;
  readonly scheduler: Scheduler;
  readonly crypt: PacketCrypt;
  readonly parameters: SessionParameters;
}

function setUp(options: KcpOptions): Setup {
  const host = options.host ?? createNodeHost();
  return {
    host,
    scheduler: new Scheduler(host),
    parameters: parseSessionParameters(pickParameters(options)),
    crypt: host.createCrypt(options.crypt ?? 'aes', deriveKey(options.key)),
  };
}

/**
 * Connects to a KCP listener. KCP has no handshake: this resolves when the socket is open, and the peer learns of the connection by the first data.
 * @throws {TransportError} when the name is not found or no socket can be had; KCPTUN_ERR_TRANSPORT_ABORTED when aborted
 */
export async function dialKcp(options: DialOptions): Promise<KcpConnection> {
  options.signal?.throwIfAborted();
  const setup = setUp(options);
  const remote = await new Promise<SocketAddress>((resolve, reject) =>
    setup.host.resolve(options.address, options.port, (error, address) => (address === undefined ? reject(error) : resolve(address))),
  );
  const udp = await open(setup, options, { host: '', port: 0, remote }, 'client', undefined);
  if (options.signal?.aborted === true) {
    udp.close();
    setup.crypt.close();
    throw new TransportError('KCPTUN_ERR_TRANSPORT_ABORTED', 'dialing was aborted', { cause: options.signal.reason });
  }
  return new KcpConnection(udp, undefined, setup.scheduler, setup.host.now, options, () => {
    // The session's end is announced inside a turn: the socket goes after it.
    queueMicrotask(() => {
      udp.close();
      setup.crypt.close();
    });
  });
}

/**
 * Listens for KCP connections.
 * @throws {TransportError} KCPTUN_ERR_TRANSPORT_BIND when the port cannot be had
 */
export async function listenKcp(options: ListenOptions): Promise<KcpListener> {
  options.signal?.throwIfAborted();
  const setup = setUp(options);
  let listener: KcpListener | undefined;
  const udp = await open(setup, options, { host: options.address ?? '', port: options.port }, 'server', (session) =>
    listener?.accept(session),
  );
  listener = new KcpListener(
    udp,
    setup.crypt,
    (session) => new KcpConnection(udp, session, setup.scheduler, setup.host.now, options, () => {}),
  );
  options.signal?.addEventListener('abort', () => listener?.close(), { once: true });
  return listener;
}

/** Accepts KCP connections: emits `connection`, and can be iterated with `for await`. */
export class KcpListener extends EventEmitter<{ connection: [KcpConnection]; close: [] }> {
  readonly #udp: UdpEndpoint;
  readonly #crypt: PacketCrypt;
  readonly #connect: (session: Session) => KcpConnection;
  readonly #connections: Set<KcpConnection> = new Set();

  /** @internal Made by `listenKcp`. */
  constructor(udp: UdpEndpoint, crypt: PacketCrypt, connect: (session: Session) => KcpConnection) {
    super();
    this.#udp = udp;
    this.#crypt = crypt;
    this.#connect = connect;
  }

  /** The bound address. */
  get local(): SocketAddress {
    return this.#udp.socket.local;
  }

  /** Ends all connections and closes the socket; idempotent. */
  close(): void {
    if (this.#udp.closed) return;
    this.#udp.close();
    this.#crypt.close();
    this.emit('close');
  }

  /** Connections as they come, until the listener is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<KcpConnection> {
    const closed = new AbortController();
    this.once('close', () => closed.abort());
    try {
      for await (const [connection] of EventEmitter.on(this, 'connection', { signal: closed.signal })) yield connection as KcpConnection;
    } catch (error) {
      if (!closed.signal.aborted) throw error;
    }
  }

  /** @internal */
  accept(session: Session): void {
    const connection = this.#connect(session);
    this.#connections.add(connection);
    connection.once('close', () => this.#connections.delete(connection));
    this.emit('connection', connection);
  }
}

function open(
  setup: Setup,
  options: KcpOptions,
  address: { host: string; port: number; remote?: SocketAddress },
  role: 'client' | 'server',
  onSession: ((session: Session) => void) | undefined,
): Promise<UdpEndpoint> {
  return new Promise((resolve, reject) => {
    const endpointOptions = {
      ...address,
      role,
      crypt: setup.crypt,
      parameters: setup.parameters,
      bufferSize: options.socketBuffer ?? DEFAULT_SOCKET_BUFFER,
    };
    const events = {
      ...(onSession === undefined ? {} : { onSession }),
      onRefused: (count: number, remote: SocketAddress | undefined) => refused.publish({ count, remote }),
    };
    UdpEndpoint.open(setup.host, setup.scheduler, endpointOptions, events, (error, udp) => {
      if (udp === undefined) {
        setup.crypt.close();
        reject(new TransportError('KCPTUN_ERR_TRANSPORT_BIND', error?.message ?? 'no socket', { cause: error }));
      } else {
        resolve(udp);
      }
    });
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
    'ackNoDelay',
    'inflightFloor',
  ] as const;
  return Object.fromEntries(names.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])));
}
