// Datagrams in TCP segments (PROTOCOL tunnel §11). A connection of the kernel makes the handshake, a raw socket carries the datagrams:
//
//   server   listening socket --accept--> one connection a flow, silent        raw socket: segments to the port, of flows only
//   client   one connection, silent, from a port of its own                     raw socket: segments of this connection
//
// "Silent" is threefold: a filter keeps segments with data from the kernel's connection, which therefore has nothing to acknowledge; its TTL is
// 1; and a firewall rule drops what has this TTL. Readiness only queues the socket, as in the native one.

import { constants } from 'node:os';
import { BatchPool, type KernelMemory, MAX_DATAGRAM, type PacketBatch, RECEIVE_OFFSET } from '@kcptun/common';
import { TransportError } from '../../errors.ts';
import type { BufferSizes, DatagramEvents, DatagramSocket, SocketAddress } from '../../host.ts';
import type { SystemCalls } from '../native/ffi.ts';
import { LOCAL_WORD, NAME_WORDS, type ReceiveTable } from '../native/message-table.ts';
import { SOCKADDR_IN_SIZE, SOCKADDR_IN6_SIZE } from '../native/socket-address.ts';
import { systemError } from '../native/socket-options.ts';
import { NO_PATH } from '../path-table.ts';
import type { ReceiveQueue, Receiver } from '../receive-queue.ts';
import type { FirewallRule } from './firewall.ts';
import { Flow } from './flow.ts';
import { FlowTable } from './flow-table.ts';
import { closeKernel, kernelTimestamp, nameOf, silenceKernel } from './kernel-tcp.ts';
import type { RawPort } from './raw-port.ts';
import { checksum, LEAST_HEADER, PSH, sumOf, sumOfAddresses, timestampOf } from './segment.ts';
import type { SegmentTable } from './segment-table.ts';

const { EAGAIN, EINTR, EMFILE, ENFILE, ENOBUFS, ENOMEM } = constants.errno;

/** Segments after which a socket lets timers, TCP and other sockets have their turn. */
const MAX_PER_TURN = 512;
/** Connections that are accepted in one turn. */
const MAX_ACCEPTS_PER_TURN = 64;
/** How often silent flows are looked for, in ms. */
const SWEEP_INTERVAL = 5000;

/** What the fake TCP sockets of a host share. */
export interface FakeTcpShared {
  readonly calls: SystemCalls;
  readonly sending: SegmentTable;
  readonly receiving: ReceiveTable;
  readonly memory: KernelMemory;
  readonly queue: ReceiveQueue;
  /** The time of the host in ms. */
  readonly now: () => number;
}

/** What a socket is made of; it owns all of it. */
export interface FakeTcpParts {
  readonly local: SocketAddress;
  /** One for each family. */
  readonly ports: readonly RawPort[];
  readonly rules: readonly FirewallRule[];
  readonly notes: readonly string[];
}

/** A socket whose datagrams travel in TCP segments. */
export class FakeTcpSocket implements DatagramSocket, Receiver {
  readonly backend = 'fake TCP';
  readonly local: SocketAddress;
  readonly bufferSizes: BufferSizes;
  readonly notes: readonly string[];
  readonly #shared: FakeTcpShared;
  readonly #events: DatagramEvents;
  readonly #parts: FakeTcpParts;
  readonly #table: FlowTable;
  readonly #pool: BatchPool;
  readonly #words: Int32Array;
  readonly #view: DataView;
  /** Flows whose kernel connection may have ended. */
  #suspects: Flow[] = [];
  #sweep: { cancel(): void } | undefined;
  #queued = false;
  #closed = false;

  constructor(parts: FakeTcpParts, events: DatagramEvents, shared: FakeTcpShared, table: FlowTable = new FlowTable()) {
    this.#parts = parts;
    this.#events = events;
    this.#shared = shared;
    this.#table = table;
    this.#pool = BatchPool.of(shared.memory);
    const { bytes } = shared.receiving;
    this.#words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    this.local = parts.local;
    this.bufferSizes = parts.ports[0]?.granted.bufferSizes ?? { receive: undefined, send: undefined };
    this.notes = [...new Set([...parts.notes, ...parts.ports.flatMap(({ granted }) => granted.notes)])];
    for (const port of parts.ports) port.watch(this.#wake);
  }

  /** Number of connections that carry or may carry datagrams. */
  get flowCount(): number {
    return this.#table.count;
  }

  send(batch: PacketBatch): number {
    if (this.#closed) return 0;
    // Each family has its raw socket.
    let taken = batch.count;
    for (const port of this.#parts.ports) taken = Math.min(taken, this.#sendFrom(batch, port));
    return taken;
  }

  remote(path: number): SocketAddress | undefined {
    return this.#table.paths.remote(path);
  }

  forget(path: number): void {
    this.#table.forget(path);
  }

  hearOnly(): void {} // a flow has one remote

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sweep?.cancel();
    for (const flow of this.#table.flows) this.#end(flow);
    for (const port of this.#parts.ports) port.close();
    for (const rule of this.#parts.rules) rule.remove();
  }

  /**
   * Makes a flow of a connection of the kernel, which it takes over; `undefined` when the connection has ended already or there is no number left.
   * @internal
   */
  adopt(fd: number, family: 4 | 6): Flow | undefined {
    const { calls, now } = this.#shared;
    const remote = nameOf(calls, fd, 'remote');
    const local = nameOf(calls, fd, 'local');
    const words = new Int32Array(NAME_WORDS);
    const [from, to] = family === 4 ? [4, 8] : [8, 24];
    if (remote !== undefined) new Uint8Array(words.buffer).set(remote);
    // One remote may have a connection to each of several own addresses.
    const tellsLocal = this.#parts.ports.some((port) => port.family === family && port.tellsLocal);
    if (tellsLocal && local !== undefined) new Uint8Array(words.buffer).set(local.subarray(from, to), LOCAL_WORD * 4);
    const path = remote === undefined || local === undefined ? NO_PATH : this.#table.paths.path(words, 0);
    if (path === NO_PATH || remote === undefined || local === undefined) {
      calls.close(fd);
      return undefined;
    }
    silenceKernel(calls, fd, family);
    const localAddress = local.subarray(from, to);
    const time = now();
    const flow = new Flow({
      path,
      fd,
      family,
      ports: portOf(local) * 0x1_0000 + portOf(remote),
      localAddress,
      addressSum: sumOfAddresses(localAddress, remote.subarray(from, to)),
      nameLength: family === 4 ? SOCKADDR_IN_SIZE : SOCKADDR_IN6_SIZE,
      clockOffset: kernelTimestamp(calls, fd) - Math.floor(time),
      now: time,
    });
    const replaced = this.#table.add(flow);
    if (replaced !== undefined) this.#end(replaced);
    flow.watch = calls.watch(fd, () => {
      if (flow.suspect) return;
      flow.suspect = true;
      this.#suspects.push(flow);
      this.#wake();
    });
    this.#sweep ??= this.#shared.queue.setTimer(SWEEP_INTERVAL, this.#forgetSilent);
    return flow;
  }

  /** Reads and hands on what there is, bounded. */
  deliver(): void {
    this.#queued = false;
    if (this.#closed) return;
    const { ports } = this.#parts;
    // Connections before segments: the first one of a connection is often there already.
    for (const port of ports) if (port.acceptable) this.#accept(port);
    const batch = this.#pool.borrow();
    try {
      for (const port of ports) {
        if (port.readable && !this.#closed) this.#read(port, batch);
      }
      this.#hand(batch);
    } finally {
      this.#pool.giveBack(batch);
      this.#checkSuspects();
    }
  }

  readonly #wake = (): void => {
    if (this.#queued) return;
    this.#queued = true;
    this.#shared.queue.wake(this);
  };

  /** Sends the packets of one family; returns how many of the batch, from the front, were taken or are none of this family. */
  #sendFrom(batch: PacketBatch, port: RawPort): number {
    const { sending, now } = this.#shared;
    const { count, path } = batch;
    const { names } = this.#table.paths;
    const time = Math.floor(now());
    sending.begin(batch.bytes);
    for (let index = 0; index < count; index++) {
      const flow = this.#table.at(path[index]!);
      // What nobody can receive counts as sent.
      if (flow === undefined || !flow.started || flow.family !== port.family) continue;
      sending.add(batch, index, flow, names, time);
    }
    const segments = sending.count;
    let sent = 0;
    let failed = -1;
    let trouble = 0;
    while (sent < segments) {
      const result = sending.send(port.fd, sent);
      if (result > 0) {
        sent += result;
        continue;
      }
      const errno = -result;
      if (errno === EINTR) continue;
      if (errno === EAGAIN || errno === ENOBUFS || errno === ENOMEM) break;
      // An error may be an old one, of a segment that has long left; asking once more tells.
      if (failed === sent) sent += 1;
      else failed = sent;
      trouble = errno;
    }
    if (trouble !== 0) this.#report('send', trouble);
    if (sent === segments) return count;
    const taken = sent === 0 ? 0 : sending.end[sent - 1]!;
    // The numbers of what was not sent are those of what comes next.
    for (let index = taken; index < count; index++) {
      const flow = this.#table.at(path[index]!);
      if (flow?.started === true && flow.family === port.family) flow.advance(-batch.length[index]!);
    }
    return taken;
  }

  #accept(port: RawPort): void {
    const { calls } = this.#shared;
    port.acceptable = false;
    for (let accepted = 0; accepted < MAX_ACCEPTS_PER_TURN; accepted++) {
      if (this.#table.full && !this.#makeRoom()) {
        port.pauseListener(); // until a flow ends
        return;
      }
      const fd = calls.accept(port.listener);
      if (fd >= 0) {
        this.adopt(fd, port.family);
      } else if (fd === -EMFILE || fd === -ENFILE || fd === -ENOBUFS || fd === -ENOMEM) {
        this.#report('accept', -fd);
        if (!this.#makeRoom()) {
          port.pauseListener();
          this.#sweep ??= this.#shared.queue.setTimer(SWEEP_INTERVAL, this.#forgetSilent);
          return;
        }
      } else {
        return;
      }
    }
  }

  /** Ends the oldest flow that carries no session; false when there is none. */
  #makeRoom(): boolean {
    const idle = this.#table.oldestIdle();
    if (idle === undefined) return false;
    this.#drop(idle);
    return true;
  }

  #read(port: RawPort, batch: PacketBatch): void {
    const { receiving } = this.#shared;
    port.readable = false;
    const time = this.#shared.now();
    for (let segments = 0; segments < MAX_PER_TURN; ) {
      const messages = receiving.receive(port.fd);
      if (messages === -EINTR) continue;
      if (messages < 0) {
        if (messages !== -EAGAIN) this.#report('receive', -messages);
        return;
      }
      segments += messages;
      for (let index = 0; index < messages; index++) {
        this.#take(port.family, index, batch, time);
        if (this.#closed) return;
      }
      if (messages < receiving.capacity) return;
    }
  }

  /** Puts the datagram of a segment into the batch when it is one of a flow. */
  #take(family: 4 | 6, message: number, batch: PacketBatch, time: number): void {
    const { receiving } = this.#shared;
    const { bytes, names } = receiving;
    const view = this.#view;
    const first = receiving.start(message);
    const end = first + receiving.length(message);
    const at = family === 4 ? first + (bytes[first]! & 0x0f) * 4 : first;
    const header = at + LEAST_HEADER <= end ? (bytes[at + 12]! >>> 4) * 4 : 0;
    if (header < LEAST_HEADER || at + header > end || end - at - header > MAX_DATAGRAM) return;
    // The name of a raw socket's sender has no port: it is put in as the kernel would.
    const name = message * NAME_WORDS;
    names[name] = (names[name]! & 0xffff) | (bytes[at]! << 16) | (bytes[at + 1]! << 24);
    const flow = this.#table.find(names, name);
    if (flow === undefined) return;
    const flags = bytes[at + 13]!;
    const length = end - at - header;
    // What the kernel at the other end of a virtual link sends (the handshake) has no checksum yet; what carries data was made by a peer.
    if (length > 0 && checksum(flow.addressSum + sumOf(bytes, this.#words, at, end - at), end - at) !== 0) return;
    flow.handleSegment(flags, view.getUint32(at + 4), view.getUint32(at + 8), timestampOf(view, at, at + header), length, time);
    if ((flags & PSH) === 0 || length === 0) return;
    this.#table.hold(flow);
    const slot = batch.add(RECEIVE_OFFSET, length, flow.path);
    const to = batch.offset[slot]!;
    if (bytes === batch.bytes) bytes.copyWithin(to, at + header, end);
    else batch.bytes.set(bytes.subarray(at + header, end), to);
    if (batch.full) this.#hand(batch);
  }

  #hand(batch: PacketBatch): void {
    if (this.#closed || batch.count === 0) return;
    this.#events.onBatch(batch);
    batch.clear();
  }

  /** Looks at kernel connections that had something to say: data can it not be. */
  #checkSuspects(): void {
    const suspects = this.#suspects;
    if (suspects.length === 0) return;
    this.#suspects = [];
    for (const flow of suspects) {
      flow.suspect = false;
      if (this.#closed || this.#table.at(flow.path) !== flow) continue;
      const result = this.#shared.calls.discard(flow.fd);
      if (result > 0 || result === -EAGAIN || result === -EINTR) continue;
      this.#drop(flow);
      if (this.#parts.ports.every(({ listener }) => listener < 0)) {
        const reason = result === 0 ? 'the server has closed the TCP connection' : systemError('receive', -result).message;
        this.#events.onTrouble(new TransportError('KCPTUN_ERR_TRANSPORT_SOCKET', `fake TCP: ${reason}`));
      }
    }
  }

  readonly #forgetSilent = (): void => {
    this.#sweep = undefined;
    if (this.#closed) return;
    for (const flow of this.#table.silent(this.#shared.now())) this.#drop(flow);
    for (const port of this.#parts.ports) if (!this.#table.full || this.#makeRoom()) port.watchListener(this.#wake);
    if (this.#table.count > 0) this.#sweep = this.#shared.queue.setTimer(SWEEP_INTERVAL, this.#forgetSilent);
  };

  #drop(flow: Flow): void {
    this.#table.remove(flow);
    this.#end(flow);
    for (const port of this.#parts.ports) port.watchListener(this.#wake);
  }

  #end(flow: Flow): void {
    flow.watch?.close();
    closeKernel(this.#shared.calls, flow.fd, flow.family);
  }

  #report(call: string, errno: number): void {
    const cause = systemError(call, errno);
    this.#events.onTrouble(new TransportError('KCPTUN_ERR_TRANSPORT_SOCKET', `fake TCP: ${cause.message}`, { cause }));
  }
}

function portOf(name: Uint8Array): number {
  return ((name[2] as number) << 8) | (name[3] as number);
}
