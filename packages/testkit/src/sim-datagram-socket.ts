// The datagram sockets of simulated hosts.

import { PacketBatch } from '@kcptun/common';
import { type DatagramEvents, type DatagramSocket, formatAddress, type SocketAddress } from '@kcptun/transport';
import type { SimHost } from './sim-host.ts';

/** Datagrams that wait for a process which does not fetch them. */
const RECEIVE_BUFFER = 4096;

interface Arrival {
  readonly from: SocketAddress;
  readonly bytes: Uint8Array;
}

/** A datagram socket of a {@link SimHost}: takes together what arrives at one instant. */
export class SimDatagramSocket implements DatagramSocket {
  readonly backend = 'simulated';
  readonly bufferSizes = { receive: undefined, send: undefined };
  readonly notes: readonly string[] = [];
  readonly local: SocketAddress;
  readonly #host: SimHost;
  readonly #remote: SocketAddress | undefined;
  readonly #events: DatagramEvents;
  readonly #onClosed: () => void;
  readonly #batch: PacketBatch;
  readonly #paths: Map<string, number> = new Map();
  readonly #remotes: Map<number, SocketAddress> = new Map();
  readonly #waiting: Arrival[] = [];
  #nextPath = 0;
  #closed = false;

  constructor(host: SimHost, port: number, remote: SocketAddress | undefined, events: DatagramEvents, onClosed: () => void) {
    this.local = socketAddress(host.address, port);
    this.#host = host;
    this.#remote = remote;
    this.#events = events;
    this.#onClosed = onClosed;
    this.#batch = new PacketBatch(host.memory);
  }

  send(batch: PacketBatch): number {
    const count = Math.min(batch.count, this.#host.sendLimit);
    for (let index = 0; index < count; index++) {
      const remote = this.remote(batch.path[index] as number);
      if (remote !== undefined) this.#host.send(this.local.port, remote, batch.packet(index));
    }
    return count;
  }

  remote(path: number): SocketAddress | undefined {
    return this.#remote ?? this.#remotes.get(path);
  }

  forget(path: number): void {
    const remote = this.#remotes.get(path);
    if (remote === undefined) return;
    this.#remotes.delete(path);
    this.#paths.delete(formatAddress(remote.address, remote.port));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#batch.release();
    this.#onClosed();
  }

  /** @internal A datagram is there; `bytes` may be kept. What a frozen process does not fetch is lost beyond a limit, as in the system's buffer. */
  arrive(from: SocketAddress, bytes: Uint8Array): void {
    const connected = this.#remote;
    if (connected !== undefined && (connected.address !== from.address || connected.port !== from.port)) return;
    if (this.#waiting.length >= RECEIVE_BUFFER) return;
    this.#waiting.push({ from, bytes });
    if (this.#waiting.length === 1) this.#host.setTimer(0, () => this.#deliver());
  }

  #deliver(): void {
    const waiting = this.#waiting.splice(0);
    for (const [index, { from, bytes }] of waiting.entries()) {
      if (this.#closed) {
        this.#host.unread += waiting.length - index;
        return;
      }
      this.#batch.addReceived(bytes, this.#remote === undefined ? this.#path(from) : 0);
      if (this.#batch.full) this.#flush();
    }
    this.#flush();
  }

  #flush(): void {
    if (this.#closed || this.#batch.count === 0) return;
    this.#events.onBatch(this.#batch);
    this.#batch.clear();
  }

  #path(from: SocketAddress): number {
    const key = formatAddress(from.address, from.port);
    let path = this.#paths.get(key);
    if (path === undefined) {
      path = this.#nextPath;
      this.#nextPath += 1;
      this.#paths.set(key, path);
      this.#remotes.set(path, from);
    }
    return path;
  }
}

/** An address as the transport writes it. */
export function socketAddress(address: string, port: number): SocketAddress {
  return { address, port, family: address.includes(':') ? 6 : 4 };
}
