// One family of a fake TCP socket: the raw socket that segments come and go by, and for a server the kernel's listening socket beside it.

import { constants } from 'node:os';
import type { DatagramOptions, SocketAddress } from '../../host.ts';
import { SOCK_RAW, type SystemCalls, type Watch } from '../native/ffi.ts';
import { tellLocalAddress } from '../native/message-table.ts';
import { AF_INET, AF_INET6, encodeSocketAddress, isWildcard } from '../native/socket-address.ts';
import { applyOptions, type GrantedOptions } from '../native/socket-options.ts';
import { segmentFilter } from './filters.ts';
import type { FailedCall } from './kernel-tcp.ts';
import { IPPROTO_TCP } from './segment.ts';

const { EINVAL } = constants.errno;

/** Sockets of one family. */
export class RawPort {
  readonly family: 4 | 6;
  readonly fd: number;
  /** The listening socket; -1 for a client. */
  readonly listener: number;
  readonly granted: GrantedOptions;
  /** Whether the own address that was called comes with each segment: the port has all of the machine's. */
  readonly tellsLocal: boolean;
  /** There may be something to read. */
  readable = false;
  /** There may be connections to accept. */
  acceptable = false;
  readonly #calls: SystemCalls;
  readonly #watches: Watch[] = [];
  #acceptWatch: Watch | undefined;

  private constructor(calls: SystemCalls, family: 4 | 6, fd: number, listener: number, granted: GrantedOptions, tellsLocal: boolean) {
    this.#calls = calls;
    this.family = family;
    this.fd = fd;
    this.listener = listener;
    this.granted = granted;
    this.tellsLocal = tellsLocal;
  }

  /**
   * Opens the raw socket.
   * @param local - where segments come in; the port is that of the kernel's socket
   * @param remote - the only one to talk to, of a client
   * @param listener - taken over by the port, also closed with it; -1 for none
   */
  static open(
    calls: SystemCalls,
    options: DatagramOptions,
    local: SocketAddress,
    remote: SocketAddress | undefined,
    listener: number,
  ): RawPort | FailedCall {
    const { family } = local;
    const fd = calls.socket(family === 4 ? AF_INET : AF_INET6, SOCK_RAW, IPPROTO_TCP);
    if (fd < 0) return { call: 'socket', result: fd };
    // The filter comes first: between socket and bind everything on the machine would come in.
    const filtered = calls.attachFilter(fd, segmentFilter(family, local.port, remote?.port));
    const bound = filtered < 0 ? filtered : bindRaw(calls, fd, local);
    const connected = bound < 0 || remote === undefined ? bound : connectRaw(calls, fd, remote);
    if (connected < 0) {
      calls.close(fd);
      return { call: filtered < 0 ? 'filter' : bound < 0 ? 'bind' : 'connect', result: connected };
    }
    const tellsLocal = remote === undefined && isWildcard(local) && tellLocalAddress(calls, fd, family) >= 0;
    return new RawPort(calls, family, fd, listener, applyOptions(calls, fd, family, options), tellsLocal);
  }

  /** Has `wake` called when there is something to read or accept. */
  watch(wake: () => void): void {
    this.#watches.push(
      this.#calls.watch(this.fd, () => {
        this.readable = true;
        wake();
      }),
    );
    this.watchListener(wake);
  }

  /** Listens for connections (again). */
  watchListener(wake: () => void): void {
    if (this.listener < 0 || this.#acceptWatch !== undefined) return;
    this.#acceptWatch = this.#calls.watch(this.listener, () => {
      this.acceptable = true;
      wake();
    });
  }

  /** Leaves connections where they are until {@link RawPort.watchListener}. */
  pauseListener(): void {
    this.#acceptWatch?.close();
    this.#acceptWatch = undefined;
  }

  /** Closes everything; once. */
  close(): void {
    this.pauseListener();
    for (const watch of this.#watches) watch.close();
    this.#calls.close(this.fd);
    if (this.listener >= 0) this.#calls.close(this.listener);
  }
}

/** Raw sockets have no port; a wildcard need not be bound. */
function bindRaw(calls: SystemCalls, fd: number, { address, family }: SocketAddress): number {
  const name = encodeSocketAddress({ address, port: 0, family });
  return name === undefined ? -EINVAL : calls.bind(fd, name);
}

function connectRaw(calls: SystemCalls, fd: number, { address, family }: SocketAddress): number {
  const name = encodeSocketAddress({ address, port: 0, family });
  return name === undefined ? -EINVAL : calls.connect(fd, name);
}
