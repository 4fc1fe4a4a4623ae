// A world of hosts on one virtual clock: what the tunnel gets instead of Node. Datagrams travel over the links of a SimNetwork, byte connections
// in memory, timers on the clock, names are looked up in a table, and every random number comes from the seed: the same seed gives the same
// run, byte for byte. Nothing happens but while the clock runs.

import { Arena, type RandomSource } from '@kcptun/common';
import { type CryptMethod, createPacketCrypt, type PacketCrypt } from '@kcptun/crypt';
import {
  type ByteConnection,
  type ByteListener,
  ConnectionBudget,
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
import { createSimPair, type SimConnection, type SimConnectionOptions } from './sim-connection.ts';
import { SimDatagramSocket, socketAddress } from './sim-datagram-socket.ts';
import type { Fate, SimLink } from './sim-link.ts';
import { SimNat } from './sim-nat.ts';
import { SimNetwork } from './sim-network.ts';
import { SimProcess } from './sim-process.ts';
import { VirtualClock } from './virtual-clock.ts';

/** Options of {@link SimWorld}. */
export interface SimWorldOptions {
  /** Decides everything that is left to chance; any number, its low 32 bits count. */
  readonly seed: number;
  /** Settings of the datagram links between hosts, by their addresses, when they are first used. */
  readonly configure?: (link: SimLink, from: string, to: string) => void;
  /** Byte connections; by default 0.05 ms from end to end and buffers of 256 KiB. */
  readonly connections?: Partial<SimConnectionOptions>;
  /** Whether kernels may run as WebAssembly; default yes unless the environment says KCPTUN_NO_WASM=1. */
  readonly wasm?: boolean;
  /** Size of the memory of each host in bytes (default 32 MiB). */
  readonly arenaBytes?: number;
  /** Sees every datagram of the world, addresses as the network shows them. */
  readonly tap?: DatagramTap;
}

/** Told of every datagram: when it is sent, and each time it arrives, whether or not a socket is there. */
export interface DatagramTap {
  /** `fate` is what the link does with it. The bytes are lent for the call. */
  sent(from: SocketAddress, to: SocketAddress, bytes: Uint8Array, fate: Fate): void;
  /** `taken` tells whether an open socket gets it. The bytes are lent for the call. */
  arrived(from: SocketAddress, to: SocketAddress, bytes: Uint8Array, taken: boolean): void;
}

const FIRST_EPHEMERAL_PORT = 49_152;
const ARENA_BYTES = 32 * 1024 * 1024;

/** Hosts, the network between them and their time. */
export class SimWorld {
  readonly clock: VirtualClock = new VirtualClock();
  readonly network: SimNetwork;
  /** Names that hosts can resolve, each to one or more addresses with a blank between them. */
  readonly names: Map<string, string> = new Map();
  readonly #hosts: Map<string, SimHost> = new Map();
  readonly #addresses: string[] = [];
  readonly #seconds: Map<string, string> = new Map();
  readonly #seed: number;
  readonly #wasm: boolean;
  readonly #arenaBytes: number;
  readonly #connections: SimConnectionOptions;
  /** @internal */ readonly tap: DatagramTap | undefined;

  constructor(options: SimWorldOptions) {
    const { configure } = options;
    this.tap = options.tap;
    this.#seed = options.seed;
    this.#wasm = options.wasm ?? process.env['KCPTUN_NO_WASM'] !== '1';
    this.#arenaBytes = options.arenaBytes ?? ARENA_BYTES;
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
      host = this.#boot(address, this.#addresses.length, 0, new SimNat(address));
      this.#addresses.push(address);
    }
    return host;
  }

  /**
   * Kills what runs on a machine and starts anew: the system closes its connections, its sockets and listeners are gone, nothing that it had
   * scheduled happens any more.
   * @returns the host of the new process; the old one is of no use any more
   */
  reboot(address: string): SimHost {
    const old = this.host(address);
    old.kill();
    return this.#boot(address, old.node, old.generation + 1, old.nat);
  }

  /**
   * Gives a machine other public ports, and another address when one is named: a NAT in front of it has forgotten, or it roams. What is on its
   * way to the old ones is lost.
   */
  rebind(address: string, publicAddress?: string): void {
    const host = this.host(address);
    host.nat.rebind(host.ports, publicAddress);
    if (publicAddress !== undefined) this.#hosts.set(publicAddress, host);
  }

  /** Gives a machine a second address. What it sends comes from the first one, but for answers of servers to who has called the second. */
  addAddress(address: string, second: string): void {
    this.#seconds.set(address, second);
    this.#hosts.set(second, this.host(address));
  }

  /** @internal The second address of a machine. */
  secondOf(address: string): string | undefined {
    return this.#seconds.get(address);
  }

  /** The link that datagrams from one address to another take. */
  link(from: string, to: string): SimLink {
    return this.network.link(this.host(from).node, this.host(to).node);
  }

  /** @internal */
  find(address: string): SimHost | undefined {
    return this.#hosts.get(address);
  }

  #boot(address: string, node: number, generation: number, nat: SimNat): SimHost {
    const host = new SimHost(this, {
      address,
      node,
      generation,
      nat,
      seed: this.#seed,
      wasm: this.#wasm,
      arenaBytes: this.#arenaBytes,
      connections: this.#connections,
    });
    this.#hosts.set(address, host);
    if (nat.address !== address) this.#hosts.set(nat.address, host);
    const second = this.#seconds.get(address);
    if (second !== undefined) this.#hosts.set(second, host);
    return host;
  }
}

interface SimHostSettings {
  readonly address: string;
  readonly node: number;
  readonly generation: number;
  readonly nat: SimNat;
  readonly seed: number;
  readonly wasm: boolean;
  readonly arenaBytes: number;
  readonly connections: SimConnectionOptions;
}

/** One machine of a world, and the process that runs on it. */
export class SimHost implements Host {
  readonly address: string;
  readonly random: RandomSource;
  /** Without a limit unless one is set. */
  connectionBudget: ConnectionBudget = new ConnectionBudget();
  readonly datagramBackend: string = 'simulated';
  /** When the process runs, to freeze it or to put its clock forward. */
  readonly process: SimProcess;
  /** @internal */ readonly node: number;
  /** @internal How often the machine was booted before. */ readonly generation: number;
  /** The address translation in front of the machine. */
  readonly nat: SimNat;
  /** What the process did to its byte connections that would be an error anywhere, one line each. */
  readonly misuses: string[] = [];
  /** While set, a socket takes this many datagrams of each batch and refuses the rest, as one whose network is congested or down. */
  sendLimit: number = Number.POSITIVE_INFINITY;
  /** Whether a socket without a remote answers from the address that was called; else from the first one, as node:dgram does. */
  answersFromCalled: boolean = true;
  /** Datagrams that had come to a socket, but were not read before it was closed. */
  unread = 0;
  readonly #world: SimWorld;
  readonly #connections: SimConnectionOptions;
  readonly #sockets: Map<number, SimDatagramSocket> = new Map();
  readonly #listeners: Map<string, (connection: ByteConnection) => void> = new Map();
  readonly #open: Set<SimConnection> = new Set();
  readonly #settings: SimHostSettings;
  #memory: Arena | undefined;
  #nextPort = FIRST_EPHEMERAL_PORT;

  /** @internal Hosts are made by {@link SimWorld.host}. */
  constructor(world: SimWorld, settings: SimHostSettings) {
    const random = new Random(0);
    random.reseed(settings.seed, settings.node + 1 + settings.generation * 0x1_0000);
    this.#world = world;
    this.#connections = settings.connections;
    this.address = settings.address;
    this.node = settings.node;
    this.generation = settings.generation;
    this.nat = settings.nat;
    this.process = new SimProcess(world.clock);
    this.random = random.source;
    this.#settings = settings;
  }

  /** Made when it is first asked for: machines of applications and targets need none. */
  get memory(): Arena {
    this.#memory ??= new Arena({ byteLength: this.#settings.arenaBytes, wasm: this.#settings.wasm });
    return this.#memory;
  }

  now(): number {
    return this.process.readClock();
  }

  wallTime(): number {
    return this.process.wallTime;
  }

  defer(callback: () => void): void {
    this.setTimer(0, callback);
  }

  setTimer(delay: number, callback: () => void): HostTimer {
    return this.process.after(delay, callback);
  }

  createCrypt(method: CryptMethod, key: Uint8Array): PacketCrypt {
    return createPacketCrypt({ method, key, random: this.random, memory: this.memory });
  }

  resolve(name: string, port: number, callback: (error: Error | undefined, addresses: readonly SocketAddress[] | undefined) => void): void {
    if (/^[0-9.]+$|:/.test(name)) {
      callback(undefined, [socketAddress(name, port)]);
      return;
    }
    this.setTimer(1, () => {
      const addresses = this.#world.names.get(name)?.split(' ');
      if (addresses === undefined) callback(new Error(`lookup ${name}: ENOTFOUND`), undefined);
      else
        callback(
          undefined,
          addresses.map((address) => socketAddress(address, port)),
        );
    });
  }

  checkFakeTcp(): string {
    return 'is not simulated';
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
    const socket = new SimDatagramSocket(this, port, options, events, () => {
      this.#sockets.delete(port);
      this.nat.forget(port);
    });
    this.#sockets.set(port, socket);
    callback(undefined, socket);
  }

  connect(address: StreamAddress, callback: (error: Error | undefined, connection: ByteConnection | undefined) => void): HostTimer {
    const { clock } = this.#world;
    const host = 'path' in address || address.host === '' ? this : this.#world.find(address.host);
    const text = describe(address);
    // A machine that is not there does not answer.
    if (host === undefined) return { cancel: () => {} };
    return this.process.after(this.#connections.delay, () => {
      const accept = host.#listeners.get(listenerKey(address));
      if (accept === undefined) {
        callback(new Error(`connect ECONNREFUSED ${text}`), undefined);
        return;
      }
      const [near, far] = createSimPair(clock, this.#connections, [
        { process: this.process, label: text, open: this.#open, misuses: this.misuses },
        { process: host.process, label: formatAddress(this.address, this.#freePort()), open: host.#open, misuses: host.misuses },
      ]);
      host.process.after(0, () => accept(far));
      callback(undefined, near);
    });
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

  /** Byte connections that are not closed at this end. */
  get connections(): number {
    return this.#open.size;
  }

  /** @internal Local ports of the open datagram sockets. */
  get ports(): IterableIterator<number> {
    return this.#sockets.keys();
  }

  /** @internal The end of the process, without a word from it. */
  kill(): void {
    this.process.kill();
    for (const connection of [...this.#open]) connection.destroy(false);
    for (const socket of [...this.#sockets.values()]) socket.close();
    this.#listeners.clear();
  }

  /** The second address of the machine, if it has one. */
  get second(): string | undefined {
    return this.#world.secondOf(this.address);
  }

  /**
   * Sends one datagram from a local port, whether or not a socket has it: how strangers forge.
   * @param own - the second address, to send from that one
   */
  send(port: number, to: SocketAddress, bytes: Uint8Array, own?: string): void {
    const { clock, network, tap } = this.#world;
    const from = own === undefined ? this.nat.outside(port) : socketAddress(own, port);
    const receiver = this.#world.find(to.address);
    if (receiver === undefined) return;
    const fate = network.link(this.node, receiver.node).transmit(clock.now, bytes, (at, copy) => {
      clock.schedule(at, () => {
        // Looked up on arrival: the machine may have been booted meanwhile.
        const there = this.#world.find(to.address);
        const socket = there === undefined ? undefined : there.#socketAt(to);
        tap?.arrived(from, to, copy, socket !== undefined);
        socket?.arrive(from, copy, to.address === there?.second ? to.address : undefined);
      });
    });
    tap?.sent(from, to, bytes, fate);
  }

  #socketAt({ address, port }: SocketAddress): SimDatagramSocket | undefined {
    // No NAT is in front of a second address.
    if (address === this.second) return this.#sockets.get(port);
    return this.nat.address === address ? this.#sockets.get(this.nat.inside(port)) : undefined;
  }

  #freePort(): number {
    this.#nextPort += 1;
    return this.#nextPort - 1;
  }
}

function listenerKey(address: StreamAddress): string {
  return 'path' in address ? `unix ${address.path}` : `port ${address.port}`;
}

function describe(address: StreamAddress): string {
  return 'path' in address ? address.path : formatAddress(address.host, address.port);
}
