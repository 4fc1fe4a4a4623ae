// The datagram sockets of simulated hosts.

import { PacketBatch } from '@kcptun/common';
import { type DatagramEvents, type DatagramOptions, type DatagramSocket, formatAddress, type SocketAddress } from '@kcptun/transport';
import type { SimHost } from './sim-host.ts';

/** Datagrams that wait for a process which does not fetch them. */
const RECEIVE_BUFFER = 4096;

interface Arrival {
  readonly from: SocketAddress;
  /** The address of this machine that was called. */
  readonly called: string;
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
  /** Where a path was called, if that is not the machine's first address. */
  readonly #called: Map<number, string> = new Map();
  readonly #anySource: boolean;
  /** The path that is heard besides 0, where it hears any source; -1: all are. */
  #heard = -1;
  readonly #waiting: Arrival[] = [];
  #nextPath = 0;
  #closed = false;

  constructor(host: SimHost, port: number, options: DatagramOptions, events: DatagramEvents, onClosed: () => void) {
    this.local = socketAddress(host.address, port);
    this.#host = host;
    this.#remote = options.remote;
    this.#anySource = options.anySource === true;
    if (options.remote !== undefined) this.#path(options.remote, host.address); // 0
    this.#events = events;
    this.#onClosed = onClosed;
    this.#batch = new PacketBatch(host.memory);
  }

  send(batch: PacketBatch): number {
    const count = Math.min(batch.count, this.#host.sendLimit);
    for (let index = 0; index < count; index++) {
      const path = batch.path[index] as number;
      const remote = this.remote(path);
      if (remote !== undefined) this.#host.send(this.local.port, remote, batch.packet(index), this.#called.get(path));
    }
    return count;
  }

  remote(path: number): SocketAddress | undefined {
    return path === 0 && this.#remote !== undefined ? this.#remote : this.#remotes.get(path);
  }

  forget(path: number): void {
    const remote = this.#remotes.get(path);
    if (remote === undefined || this.#remote !== undefined) return;
    this.#remotes.delete(path);
    this.#paths.delete(this.#key(remote, this.#called.get(path)));
    this.#called.delete(path);
  }

  hearOnly(path: number): void {
    this.#heard = path;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#batch.release();
    this.#onClosed();
  }

  /** @internal A datagram is there; `bytes` may be kept. What a frozen process does not fetch is lost beyond a limit, as in the system's buffer. */
  arrive(from: SocketAddress, bytes: Uint8Array, called: string = this.#host.address): void {
    const remote = this.#remote;
    if (remote !== undefined && remote.port !== from.port) return;
    if (remote !== undefined && remote.address !== from.address && !this.#anySource) return;
    if (this.#waiting.length >= RECEIVE_BUFFER) return;
    this.#waiting.push({ from, bytes, called });
    if (this.#waiting.length === 1) this.#host.setTimer(0, () => this.#deliver());
  }

  #deliver(): void {
    const waiting = this.#waiting.splice(0);
    for (const [index, { from, bytes, called }] of waiting.entries()) {
      if (this.#closed) {
        this.#host.unread += waiting.length - index;
        return;
      }
      const path = this.#path(from, called);
      if (this.#remote !== undefined && this.#heard >= 0 && path !== 0 && path !== this.#heard) continue;
      this.#batch.addReceived(bytes, path);
      if (this.#batch.full) this.#flush();
    }
    this.#flush();
  }

  #flush(): void {
    if (this.#closed || this.#batch.count === 0) return;
    this.#events.onBatch(this.#batch);
    this.#batch.clear();
  }

  #path(from: SocketAddress, address: string): number {
    const { second, answersFromCalled } = this.#host;
    const called = answersFromCalled && address === second ? address : undefined;
    const key = this.#key(from, called);
    let path = this.#paths.get(key);
    if (path === undefined) {
      path = this.#nextPath;
      this.#nextPath += 1;
      this.#paths.set(key, path);
      this.#remotes.set(path, from);
      if (called !== undefined) this.#called.set(path, called);
    }
    return path;
  }

  /** One remote that calls two addresses of this machine has two paths. */
  #key(from: SocketAddress, called: string | undefined): string {
    return `${formatAddress(from.address, from.port)} ${called ?? ''}`;
  }
}

/** An address as the transport writes it. */
export function socketAddress(address: string, port: number): SocketAddress {
  return { address, port, family: address.includes(':') ? 6 : 4 };
}
