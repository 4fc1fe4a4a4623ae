// Arrays of `struct mmsghdr` for sendmmsg and recvmmsg, all messages of a batch in one system call. Layout on 64-bit little-endian Linux:
//
//   mmsghdr (64 bytes)   0 msg_name*  8 namelen u32  16 msg_iov*  24 iovlen u64  32 msg_control*  40 controllen u64  48 flags u32 | 56 len u32
//   iovec (16)           0 base*  8 len u64
//   control (64)         messages one behind the other, each padded to 8 bytes:
//     segment size (24)      0 cmsg_len u64  8 level i32  12 type i32  16 u16 when sending, i32 when received
//     IP_PKTINFO (32)        0 cmsg_len u64  8 level i32  12 type i32  16 interface  20 own address (4)  24 destination (4)
//     IPV6_PKTINFO (40)      0 cmsg_len u64  8 level i32  12 type i32  16 own address (16)  32 interface
//   name (12 words)      0-6 sockaddr of the remote | 8-11 the own address that it talks to: 1 word in IPv4, 0 where it is not asked for
//
// musl declares iovlen, controllen and cmsg_len as 32 bits with padding behind; little endian and a zero upper half make that the same bytes.
// One table of each kind serves all sockets of a host: calls are synchronous, nothing is kept in a table from one call to the next.

import { BATCH_CAPACITY, type KernelMemory, type PacketBatch } from '@kcptun/common';
import { type PinnedMemory, SOCKADDR_SIZE, type SystemCalls } from './ffi.ts';
import { SOCKADDR_IN_SIZE } from './socket-address.ts';

const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const UDP_GRO = 104;
/** Flags of a sending call: do not wait, raise no signal. */
export const SEND_FLAGS: number = 0x40 | 0x4000;
/** Flag of a receiving call: do not wait. */
export const MSG_DONTWAIT = 0x40;

/** Words of a mmsghdr. */
export const MESSAGE_WORDS = 16;
/** Words of an iovec. */
export const IOVEC_WORDS = 4;
const NAME_BYTES = 48;
/** Room for the control messages of one message: a segment size and IPV6_PKTINFO. */
export const CONTROL_BYTES = 64;
const CONTROL_HEADER = 16;
const WORD_RANGE = 0x1_0000_0000;
/** Control messages about the own address. */
const SOL_IP = 0;
const IP_PKTINFO = 8;
const SOL_IPV6 = 41;
const IPV6_RECVPKTINFO = 49;
const IPV6_PKTINFO = 50;

/** Words between the names of two messages in `names`. */
export const NAME_WORDS: number = NAME_BYTES / 4;
/** Where in a name the own address begins. */
export const LOCAL_WORD = 8;
/** Words of an own address. */
const LOCAL_WORDS = 4;
/** Messages that one receive call takes. */
const RECEIVE_MESSAGES = 16;
/** Room for one message: a train of datagrams that the kernel has put together is at most 64 KiB. The odd 1088 bytes spread messages in the caches. */
const RECEIVE_STRIDE = 65_536 + 1088;

/** Headers, names and control messages of `count` messages. */
export class Messages {
  readonly words: Int32Array;
  readonly names: Int32Array;
  readonly controls: Int32Array;
  readonly address: number;
  readonly #memory: PinnedMemory;

  constructor(calls: SystemCalls, count: number) {
    const namesAt = count * MESSAGE_WORDS * 4;
    const controlsAt = namesAt + count * NAME_BYTES;
    this.#memory = calls.allocate(controlsAt + count * CONTROL_BYTES);
    const { bytes, address } = this.#memory;
    this.address = address;
    this.words = new Int32Array(bytes.buffer, 0, count * MESSAGE_WORDS);
    this.names = new Int32Array(bytes.buffer, namesAt, count * NAME_WORDS);
    this.controls = new Int32Array(bytes.buffer, controlsAt, (count * CONTROL_BYTES) / 4);
    for (let index = 0; index < count; index++) {
      const at = index * MESSAGE_WORDS;
      setPointer(this.words, at, address + namesAt + index * NAME_BYTES);
      setPointer(this.words, at + 8, address + controlsAt + index * CONTROL_BYTES);
    }
  }
}

/** Has a socket tell at which of the own addresses each datagram came in; a negated errno where it cannot. */
export function tellLocalAddress(calls: SystemCalls, fd: number, family: 4 | 6): number {
  return family === 4 ? calls.setOption(fd, SOL_IP, IP_PKTINFO, 1) : calls.setOption(fd, SOL_IPV6, IPV6_RECVPKTINFO, 1);
}

/**
 * Writes the control message that chooses the address to send from; the interface is the route's.
 * @param at - index in `controls`
 * @param own - where the address is in `names`
 * @returns the words that it takes
 */
export function writeSource(controls: Int32Array, at: number, family: 4 | 6, names: Int32Array, own: number): number {
  const ipv4 = family === 4;
  controls[at] = ipv4 ? 28 : 36;
  controls[at + 1] = 0;
  controls[at + 2] = ipv4 ? SOL_IP : SOL_IPV6;
  controls[at + 3] = ipv4 ? IP_PKTINFO : IPV6_PKTINFO;
  if (ipv4) {
    controls[at + 4] = 0;
    controls[at + 5] = names[own]!;
    controls[at + 6] = 0;
    return 8;
  }
  for (let word = 0; word < LOCAL_WORDS; word++) controls[at + 4 + word] = names[own + word]!;
  controls[at + 8] = 0;
  return 10;
}

/** Writes a pointer into two words. */
export function setPointer(words: Int32Array, at: number, address: number): void {
  words[at] = (address % WORD_RANGE) | 0;
  words[at + 1] = Math.floor(address / WORD_RANGE);
}

/** What is sent: messages of one datagram, or of several that the kernel (or the network card) cuts into datagrams of `segment` bytes. */
export class SendTable {
  /** Messages in the table. */
  count = 0;
  /** Index of the packet behind each message. */
  readonly end: Int32Array = new Int32Array(BATCH_CAPACITY);
  readonly #calls: SystemCalls;
  readonly #messages: Messages;
  readonly #iovecs: PinnedMemory;
  readonly #iovecWords: Int32Array;
  #target: PinnedMemory | undefined;
  #targetLow = 0;
  #targetHigh = 0;

  constructor(calls: SystemCalls) {
    this.#calls = calls;
    this.#messages = new Messages(calls, BATCH_CAPACITY);
    this.#iovecs = calls.allocate(BATCH_CAPACITY * IOVEC_WORDS * 4);
    this.#iovecWords = new Int32Array(this.#iovecs.bytes.buffer);
    for (let index = 0; index < BATCH_CAPACITY; index++) {
      setPointer(this.#messages.words, index * MESSAGE_WORDS + 4, this.#iovecs.address + index * IOVEC_WORDS * 4);
    }
  }

  /** Starts over with packets whose bytes are in `bytes`. */
  begin(bytes: Uint8Array): void {
    this.count = 0;
    if (this.#target?.bytes === bytes) return;
    this.#target = this.#calls.pin(bytes);
    this.#targetLow = this.#target.address % WORD_RANGE;
    this.#targetHigh = Math.floor(this.#target.address / WORD_RANGE);
  }

  /**
   * Adds packets `[from, to)` of a batch as one message.
   * @param names - where the address to send to is, `undefined` on a connected socket
   * @param nameAt - index of its first word
   * @param nameLength - its length in bytes
   * @param source - whether it leaves from the own address in the name; else the system chooses
   * @throws {RangeError} when a packet is not inside of the batch's memory
   */
  add(
    batch: PacketBatch,
    from: number,
    to: number,
    names: Int32Array | undefined,
    nameAt: number,
    nameLength: number,
    source: boolean,
  ): void {
    const { offset, length } = batch;
    const limit = batch.bytes.length;
    const iovecs = this.#iovecWords;
    for (let index = from; index < to; index++) {
      const start = offset[index]!;
      const size = length[index]!;
      if (start < 0 || size < 0 || start + size > limit) throw new RangeError(`batch: packet ${index} is outside of its memory`);
      const low = this.#targetLow + start;
      const at = index * IOVEC_WORDS;
      iovecs[at] = low | 0;
      iovecs[at + 1] = low >= WORD_RANGE ? this.#targetHigh + 1 : this.#targetHigh;
      iovecs[at + 2] = size;
    }
    const message = this.count++;
    const { words, controls } = this.#messages;
    const at = message * MESSAGE_WORDS;
    if (names !== undefined) {
      const target = this.#messages.names;
      for (let word = 0; word < SOCKADDR_SIZE / 4; word++) target[message * NAME_WORDS + word] = names[nameAt + word]!;
    }
    words[at + 2] = nameLength;
    setPointer(words, at + 4, this.#iovecs.address + from * IOVEC_WORDS * 4);
    words[at + 6] = to - from;
    const control = (message * CONTROL_BYTES) / 4;
    let next = control;
    if (source && names !== undefined) {
      next += writeSource(controls, next, nameLength === SOCKADDR_IN_SIZE ? 4 : 6, names, nameAt + LOCAL_WORD);
    }
    if (to - from > 1) {
      controls[next] = 18; // CMSG_LEN(sizeof(uint16_t))
      controls[next + 1] = 0;
      controls[next + 2] = SOL_UDP;
      controls[next + 3] = UDP_SEGMENT;
      controls[next + 4] = length[from]!;
      next += 6;
    }
    words[at + 10] = (next - control) * 4;
    this.end[message] = to;
  }

  /** Datagrams in message `index`. */
  datagrams(index: number): number {
    return this.#messages.words[index * MESSAGE_WORDS + 6]!;
  }

  /** Sends the messages from `first` on; returns how many were taken, or the negated errno of the first. */
  send(fd: number, first: number): number {
    const address = this.#messages.address + first * MESSAGE_WORDS * 4;
    return this.#calls.sendmmsg(fd, address, this.count - first, SEND_FLAGS);
  }
}

/** What was received: messages of one datagram, or of several of `segment` bytes of one sender. */
export class ReceiveTable {
  /** Messages that one call takes. */
  readonly capacity: number = RECEIVE_MESSAGES;
  /** The memory that all offsets point into. */
  readonly bytes: Uint8Array;
  /** Names of senders, {@link NAME_WORDS} each. */
  readonly names: Int32Array;
  readonly #segments: Int32Array = new Int32Array(RECEIVE_MESSAGES);
  readonly #calls: SystemCalls;
  readonly #messages: Messages;
  readonly #iovecs: PinnedMemory;
  readonly #base: number;
  #used: number = RECEIVE_MESSAGES;

  /** @param memory - where the room for received bytes is reserved, for good */
  constructor(calls: SystemCalls, memory: KernelMemory) {
    this.#calls = calls;
    this.#messages = new Messages(calls, RECEIVE_MESSAGES);
    this.names = this.#messages.names;
    this.#iovecs = calls.allocate(RECEIVE_MESSAGES * IOVEC_WORDS * 4);
    this.#base = memory.reserve(RECEIVE_MESSAGES * RECEIVE_STRIDE);
    this.bytes = memory.bytes;
    const { address } = calls.pin(memory.bytes);
    const iovecs = new Int32Array(this.#iovecs.bytes.buffer);
    for (let index = 0; index < RECEIVE_MESSAGES; index++) {
      setPointer(iovecs, index * IOVEC_WORDS, address + this.start(index));
      iovecs[index * IOVEC_WORDS + 2] = 65_536;
      const at = index * MESSAGE_WORDS;
      setPointer(this.#messages.words, at + 4, this.#iovecs.address + index * IOVEC_WORDS * 4);
      this.#messages.words[at + 6] = 1;
    }
  }

  /** Receives what is there; returns the number of messages, or the negated errno. */
  receive(fd: number): number {
    // A memory that has grown is somewhere else: the addresses lead nowhere.
    if (this.bytes.length === 0) throw new RangeError('memory: has grown');
    const { words } = this.#messages;
    for (let index = 0; index < this.#used; index++) {
      words[index * MESSAGE_WORDS + 2] = SOCKADDR_SIZE;
      words[index * MESSAGE_WORDS + 10] = CONTROL_BYTES;
    }
    const result = this.#calls.recvmmsg(fd, this.#messages.address, RECEIVE_MESSAGES, MSG_DONTWAIT);
    this.#used = result < 0 ? 1 : result;
    for (let index = 0; index < result; index++) this.#readControl(index);
    return result;
  }

  /** Notes what the control messages of message `index` say. */
  #readControl(index: number): void {
    const { words, names, controls } = this.#messages;
    const own = index * NAME_WORDS + LOCAL_WORD;
    names[own] = 0;
    names[own + 1] = 0;
    names[own + 2] = 0;
    names[own + 3] = 0;
    this.#segments[index] = 0;
    const length = Math.min(words[index * MESSAGE_WORDS + 10]!, CONTROL_BYTES);
    const first = (index * CONTROL_BYTES) / 4;
    for (let at = 0; at + CONTROL_HEADER <= length; ) {
      const control = first + at / 4;
      const size = controls[control]!;
      if (size < CONTROL_HEADER || at + size > length) return;
      const level = controls[control + 2]!;
      const type = controls[control + 3]!;
      if (level === SOL_UDP && type === UDP_GRO) {
        this.#segments[index] = controls[control + 4]!;
      } else if (level === SOL_IP && type === IP_PKTINFO) {
        names[own] = controls[control + 5]!;
      } else if (level === SOL_IPV6 && type === IPV6_PKTINFO) {
        for (let word = 0; word < LOCAL_WORDS; word++) names[own + word] = controls[control + 4 + word]!;
      }
      at += (size + 7) & ~7;
    }
  }

  /** Offset of the bytes of message `index`. */
  start(index: number): number {
    return this.#base + index * RECEIVE_STRIDE;
  }

  /** Length of message `index` in bytes. */
  length(index: number): number {
    return this.#messages.words[index * MESSAGE_WORDS + 14]!;
  }

  /** Bytes of each datagram but the last in message `index`; all of it when it is a single one. */
  segment(index: number): number {
    const size = this.#segments[index]!;
    return size > 0 ? size : this.length(index);
  }
}
