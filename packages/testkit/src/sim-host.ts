// A world of hosts on one virtual clock: what the tunnel gets instead of Node. Datagrams travel over the links of a SimNetwork, byte connections
// in memory, timers on the clock, names are looked up in a table, and every random number comes from the seed: the same seed gives the same
// run, byte for byte. Nothing happens but while the clock runs.

import { Arena, type KernelMemory, PacketBatch, type RandomSource } from '@kcptun/common';
import { type CryptMethod, createPacketCrypt, type PacketCrypt } from '@kcptun/crypt';
import {
  type ByteConnection,
  type ByteListener,
  type DatagramEvents,
  type DatagramOptions,
  type DatagramSocket,
  formatAddress,
  type Host,
  type HostTimer,
  type SocketAddress,
  type StreamAddress,
} from '@kcptun/transport';
import { Random } from './random.ts';
import { createSimPair, type SimConnectionOptions } from './sim-connection.ts';
import type { SimLink } from './sim-link.ts';
import { SimNetwork } from './sim-network.ts';
import { VirtualClock } from './virtual-clock.ts';

/** Options of {@link SimWorld}. */
export interface SimWorldOptions {
  /** Decides everything that is left to chance; any number, its low 32 bits count. */
  readonly seed: number;
  /** Settings of the datagram links between hosts, by their addresses, when they are first used. */
  readonly configure?: (link: SimLink, from: string, to: string) => void;
  /** Byte connections; by default 0.05 ms from end to end and buffers of 256 KiB. */
  readonly connections?: Partial<SimConnectionOptions>;
  /** Whether kernels may run as WebAssembly (default true). */
  readonly wasm?: boolean;
}

const FIRST_EPHEMERAL_PORT = 49_152;
const ARENA_BYTES = 32 * 1024 * 1024;

/** Hosts, the network between them and their time. */
export class SimWorld {
  readonly clock: VirtualClock = new VirtualClock();
  readonly network: SimNetwork;
  /** Names that hosts can resolve. */
  readonly names: Map<string, string> = new Map();
  readonly #hosts: Map<string, SimHost> = new Map();
  readonly #addresses: string[] = [];
  readonly #seed: number;
  readonly #wasm: boolean;
  readonly #connections: SimConnectionOptions;

  constructor(options: SimWorldOptions) {
    const { configure } = options;
    this.#seed = options.seed;
    this.#wasm = options.wasm ?? true;
    this.#connections = { delay: 0.05, capacity: 256 * 1024, ...options.connections };
    this.network = new SimNetwork({
      clock: this.clock,
      seed: options.seed,
      ...(configure === undefined
        ? {}
        : { configure: (link, from, to) => configure(link, this.#addresses[from] as string, this.#addresses[to] as string) }),
    });
  }

  /** The host with this address, made when it is first asked for. */
  host(address: string): SimHost {
    let host = this.#hosts.get(address);
    if (host === undefined) {
      host = new SimHost(this, address, this.#addresses.length, { seed: this.#seed, wasm: this.#wasm, connections: this.#connections });
      this.#addresses.push(address);
      this.#hosts.set(address, host);
    }
    return host;
  }

  /** The link that datagrams from one address to another take. */
  link(from: string, to: string): SimLink {
    return this.network.link(this.host(from).node, this.host(to).node);
  }

  /** @internal */
  find(address: string): SimHost | undefined {
    return this.#hosts.get(address);
  }
}

interface SimHostSettings {
  readonly seed: number;
  readonly wasm: boolean;
  readonly connections: SimConnectionOptions;
}

/** One machine of a world. */
export class SimHost implements Host {
  readonly address: string;
  /** @internal */ readonly node: number;
  readonly random: RandomSource;
  readonly memory: KernelMemory;
  readonly datagramBackend: string = 'simulated';
  readonly #world: SimWorld;
  readonly #connections: SimConnectionOptions;
  readonly #sockets: Map<number, SimDatagramSocket> = new Map();
  readonly #listeners: Map<string, (connection: ByteConnection) => void> = new Map();
  #nextPort = FIRST_EPHEMERAL_PORT;

  /** @internal Hosts are made by {@link SimWorld.host}. */
  constructor(world: SimWorld, address: string, node: number, settings: SimHostSettings) {
    const random = new Random(0);
    random.reseed(settings.seed, node + 1);
    this.#world = world;
    this.#connections = settings.connections;
    this.address = address;
    this.node = node;
    this.random = random.source;
    this.memory = new Arena({ byteLength: ARENA_BYTES, wasm: settings.wasm });
  }

  now(): number {
    return this.#world.clock.now;
  }

  setTimer(delay: number, callback: () => void): HostTimer {
    const { clock } = this.#world;
    const timer = clock.after(delay, callback);
    return { cancel: () => clock.cancel(timer) };
  }

  createCrypt(method: CryptMethod, key: Uint8Array): PacketCrypt {
    return createPacketCrypt({ method, key, random: this.random, memory: this.memory });
  }

  resolve(name: string, port: number, callback: (error: Error | undefined, address: SocketAddress | undefined) => void): void {
    if (/^[0-9.]+$|:/.test(name)) {
      callback(undefined, socketAddress(name, port));
      return;
    }
    this.setTimer(1, () => {
      const address = this.#world.names.get(name);
      if (address === undefined) callback(new Error(`lookup ${name}: ENOTFOUND`), undefined);
      else callback(undefined, socketAddress(address, port));
    });
  }

  openDatagram(
    options: DatagramOptions,
    events: DatagramEvents,
    callback: (error: Error | undefined, socket: DatagramSocket | undefined) => void,
  ): void {
    const port = options.port === 0 ? this.#freePort() : options.port;
    if (this.#sockets.has(port)) {
      callback(new Error(`bind EADDRINUSE ${formatAddress(this.address, port)}`), undefined);
      return;
    }
    const socket = new SimDatagramSocket(this, port, options.remote, events, () => this.#sockets.delete(port));
    this.#sockets.set(port, socket);
    callback(undefined, socket);
  }

  connect(address: StreamAddress, callback: (error: Error | undefined, connection: ByteConnection | undefined) => void): HostTimer {
    const { clock } = this.#world;
    const host = 'path' in address || address.host === '' ? this : this.#world.find(address.host);
    const text = describe(address);
    // A machine that is not there does not answer.
    if (host === undefined) return { cancel: () => {} };
    const timer = clock.after(this.#connections.delay, () => {
      const accept = host.#listeners.get(listenerKey(address));
      if (accept === undefined) {
        callback(new Error(`connect ECONNREFUSED ${text}`), undefined);
        return;
      }
      const own = formatAddress(this.address, this.#freePort());
      const [near, far] = createSimPair(clock, this.#connections, [text, own]);
      accept(far);
      callback(undefined, near);
    });
    return { cancel: () => clock.cancel(timer) };
  }

  listen(
    address: StreamAddress,
    onConnection: (connection: ByteConnection) => void,
    callback: (error: Error | undefined, listener: ByteListener | undefined) => void,
  ): void {
    const port = 'path' in address ? 0 : address.port === 0 ? this.#freePort() : address.port;
    const bound: StreamAddress = 'path' in address ? address : { host: address.host, port };
    const key = listenerKey(bound);
    if (this.#listeners.has(key)) {
      callback(new Error(`listen EADDRINUSE: address already in use ${describe(bound)}`), undefined);
      return;
    }
    this.#listeners.set(key, onConnection);
    callback(undefined, { label: describe(bound), port, close: () => this.#listeners.delete(key) });
  }

  /** Sockets and listeners that are open: 0 once everything was stopped. */
  get open(): number {
    return this.#sockets.size + this.#listeners.size;
  }

  /** @internal */
  send(from: number, to: SocketAddress, bytes: Uint8Array): void {
    const { clock, network } = this.#world;
    const receiver = this.#world.find(to.address);
    if (receiver === undefined) return;
    network.link(this.node, receiver.node).transmit(clock.now, bytes, (at, copy) => {
      clock.schedule(at, () => receiver.#sockets.get(to.port)?.arrive(socketAddress(this.address, from), copy));
    });
  }

  #freePort(): number {
    this.#nextPort += 1;
    return this.#nextPort - 1;
  }
}

/** A datagram socket of a {@link SimHost}: takes together what arrives at one instant. */
class SimDatagramSocket implements DatagramSocket {
  readonly backend = 'simulated';
  readonly bufferSizes = { receive: undefined, send: undefined };
  readonly local: SocketAddress;
  readonly #host: SimHost;
  readonly #remote: SocketAddress | undefined;
  readonly #events: DatagramEvents;
  readonly #onClosed: () => void;
  readonly #batch: PacketBatch;
  readonly #paths: Map<string, number> = new Map();
  readonly #remotes: Map<number, SocketAddress> = new Map();
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
    for (let index = 0; index < batch.count; index++) {
      const remote = this.remote(batch.path[index] as number);
      if (remote !== undefined) this.#host.send(this.local.port, remote, batch.packet(index));
    }
    return batch.count;
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

  arrive(from: SocketAddress, bytes: Uint8Array): void {
    const connected = this.#remote;
    if (connected !== undefined && (connected.address !== from.address || connected.port !== from.port)) return;
    if (this.#batch.count === 0) this.#host.setTimer(0, () => this.#deliver());
    this.#batch.addReceived(bytes, connected === undefined ? this.#path(from) : 0);
    if (this.#batch.full) this.#deliver();
  }

  #deliver(): void {
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

function socketAddress(address: string, port: number): SocketAddress {
  return { address, port, family: address.includes(':') ? 6 : 4 };
}

function listenerKey(address: StreamAddress): string {
  return 'path' in address ? `unix ${address.path}` : `port ${address.port}`;
}

function describe(address: StreamAddress): string {
  return 'path' in address ? address.path : formatAddress(address.host, address.port);
}
