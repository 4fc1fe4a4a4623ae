// Datagrams by sendmmsg and recvmmsg with UDP segmentation offload (GSO, GRO): a batch takes one system call, and datagrams of equal size to one
// remote travel through the kernel as one train, which is what costs there (measured on loopback: 0.2 instead of 3 us per datagram).
//
//   send     | 1350 | 1350 | 1350 | 700 |  -> one message with segment size 1350; a shorter datagram ends a train
//   receive  one message of 4750 bytes with segment size 1350 -> four slots of the batch
//
// Readiness only queues the socket. Reading and everything behind it happens in the check phase of the same turn of the event loop, where
// an exception is an ordinary one and timers have their order; reading in the readiness callback itself would save 1 to 2 us a wake-up.
// Never waits: what the system does not take now is refused, and KCP sends it again.

import { constants } from 'node:os';
import { BatchPool, type KernelMemory, MAX_DATAGRAM, type PacketBatch, RECEIVE_OFFSET } from '@kcptun/common';
import { formatAddress } from '../../address.ts';
import { TransportError } from '../../errors.ts';
import type { BufferSizes, DatagramEvents, DatagramOptions, DatagramSocket, SocketAddress } from '../../host.ts';
import { NO_PATH } from '../path-table.ts';
import { ReadPace } from '../read-pace.ts';
import type { ReceiveQueue, Receiver } from '../receive-queue.ts';
import { AddressPaths } from './address-paths.ts';
import { ErrorQueue, QUEUE_EMPTY } from './error-queue.ts';
import type { SystemCalls, Watch } from './ffi.ts';
import { NAME_WORDS, type ReceiveTable, type SendTable, tellLocalAddress } from './message-table.ts';
import { AF_INET, AF_INET6, decodeSocketAddress, encodeSocketAddress, isWildcard, SOCKADDR_IN6_SIZE } from './socket-address.ts';
import { applyOptions, check, systemError } from './socket-options.ts';
import { LIMIT_TIME, TrainLimits } from './train-limits.ts';

const { EADDRNOTAVAIL, EAFNOSUPPORT, EAGAIN, EINTR, EINVAL, EIO, EMSGSIZE, ENOBUFS, ENOMEM, EOPNOTSUPP } = constants.errno;
const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const UDP_GRO = 104;

/** Bytes of the largest train: what one IPv4 datagram could carry. */
const MAX_TRAIN = 65_507;
/** Datagrams of the largest train that older kernels take. */
const MAX_TRAIN_DATAGRAMS = 64;
/** Datagrams after which a socket lets timers, TCP and other sockets have their turn. */
const MAX_PER_TURN = 512;
/** Pending errors (ICMP) that are read in one turn. */
const MAX_ERRORS_PER_TURN = 16;
/** Where all paths are heard. */
const ANY = -1;

/** What the sockets of a host share. */
export interface NativeShared {
  readonly calls: SystemCalls;
  readonly sending: SendTable;
  readonly receiving: ReceiveTable;
  readonly memory: KernelMemory;
  readonly queue: ReceiveQueue;
}

/** A socket made by system calls. */
export class NativeSocket implements DatagramSocket, Receiver {
  readonly local: SocketAddress;
  readonly bufferSizes: BufferSizes;
  readonly notes: readonly string[];
  readonly #calls: SystemCalls;
  readonly #sending: SendTable;
  readonly #receiving: ReceiveTable;
  readonly #queue: ReceiveQueue;
  readonly #events: DatagramEvents;
  readonly #remote: SocketAddress | undefined;
  readonly #paths: AddressPaths = new AddressPaths();
  readonly #pool: BatchPool;
  readonly #fd: number;
  readonly #watch: Watch;
  readonly #gro: boolean;
  readonly #gso: boolean;
  readonly #limits: TrainLimits = new TrainLimits();
  /** Family and port, as in the first word of a name, of the one remote that is heard at any address; 0 on other sockets. */
  readonly #onlyName: number = 0;
  /** The path that is heard besides 0, where it hears any source; ANY: all are. */
  #heard = ANY;
  /** Where it hears any source, and no answer has come yet: what the network says of its datagrams. */
  #errors: ErrorQueue | undefined;
  /** Whether answers leave from the address that was called: the socket has all of the machine's. */
  readonly #wildcard: boolean;
  /** Paths whose own address is gone, or was none to send from (a broadcast): the system chooses. */
  readonly #homeless: Set<number> = new Set();
  /** What has been said of refused trains: each kind is said once. */
  readonly #said: Set<string> = new Set();
  readonly #pace: ReadPace = new ReadPace();
  /** Reads later, while the watch is paused. */
  #later: NodeJS.Timeout | undefined;
  #queued = false;
  #closed = false;

  /**
   * Binds (and with a remote connects) a socket.
   * @throws {TransportError} KCPTUN_ERR_TRANSPORT_BIND when the system refuses; whatever the memory throws when it is full
   */
  static open(options: DatagramOptions, events: DatagramEvents, shared: NativeShared): NativeSocket {
    const { calls } = shared;
    const ipv4 = options.remote === undefined ? options.host !== '' && !options.host.includes(':') : options.remote.family === 4;
    const made = calls.socket(ipv4 ? AF_INET : AF_INET6);
    if (made === -EAFNOSUPPORT && options.host === '' && options.remote === undefined) {
      // A system without IPv6: all addresses are those of IPv4.
      return NativeSocket.open({ ...options, host: '0.0.0.0' }, events, shared);
    }
    const fd = check(made, 'socket', options);
    try {
      const address = options.host === '' ? (ipv4 ? '0.0.0.0' : '::') : options.host;
      const local = encodeSocketAddress({ address, port: options.port, family: ipv4 ? 4 : 6 });
      check(local === undefined ? -EINVAL : calls.bind(fd, local), 'bind', options);
      if (options.remote !== undefined) {
        const remote = encodeSocketAddress(options.remote);
        if (remote === undefined) check(-EINVAL, 'connect', options);
        else if (options.anySource !== true) check(calls.connect(fd, remote), 'connect', options);
      }
      return new NativeSocket(fd, options, events, shared);
    } catch (error) {
      calls.close(fd);
      throw error;
    }
  }

  private constructor(fd: number, options: DatagramOptions, events: DatagramEvents, shared: NativeShared) {
    const { calls } = shared;
    this.#fd = fd;
    this.#calls = calls;
    this.#sending = shared.sending;
    this.#receiving = shared.receiving;
    this.#queue = shared.queue;
    this.#pool = BatchPool.of(shared.memory);
    this.#events = events;
    this.#remote = options.remote;
    const local = new Uint8Array(SOCKADDR_IN6_SIZE);
    check(calls.getsockname(fd, local), 'getsockname', options);
    const bound = decodeSocketAddress(local, 0);
    this.local = bound;
    if (options.remote !== undefined && options.anySource === true) {
      const name = new Int32Array(NAME_WORDS);
      const remote = encodeSocketAddress(options.remote) as Uint8Array;
      new Uint8Array(name.buffer).set(remote);
      this.#onlyName = name[0]!;
      this.#paths.path(name, 0); // 0, as on a connected socket
      this.#errors = ErrorQueue.open(calls, fd, options.remote.family, name);
      this.local = { ...bound, address: routedAddress(calls, remote, options) };
    }
    const granted = applyOptions(calls, fd, this.local.family, options);
    this.bufferSizes = granted.bufferSizes;
    this.notes = granted.notes;
    this.#wildcard = options.remote === undefined && isWildcard(this.local);
    if (this.#wildcard) check(tellLocalAddress(calls, fd, this.local.family), 'setsockopt', options);
    this.#gso = offersGso(calls, fd);
    this.#gro = offersGro(calls, fd);
    this.#watch = calls.watch(fd, () => this.#ready());
  }

  get backend(): string {
    const offloads = [this.#gso ? 'GSO' : '', this.#gro ? 'GRO' : ''].filter((name) => name !== '').join(', ');
    return offloads === '' ? 'native' : `native (${offloads})`;
  }

  send(batch: PacketBatch): number {
    if (this.#closed) return 0;
    return this.#sendFrom(batch, 0);
  }

  remote(path: number): SocketAddress | undefined {
    return path === 0 && this.#remote !== undefined ? this.#remote : this.#paths.remote(path);
  }

  forget(path: number): void {
    if (this.#remote !== undefined) return;
    this.#paths.forget(path);
    this.#limits.forget(path);
    this.#homeless.delete(path);
  }

  hearOnly(path: number): void {
    this.#heard = path;
    this.#errors?.close();
    this.#errors = undefined;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#later);
    this.#watch.close();
    this.#calls.close(this.#fd);
  }

  /** Reads and hands on what there is, bounded. */
  deliver(): void {
    this.#queued = false;
    if (this.#closed) return;
    const batch = this.#pool.borrow();
    let datagrams = 0;
    try {
      datagrams = this.#read(batch);
      this.#hand(batch);
    } finally {
      this.#pool.giveBack(batch);
      this.#plan(this.#pace.handleRead(datagrams, performance.now()));
    }
  }

  /** Has the socket read when it is ready, or after a millisecond. */
  #plan(later: boolean): void {
    if (this.#closed) return;
    if (!later) {
      if (this.#later === undefined) return;
      this.#later = undefined;
      this.#watch.resume();
    } else if (this.#later !== undefined) {
      this.#later.refresh();
    } else {
      this.#watch.pause();
      this.#later = setTimeout(() => this.#ready(), 1);
    }
  }

  #ready(): void {
    if (this.#queued) return;
    this.#queued = true;
    this.#queue.wake(this);
  }

  #sendFrom(batch: PacketBatch, first: number): number {
    const { path, count } = batch;
    const table = this.#sending;
    const limits = this.#limits;
    const limited = limits.any;
    const now = limited ? performance.now() : 0;
    table.begin(batch.bytes);
    for (let from = first; from < count; ) {
      const trains = this.#gso && !(limited && batch.length[from]! > limits.longest(path[from]!, now));
      const to = trains ? endOfTrain(batch, from) : from + 1;
      if (this.#remote !== undefined && this.#onlyName === 0) {
        table.add(batch, from, to, undefined, 0, 0, false);
      } else {
        const remote = path[from]!;
        const nameLength = this.#paths.nameLength(remote);
        if (nameLength > 0) {
          table.add(batch, from, to, this.#paths.names, remote * NAME_WORDS, nameLength, this.#hasSource(remote));
        }
      }
      from = to;
    }
    return this.#transmit(batch, first);
  }

  /** Sends the table; what nobody can receive counts as sent, what the system has no room for does not. */
  #transmit(batch: PacketBatch, first: number): number {
    const table = this.#sending;
    const messages = table.count;
    let sent = 0;
    let failed = -1;
    let trouble = 0;
    while (sent < messages) {
      const result = table.send(this.#fd, sent);
      if (result > 0) {
        sent += result;
        continue;
      }
      const errno = -result;
      if (errno === EINTR) continue;
      if (errno === EAGAIN || errno === ENOBUFS || errno === ENOMEM) break;
      // An error may be an old one, of a datagram that has long left; asking once more tells.
      if (failed !== sent) {
        failed = sent;
        trouble = errno;
        continue;
      }
      // What has no address is in no message.
      const next = table.end[sent]! - table.datagrams(sent);
      const path = batch.path[next]!;
      // The system says EINVAL of a train that it cannot cut, and of an own address that is gone: whichever it is, the other one shows next.
      if (table.datagrams(sent) > 1 && isOffloadError(errno)) {
        this.#limitTrains(path, batch.length[next]!, errno);
        return this.#sendFrom(batch, next);
      }
      if ((errno === EINVAL || errno === EADDRNOTAVAIL) && this.#hasSource(path)) {
        this.#homeless.add(path);
        this.#limits.forget(path);
        return this.#sendFrom(batch, next);
      }
      sent += 1;
    }
    const taken = sent === messages ? batch.count : sent === 0 ? first : table.end[sent - 1]!;
    if (trouble !== 0) this.#handleTrouble('send', trouble);
    return taken;
  }

  /** Returns the number of datagrams. */
  #read(batch: PacketBatch): number {
    const table = this.#receiving;
    let datagrams = 0;
    let errors = 0;
    // An entry without a pending error would keep the socket ready and never be read.
    if (this.#errors !== undefined) this.#handleTrouble('receive', 0);
    while (datagrams < MAX_PER_TURN) {
      const messages = table.receive(this.#fd);
      if (messages < 0) {
        const errno = -messages;
        if (errno !== EAGAIN && errno !== EINTR) {
          this.#handleTrouble('receive', errno);
          errors += 1;
        }
        if (errno !== EAGAIN && errors < MAX_ERRORS_PER_TURN && !this.#closed) continue;
        break;
      }
      for (let index = 0; index < messages; index++) {
        datagrams += this.#take(index, batch);
        if (this.#closed) return datagrams;
      }
      if (messages < table.capacity) break;
    }
    return datagrams;
  }

  /** Puts the datagrams of one message into the batch; returns their number, at least 1. */
  #take(message: number, batch: PacketBatch): number {
    const table = this.#receiving;
    const { bytes } = batch;
    const name = message * NAME_WORDS;
    const path = this.#remote === undefined ? this.#paths.path(table.names, name) : this.#answerPath(table.names, name);
    if (path === NO_PATH) return 1;
    // It has just been called at its own address.
    if (this.#homeless.size > 0) this.#homeless.delete(path);
    const segment = table.segment(message);
    const end = table.start(message) + table.length(message);
    let at = table.start(message);
    let datagrams = 0;
    do {
      const left = end - at;
      const size = Math.min(left, segment);
      const kept = Math.min(size, MAX_DATAGRAM);
      const index = batch.add(RECEIVE_OFFSET, kept, path);
      if (bytes === table.bytes) bytes.copyWithin(batch.offset[index]!, at, at + kept);
      else bytes.set(table.bytes.subarray(at, at + kept), batch.offset[index]!);
      at += size;
      datagrams += 1;
      if (batch.full) {
        this.#hand(batch);
        if (this.#closed) return datagrams;
      }
    } while (at < end);
    return datagrams;
  }

  /** The path of what comes to a client's socket; NO_PATH where it is not heard. */
  #answerPath(names: Int32Array, name: number): number {
    if (this.#onlyName === 0) return 0;
    if (names[name] !== this.#onlyName) return NO_PATH;
    if (this.#heard === ANY) return this.#paths.path(names, name);
    const path = this.#paths.find(names, name);
    return path === 0 || path === this.#heard ? path : NO_PATH;
  }

  #hand(batch: PacketBatch): void {
    if (this.#closed || batch.count === 0) return;
    this.#events.onBatch(batch);
    batch.clear();
  }

  /** Whether what goes to `path` leaves from the own address that it talks to. */
  #hasSource(path: number): boolean {
    return this.#wildcard && this.#paths.hasLocal(path) && !this.#homeless.has(path);
  }

  /** A path has refused a train of datagrams of `size` bytes. */
  #limitTrains(path: number, size: number, errno: number): void {
    const tooLong = errno === EMSGSIZE;
    // Shorter datagrams may fit where these do not; a device that cannot segment takes no train at all.
    this.#limits.limit(path, tooLong ? size - 1 : 0, performance.now());
    const kind = tooLong ? 'too long' : 'refused';
    if (this.#said.has(kind)) return;
    this.#said.add(kind);
    const cause = systemError('send', errno);
    const remote = this.remote(path);
    const where = remote === undefined ? '' : ` to ${formatAddress(remote.address, remote.port)}`;
    const reason = tooLong
      ? `datagrams of ${size} bytes are longer than the MTU of this path (a smaller --mtu helps)`
      : 'segmentation offload is refused on this path';
    const consequence = `${reason}; it gets them one by one for ${LIMIT_TIME / 1000} s, then it is tried again`;
    this.#events.onTrouble(new TransportError('KCPTUN_ERR_TRANSPORT_OFFLOAD', `${cause.message}${where}: ${consequence}`, { cause }));
  }

  /** A call has failed, unless `errno` is 0; where the network's words are queued, only those about the remote count. */
  #handleTrouble(call: string, errno: number): void {
    const told = this.#errors === undefined ? QUEUE_EMPTY : this.#errors.read();
    const trouble = told === QUEUE_EMPTY ? errno : told;
    if (trouble !== 0) this.#report(call, trouble);
  }

  #report(call: string, errno: number): void {
    const cause = systemError(call, errno);
    this.#events.onTrouble(new TransportError('KCPTUN_ERR_TRANSPORT_SOCKET', cause.message, { cause }));
  }
}

/** Whether the kernel knows segmentation: setting the socket's own segment size to "none" changes nothing else. */
export function offersGso(calls: SystemCalls, fd: number): boolean {
  return calls.setOption(fd, SOL_UDP, UDP_SEGMENT, 0) === 0;
}

/** Lets the kernel hand over trains, where it can. */
export function offersGro(calls: SystemCalls, fd: number): boolean {
  return calls.setOption(fd, SOL_UDP, UDP_GRO, 1) === 0;
}

/** The own address on the route to a remote. */
function routedAddress(calls: SystemCalls, remote: Uint8Array, options: DatagramOptions): string {
  const probe = check(calls.socket(options.remote?.family === 4 ? AF_INET : AF_INET6), 'socket', options);
  const name = new Uint8Array(SOCKADDR_IN6_SIZE);
  const connected = calls.connect(probe, remote);
  const named = connected < 0 ? connected : calls.getsockname(probe, name);
  calls.close(probe);
  check(named, 'connect', options);
  return decodeSocketAddress(name, 0).address;
}

/** Index behind the train that begins at packet `from`: equal sizes to one path, the last may be shorter. */
function endOfTrain(batch: PacketBatch, from: number): number {
  const { length, path, count } = batch;
  const size = length[from]!;
  if (size === 0) return from + 1;
  const to = path[from]!;
  let total = size;
  let end = from + 1;
  const most = Math.min(count, from + MAX_TRAIN_DATAGRAMS);
  while (end < most && path[end] === to) {
    const next = length[end]!;
    total += next;
    if (next > size || next === 0 || total > MAX_TRAIN) break;
    end += 1;
    if (next < size) break;
  }
  return end;
}

function isOffloadError(errno: number): boolean {
  return errno === EINVAL || errno === EIO || errno === EMSGSIZE || errno === EOPNOTSUPP;
}
