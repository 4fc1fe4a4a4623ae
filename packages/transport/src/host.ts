// What the tunnel sees of the world: clock, timers, randomness, names, datagram sockets, byte connections. Node implements it in
// src/node, a simulated world implements it on a virtual clock; the tunnel runs the same code on both.
// Plain callbacks on the data path: no Node streams, no promises, no order of callbacks that behaviour depends on.

import type { KernelMemory, PacketBatch, RandomSource } from '@kcptun/common';
import type { CryptMethod, PacketCrypt } from '@kcptun/crypt';
import type { ConnectionBudget } from './connection-budget.ts';

/** An IP address and port. */
export interface SocketAddress {
  readonly address: string;
  readonly port: number;
  readonly family: 4 | 6;
}

/**
 * Where a byte stream can be had: a TCP address or a unix socket, by its path or on Linux as `@name` in the abstract namespace. An empty
 * host listens on all addresses. A path that is too long for the system is an error: 107 bytes on Linux, 103 elsewhere.
 */
export type StreamAddress = { readonly host: string; readonly port: number } | { readonly path: string };

/** A timer that has not fired yet. */
export interface HostTimer {
  /** Prevents the call; does nothing when it has come. */
  cancel(): void;
}

/** What a datagram socket tells its owner. */
export interface DatagramEvents {
  /** Received datagrams, each with its path. The batch is the owner's until the call returns. */
  onBatch(batch: PacketBatch): void;
  /** A datagram could not be sent or received, for example because the network is down; the socket goes on. */
  onTrouble(error: Error): void;
}

/** Sizes that the kernel granted, in bytes as it counts them; `undefined` where it does not say. */
export interface BufferSizes {
  readonly receive: number | undefined;
  readonly send: number | undefined;
}

/** A bound datagram socket. */
export interface DatagramSocket {
  /** Which implementation does the work, for the log: `dgram`. */
  readonly backend: string;
  readonly local: SocketAddress;
  readonly bufferSizes: BufferSizes;
  /** What the system did not grant of what was asked for: a line each, for the log, with what to do about it. */
  readonly notes: readonly string[];
  /** Sends a batch at once; returns how many packets, from the front, were taken. The batch is free again on return. */
  send(batch: PacketBatch): number;
  /** The remote behind a path. */
  remote(path: number): SocketAddress | undefined;
  /** The path leads to no session any more: its number may be given to another remote. Those of a client's socket stay. */
  forget(path: number): void;
  /** With `anySource`: from now on what comes from other paths than this one and 0 is dropped. */
  hearOnly(path: number): void;
  /** Closes the socket; idempotent. */
  close(): void;
}

/** How to open a datagram socket. */
export interface DatagramOptions {
  /** Local address to bind: an IP literal, or empty for all (both families where the system can). */
  readonly host: string;
  /** Local port, 0 for any. */
  readonly port: number;
  /** When given, the socket talks to this remote only, whose path is 0. */
  readonly remote?: SocketAddress;
  /**
   * With `remote`: hears its port at any address, until told otherwise; path 0 is the remote. A server
   * with several addresses may answer from another one than it was called at (PROTOCOL tunnel §6). Who
   * uses it must tell strangers from the server, as {@link UdpEndpoint} does. Default no; not with `fakeTcp`.
   * That nobody listens there (ICMP, `ECONNREFUSED`) is heard until `hearOnly` by the native backend, and
   * not at all by `node:dgram`, which has no call for it. Without `anySource` both hear it at all times.
   */
  readonly anySource?: boolean;
  /** Wanted size of the kernel's buffers in bytes. */
  readonly bufferSize?: number;
  /** Differentiated services code point of what is sent, 0 to 63: the upper six bits of TOS (IPv4) and traffic class (IPv6). Default 0. */
  readonly dscp?: number;
  /** Carries each datagram in a TCP segment instead of UDP, default no (PROTOCOL tunnel §11). See {@link Host.checkFakeTcp}. */
  readonly fakeTcp?: boolean;
}

/** The most bytes that a connection brings at a time: with the usual mtu their packets just fit into a batch without FEC, and into two trains. */
export const MAX_READ: number = 120 * 1024;

/** What a byte connection tells its owner. */
export interface ByteEvents {
  /** Received bytes, at most {@link MAX_READ}. The memory is lent until the call returns, and may be changed till then; the next bytes come in the same place. */
  onData(bytes: Uint8Array): void;
  /** The peer will send no more. */
  onEnd(): void;
  /** The last call. `error` tells why when it was not an orderly close. */
  onClose(error: Error | undefined): void;
}

/** A TCP or unix connection. It starts paused: nothing arrives before `resume()`. */
export interface ByteConnection {
  /** Text for the log: `127.0.0.1:1234` or a path. */
  readonly remoteLabel: string;
  /** Must be set right after creation. */
  events: ByteEvents;
  /** Sends bytes, which stay untouched until `onTaken` tells that the system has them. */
  write(bytes: Uint8Array, onTaken: () => void): void;
  /** Sends what is queued, then the end of this direction. */
  end(): void;
  /** Holds incoming bytes back, and with them the peer. */
  pause(): void;
  /** Lets bytes come (again). */
  resume(): void;
  /**
   * Has the system ask a silent peer whether it is still there, and end the connection when it is not; unix sockets
   * need no such question.
   * @param time - the silence before the first of several questions, in ms: whole seconds, 1000 to 32767000
   */
  keepAlive(time: number): void;
  /** Closes at once; with `reset` the peer is told that it was not orderly. Idempotent. */
  destroy(reset: boolean): void;
}

/** A listening socket for byte connections. */
export interface ByteListener {
  /** Text for the log: `127.0.0.1:12948`, `[::]:12948` or a path. */
  readonly label: string;
  /** The port that was bound; 0 for unix sockets. */
  readonly port: number;
  /** Stops listening; connections live on. */
  close(): void;
}

/** The world as the tunnel sees it. All times in ms. */
export interface Host {
  /** Monotonic time, fractions allowed; the origin is arbitrary. */
  now(): number;
  /**
   * Time of day in ms, counted from anywhere. It goes on while the machine sleeps, whether or not
   * {@link Host.now} does, and jumps when it is set: good for nothing but to notice a sleep.
   */
  wallTime(): number;
  /** Calls back once, not before `delay` has passed. */
  setTimer(delay: number, callback: () => void): HostTimer;
  /** Calls back once, soon, behind everything that is ready to be handed out now: what many callers ask for is then done once. */
  defer(callback: () => void): void;
  /** Unpredictable bytes. */
  readonly random: RandomSource;
  /** Memory for packet batches and kernels, shared by everything in the process. */
  readonly memory: KernelMemory;
  /** How many byte connections this process may have open, with all of its hosts. */
  readonly connectionBudget: ConnectionBudget;
  /** What carries datagrams here, for the log: `native`, or `dgram` with the reason why it is not native. */
  readonly datagramBackend: string;
  /** The best cipher backend there is here. */
  createCrypt(method: CryptMethod, key: Uint8Array): PacketCrypt;
  /** Looks a name up (IP literals too); each call asks anew. Gives all addresses of both families, at least one, best first. */
  resolve(name: string, port: number, callback: (error: Error | undefined, addresses: readonly SocketAddress[] | undefined) => void): void;
  /** Why sockets with `fakeTcp` cannot be had here, as the end of a sentence; `undefined` when they can. */
  checkFakeTcp(): string | undefined;
  /** Opens a datagram socket; calls back when it is bound. */
  openDatagram(
    options: DatagramOptions,
    events: DatagramEvents,
    callback: (error: Error | undefined, socket: DatagramSocket | undefined) => void,
  ): void;
  /** Connects to a target; the connection given is ready for `write`. */
  connect(address: StreamAddress, callback: (error: Error | undefined, connection: ByteConnection | undefined) => void): HostTimer;
  /** Listens for connections. */
  listen(
    address: StreamAddress,
    onConnection: (connection: ByteConnection) => void,
    callback: (error: Error | undefined, listener: ByteListener | undefined) => void,
    onError: (error: Error) => void,
  ): void;
}
