// Datagrams by node:dgram: works everywhere, one system call per datagram. Received datagrams of one turn of the event loop are gathered
// into one batch (libuv reads up to 32 per readiness), which is handed on in the check phase of the same turn.
//
// Sending copies the batch into a slab of our own: libuv sends at once when it can, but keeps a reference when the kernel's buffer is full,
// and the batch is reused right after. A slab that libuv still holds is left to the garbage collector and replaced.

import dgram from 'node:dgram';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';
import { BATCH_CAPACITY, BatchPool, type KernelMemory, MAX_DATAGRAM, type PacketBatch } from '@kcptun/common';
import { TransportError } from '../errors.ts';
import type { BufferSizes, DatagramEvents, DatagramOptions, DatagramSocket, SocketAddress } from '../host.ts';
import { decodeSocketAddress, encodeSocketAddress, isWildcard, SOCKADDR_IN6_SIZE } from './native/socket-address.ts';
import { NO_PATH, PathTable } from './path-table.ts';
import type { ReceiveQueue, Receiver } from './receive-queue.ts';
import { dscpNote, shortfallNote, sourceNote } from './socket-notes.ts';

/** Bytes that may wait inside libuv; beyond, packets are refused and KCP sends them again. */
const MAX_SEND_QUEUE = 1024 * 1024;
const SLAB_SIZE = BATCH_CAPACITY * MAX_DATAGRAM;
/** Where halving a refused buffer size ends, in bytes. */
const LEAST_BUFFER = 64 * 1024;
/** Where all paths are heard. */
const ANY = -1;

/** A socket of node:dgram. */
export class DgramSocket implements DatagramSocket, Receiver {
  readonly backend = 'dgram';
  readonly #socket: dgram.Socket;
  readonly #events: DatagramEvents;
  readonly #remote: SocketAddress | undefined;
  readonly #anySource: boolean;
  /** The path that is heard besides 0, where it hears any source; ANY: all are. */
  #heard = ANY;
  readonly #paths: PathTable = new PathTable();
  readonly #pool: BatchPool;
  #batch: PacketBatch | undefined;
  #slab: Buffer = Buffer.allocUnsafeSlow(SLAB_SIZE);
  readonly #queue: ReceiveQueue;
  /** Where the runtime cannot tell what waits (Deno), each datagram says when it has left. */
  readonly #onSent: (() => void) | undefined;
  #sending = 0;
  #closed = false;
  readonly local: SocketAddress;
  readonly bufferSizes: BufferSizes;
  readonly notes: readonly string[];

  /** Binds (and with a remote connects) a socket; calls back once. */
  static open(
    options: DatagramOptions,
    events: DatagramEvents,
    memory: KernelMemory,
    queue: ReceiveQueue,
    callback: (error: Error | undefined, socket: DatagramSocket | undefined) => void,
  ): void {
    const ipv4 = options.remote === undefined ? options.host !== '' && !options.host.includes(':') : options.remote.family === 4;
    const socket = dgram.createSocket({
      type: ipv4 ? 'udp4' : 'udp6',
      // Addresses are literals by now; answering at once keeps send() synchronous, so that the memory may be reused.
      lookup: (name, _options, done) => done(null, name, name.includes(':') ? 6 : 4),
    });
    let called = false;
    const fail = (cause: NodeJS.ErrnoException): void => {
      if (called) return;
      called = true;
      socket.close();
      if (cause.code === 'EAFNOSUPPORT' && options.host === '' && options.remote === undefined) {
        // A system without IPv6: all addresses are those of IPv4.
        DgramSocket.open({ ...options, host: '0.0.0.0' }, events, memory, queue, callback);
        return;
      }
      callback(new TransportError('KCPTUN_ERR_TRANSPORT_BIND', cause.message, { cause }), undefined);
    };
    socket.once('error', fail);
    const ready = (): void => {
      if (called) return;
      called = true;
      socket.off('error', fail);
      callback(undefined, new DgramSocket(socket, options, own, events, memory, queue));
    };
    /** The own address on the route to the remote. */
    let own: string | undefined;
    // A port out of range throws at once.
    const attempt = (step: () => void): void => {
      try {
        step();
      } catch (error) {
        fail(error as Error);
      }
    };
    const bound = (): void => {
      const { remote } = options;
      if (remote === undefined) ready();
      else if (options.anySource === true)
        attempt(() =>
          askRoute(remote, (error, address) => {
            own = address;
            if (error) fail(error);
            else ready();
          }),
        );
      else attempt(() => socket.connect(remote.port, remote.address, (error?: Error) => (error ? fail(error) : ready())));
    };
    const address = options.host === '' ? (ipv4 ? '0.0.0.0' : '::') : options.host;
    attempt(() => socket.bind({ port: options.port, address, exclusive: true }, bound));
  }

  private constructor(
    socket: dgram.Socket,
    options: DatagramOptions,
    own: string | undefined,
    events: DatagramEvents,
    memory: KernelMemory,
    queue: ReceiveQueue,
  ) {
    this.#socket = socket;
    const tells = (socket as Partial<dgram.Socket>).getSendQueueSize !== undefined;
    this.#onSent = tells
      ? undefined
      : () => {
          this.#sending -= 1;
        };
    this.#queue = queue;
    this.#pool = BatchPool.of(memory);
    this.#events = events;
    this.#remote = options.remote;
    this.#anySource = options.anySource === true;
    if (options.remote !== undefined) {
      // As the system writes it, so that it is found again.
      this.#paths.path(canonical(options.remote), options.remote.port, options.remote.family);
    }
    const local = socket.address();
    this.local = { address: own ?? local.address, port: local.port, family: local.family === 'IPv6' ? 6 : 4 };
    this.bufferSizes =
      options.bufferSize === undefined ? { receive: undefined, send: undefined } : resizeBuffers(socket, options.bufferSize);
    this.notes = [
      ...shortfallNote(options.bufferSize, this.bufferSizes, process.platform),
      ...(options.remote === undefined && isWildcard(this.local) ? sourceNote(machineAddresses()) : []),
      ...dscpNote(options.dscp, 'Node has no call for it; the native backend has one (Linux, with koffi installed)'),
    ];
    socket.on('message', (datagram, remote) => this.#receive(datagram, remote));
    // An unreachable peer (ICMP shows as ECONNREFUSED on a connected socket) or network may come back: KCP tries again.
    socket.on('error', (cause) => {
      if (!this.#closed) events.onTrouble(new TransportError('KCPTUN_ERR_TRANSPORT_SOCKET', cause.message, { cause }));
    });
  }

  send(batch: PacketBatch): number {
    if (this.#closed) return 0;
    const socket = this.#socket;
    const slab = this.#slab;
    const { bytes, offset, length, count } = batch;
    if (this.#bytesWaiting() > MAX_SEND_QUEUE) return 0;
    let at = 0;
    for (let index = 0; index < count; index++) {
      const size = length[index]!;
      const start = offset[index]!;
      slab.set(bytes.subarray(start, start + size), at);
      const packet = slab.subarray(at, at + size);
      at += size;
      if (this.#remote !== undefined && !this.#anySource) {
        if (this.#onSent === undefined) socket.send(packet);
        else this.#countSend((sent) => socket.send(packet, sent));
        continue;
      }
      const remote = this.remote(batch.path[index]!);
      if (remote === undefined) continue;
      if (this.#onSent === undefined) socket.send(packet, remote.port, remote.address);
      else this.#countSend((sent) => socket.send(packet, remote.port, remote.address, sent));
    }
    if (this.#bytesWaiting() > 0) this.#slab = Buffer.allocUnsafeSlow(SLAB_SIZE);
    return count;
  }

  /** Bytes that the runtime has not handed to the system yet. */
  #bytesWaiting(): number {
    return this.#onSent === undefined ? this.#socket.getSendQueueSize() : this.#sending * MAX_DATAGRAM;
  }

  #countSend(send: (sent: () => void) => void): void {
    this.#sending += 1;
    send(this.#onSent as () => void);
  }

  remote(path: number): SocketAddress | undefined {
    return path === 0 && this.#remote !== undefined ? this.#remote : this.#paths.remote(path);
  }

  forget(path: number): void {
    if (this.#remote === undefined) this.#paths.forget(path);
  }

  hearOnly(path: number): void {
    this.#heard = path;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
  }

  #receive(datagram: Buffer, remote: dgram.RemoteInfo): void {
    if (this.#closed || (this.#remote !== undefined && remote.port !== this.#remote.port)) return;
    const path = this.#pathOf(remote.address, remote.port, remote.family === 'IPv6' ? 6 : 4);
    if (path === NO_PATH) return;
    if (this.#batch === undefined) {
      this.#batch = this.#pool.borrow();
      this.#queue.add(this);
    }
    this.#batch.addReceived(datagram, path);
    if (!this.#batch.full) return;
    try {
      if (!this.#closed) this.#events.onBatch(this.#batch);
    } finally {
      this.#batch.clear();
    }
  }

  /** The path of a sender; NO_PATH where it is not heard. */
  #pathOf(address: string, port: number, family: 4 | 6): number {
    if (this.#remote !== undefined && !this.#anySource) return 0;
    if (this.#heard === ANY) return this.#paths.path(address, port, family);
    const path = this.#paths.find(address, port);
    return path === 0 || path === this.#heard ? path : NO_PATH;
  }

  deliver(): void {
    const batch = this.#batch;
    this.#batch = undefined;
    if (batch === undefined) return;
    try {
      if (!this.#closed && batch.count > 0) this.#events.onBatch(batch);
    } finally {
      this.#pool.giveBack(batch);
    }
  }
}

/** The addresses that one would call this machine at: those of its links are of no use elsewhere. */
function machineAddresses(): NetworkInterfaceInfo[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.filter((entry) => entry.family === 'IPv4' || entry.scopeid === 0);
}

/** An address as the system writes it. */
function canonical(remote: SocketAddress): string {
  const name = new Uint8Array(SOCKADDR_IN6_SIZE);
  const encoded = encodeSocketAddress(remote);
  if (encoded === undefined) return remote.address;
  name.set(encoded);
  return decodeSocketAddress(name, 0).address;
}

/** Finds the own address on the route to a remote. */
function askRoute(remote: SocketAddress, callback: (error: Error | undefined, address?: string) => void): void {
  const probe = dgram.createSocket(remote.family === 4 ? 'udp4' : 'udp6');
  const done = (error?: Error): void => {
    const address = error === undefined ? probe.address().address : undefined;
    probe.close();
    callback(error, address);
  };
  probe.once('error', done);
  probe.connect(remote.port, remote.address, done as () => void);
}

function resizeBuffers(socket: dgram.Socket, size: number): BufferSizes {
  grow(size, (granted) => socket.setRecvBufferSize(granted));
  grow(size, (granted) => socket.setSendBufferSize(granted));
  return { receive: socket.getRecvBufferSize(), send: socket.getSendBufferSize() };
}

/** Some systems refuse what is above their limit instead of cutting it. */
function grow(size: number, set: (size: number) => void): void {
  for (let wanted = size; ; wanted = Math.floor(wanted / 2)) {
    try {
      set(wanted);
      return;
    } catch {
      if (wanted <= LEAST_BUFFER) return; // the system's default stays
    }
  }
}
