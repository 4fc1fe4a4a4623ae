// The one place with pointers: the system calls of datagram sockets, taken from the running process through koffi (Linux, 64 bit,
// little endian; glibc and musl). Rules that keep it sound:
//   - An address does not keep memory alive, and small typed arrays may move: what the system is pointed at are ArrayBuffers (made by size,
//     never small views) that the same object holds for good, or memory that the caller of a table hands in and the table holds.
//   - A WebAssembly.Memory whose address was taken must not grow; every use checks the range, which is empty once a memory has been detached.
//   - Pointers are passed as numbers (below 2^53), calls return a negated errno instead of throwing, and nothing here runs foreign code:
//     the readiness callback only tells that something is ready, because an exception inside of it would stop the event loop.

import { type Koffi, loadKoffi } from '@kcptun/crypt/node';

type Call = (...args: number[]) => number;

const SOCK_FLAGS = 0o4000 | 0o2000000; // SOCK_NONBLOCK, SOCK_CLOEXEC; the same on x64 and arm64
const SOCK_DGRAM = 2;
/** Kinds of sockets besides datagrams: streams, and packets below both. */
export const SOCK_STREAM = 1;
/** See {@link SOCK_STREAM}. */
export const SOCK_RAW = 3;
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const POLLIN = 0x1;
/** Bytes of the largest `struct sockaddr` in use, `sockaddr_in6`. */
export const SOCKADDR_SIZE = 28;
const SCRATCH_SIZE = 256;
const VALUE_AT = 32;
const LENGTH_AT = 40;
const FILTER_AT = 64;
/** Most instructions of a socket filter. */
const FILTER_LIMIT = (SCRATCH_SIZE - FILTER_AT) / 8;

/** An instruction of a socket filter (classic BPF): code, jump when true, jump when false, operand. */
export type FilterInstruction = readonly [code: number, jt: number, jf: number, k: number];

/** Tells when a socket is ready. */
export interface Watch {
  /** Tells nothing until `resume`. */
  pause(): void;
  /** Tells again, at once when there is something to read. */
  resume(): void;
  /** Stops for good; the descriptor may be closed afterwards. Must be called once. */
  close(): void;
}

/** Memory of a fixed address. */
export interface PinnedMemory {
  readonly bytes: Uint8Array;
  readonly address: number;
}

/** The system calls. Results are those of the call, or the negated errno. */
export class SystemCalls {
  readonly #koffi: Koffi;
  readonly #scratch: PinnedMemory;
  readonly #scratchView: DataView;
  readonly #socket: Call;
  readonly #close: Call;
  readonly #bind: Call;
  readonly #connect: Call;
  readonly #getsockname: Call;
  readonly #setsockopt: Call;
  readonly #getsockopt: Call;
  readonly #getpeername: Call;
  readonly #listen: Call;
  readonly #accept: Call;
  readonly #recv: Call;
  readonly #poll: Call;
  readonly #sendto: Call;
  readonly #sendmmsg: Call;
  readonly #recvmmsg: Call;

  /**
   * Loads koffi and looks the functions up.
   * @throws whatever koffi throws when it is not installed, may not be loaded or does not find a function
   */
  constructor() {
    const koffi = loadKoffi();
    const program = koffi.load(null);
    const call = (prototype: string): Call => program.func(prototype) as Call;
    this.#koffi = koffi;
    this.#scratch = this.allocate(SCRATCH_SIZE);
    this.#scratchView = new DataView(this.#scratch.bytes.buffer);
    this.#socket = call('int socket(int, int, int)');
    this.#close = call('int close(int)');
    this.#bind = call('int bind(int, uint64_t, unsigned int)');
    this.#connect = call('int connect(int, uint64_t, unsigned int)');
    this.#getsockname = call('int getsockname(int, uint64_t, uint64_t)');
    this.#setsockopt = call('int setsockopt(int, int, int, uint64_t, unsigned int)');
    this.#getsockopt = call('int getsockopt(int, int, int, uint64_t, uint64_t)');
    this.#getpeername = call('int getpeername(int, uint64_t, uint64_t)');
    this.#listen = call('int listen(int, int)');
    this.#accept = call('int accept4(int, uint64_t, uint64_t, int)');
    this.#recv = call('intptr_t recv(int, uint64_t, uintptr_t, int)');
    this.#poll = call('int poll(uint64_t, unsigned long, int)');
    this.#sendto = call('long sendto(int, uint64_t, unsigned long, int, uint64_t, unsigned int)');
    this.#sendmmsg = call('int sendmmsg(int, uint64_t, unsigned int, int)');
    this.#recvmmsg = call('int recvmmsg(int, uint64_t, unsigned int, int, uint64_t)');
  }

  /** Memory of `byteLength` bytes, all zero; the caller must hold it as long as the system may use it. */
  allocate(byteLength: number): PinnedMemory {
    return this.pin(new Uint8Array(new ArrayBuffer(byteLength)));
  }

  /** The address of memory that does not move; the caller must hold `bytes`. */
  pin(bytes: Uint8Array): PinnedMemory {
    return { bytes, address: Number(this.#koffi.address(bytes)) };
  }

  /** A socket that does not block and is not inherited by child processes. */
  socket(domain: number, type: number = SOCK_DGRAM, protocol = 0): number {
    return this.#checked(this.#socket(domain, type | SOCK_FLAGS, protocol));
  }

  close(fd: number): number {
    return this.#checked(this.#close(fd));
  }

  /** @param sockaddr - at most {@link SOCKADDR_SIZE} bytes */
  bind(fd: number, sockaddr: Uint8Array): number {
    this.#scratch.bytes.set(sockaddr.subarray(0, SOCKADDR_SIZE));
    return this.#checked(this.#bind(fd, this.#scratch.address, sockaddr.length));
  }

  /** @param sockaddr - at most {@link SOCKADDR_SIZE} bytes */
  connect(fd: number, sockaddr: Uint8Array): number {
    this.#scratch.bytes.set(sockaddr.subarray(0, SOCKADDR_SIZE));
    return this.#checked(this.#connect(fd, this.#scratch.address, sockaddr.length));
  }

  /** Writes the address that the socket is bound to into `sockaddr`. */
  getsockname(fd: number, sockaddr: Uint8Array): number {
    return this.#name(this.#getsockname, fd, sockaddr);
  }

  /** Writes the address that the socket is connected to into `sockaddr`. */
  getpeername(fd: number, sockaddr: Uint8Array): number {
    return this.#name(this.#getpeername, fd, sockaddr);
  }

  #name(call: Call, fd: number, sockaddr: Uint8Array): number {
    const { bytes, address } = this.#scratch;
    this.#scratchView.setUint32(LENGTH_AT, SOCKADDR_SIZE, true);
    const result = this.#checked(call(fd, address, address + LENGTH_AT));
    sockaddr.set(bytes.subarray(0, SOCKADDR_SIZE));
    return result;
  }

  listen(fd: number, backlog: number): number {
    return this.#checked(this.#listen(fd, backlog));
  }

  /** The next connection of a listening socket, of the same kind as {@link SystemCalls.socket} makes. */
  accept(fd: number): number {
    return this.#checked(this.#accept(fd, 0, 0, SOCK_FLAGS));
  }

  /** Takes up to 32 bytes of a stream and drops them; 0 at its end. */
  discard(fd: number): number {
    return this.#checked(this.#recv(fd, this.#scratch.address, 32, 0));
  }

  /**
   * Has the kernel pass on only what a program of classic BPF lets through, and of that only as many bytes as it says.
   * @throws {RangeError} when the program is too long
   */
  attachFilter(fd: number, program: readonly FilterInstruction[]): number {
    if (program.length > FILTER_LIMIT) throw new RangeError(`filter: has more than ${FILTER_LIMIT} instructions`);
    const view = this.#scratchView;
    const { address } = this.#scratch;
    program.forEach(([code, jt, jf, k], index) => {
      const at = FILTER_AT + index * 8;
      view.setUint16(at, code, true);
      view.setUint8(at + 2, jt);
      view.setUint8(at + 3, jf);
      view.setUint32(at + 4, k, true);
    });
    view.setUint16(VALUE_AT, program.length, true); // struct sock_fprog: length, pointer at 8
    view.setBigUint64(VALUE_AT + 8, BigInt(address + FILTER_AT), true);
    return this.#checked(this.#setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, address + VALUE_AT, 16));
  }

  /** Sets an option that is an `int`. */
  setOption(fd: number, level: number, name: number, value: number): number {
    this.#scratchView.setInt32(VALUE_AT, value, true);
    return this.#checked(this.#setsockopt(fd, level, name, this.#scratch.address + VALUE_AT, 4));
  }

  /** Reads an option that is an `int` and not negative. */
  option(fd: number, level: number, name: number): number {
    this.#scratchView.setUint32(LENGTH_AT, 4, true);
    const { address } = this.#scratch;
    const result = this.#checked(this.#getsockopt(fd, level, name, address + VALUE_AT, address + LENGTH_AT));
    return result < 0 ? result : this.#scratchView.getInt32(VALUE_AT, true);
  }

  /** Blocks until there is something to read, at most `timeout` ms; returns whether there is. For the self-test only. */
  waitReadable(fd: number, timeout: number): boolean {
    this.#scratchView.setInt32(VALUE_AT, fd, true);
    this.#scratchView.setUint32(VALUE_AT + 4, POLLIN, true);
    return this.#poll(this.#scratch.address + VALUE_AT, 1, timeout) > 0;
  }

  /** Sends one datagram. Memory is taken for each: not for the data path. */
  sendto(fd: number, bytes: Uint8Array, sockaddr: Uint8Array): number {
    const message = this.allocate(Math.max(SCRATCH_SIZE, bytes.length));
    message.bytes.set(bytes);
    const destination = this.allocate(Math.max(SCRATCH_SIZE, sockaddr.length));
    destination.bytes.set(sockaddr);
    return this.#checked(this.#sendto(fd, message.address, bytes.length, 0, destination.address, sockaddr.length));
  }

  /** @param messages - address of `count` mmsghdr */
  sendmmsg(fd: number, messages: number, count: number, flags: number): number {
    return this.#checked(this.#sendmmsg(fd, messages, count, flags));
  }

  /** @param messages - address of `count` mmsghdr */
  recvmmsg(fd: number, messages: number, count: number, flags: number): number {
    return this.#checked(this.#recvmmsg(fd, messages, count, flags, 0));
  }

  /**
   * Calls back in the poll phase of each turn of the event loop in which the socket is readable (or writable) or has an error to report. The
   * callback must not throw and nothing it does may need Node to run ticks behind it; in it everything but queueing is out of place.
   */
  watch(fd: number, onReady: () => void, writable = false): Watch {
    // koffi's own poll handle: libuv's uv_poll on the loop of this environment, so that no handle memory is ours to free.
    const wanted = writable ? { writable: true } : { readable: true };
    const onPoll = (...args: unknown[]): void => {
      // The events are the last argument (libuv's status comes before). Without any the socket has an error to report, for which libuv stops.
      const events = args.at(-1) as { readable: boolean; writable: boolean };
      if ((writable ? events.writable : events.readable) === false) handle.start(wanted, onPoll);
      onReady();
    };
    const handle = this.#koffi.node.poll(fd, wanted, onPoll);
    return { pause: () => handle.stop(), resume: () => handle.start(wanted, onPoll), close: () => handle.close() };
  }

  #checked(result: number): number {
    return result < 0 ? -this.#koffi.errno() : result;
  }
}
