// Arrays of `struct mmsghdr` for sendmmsg and recvmmsg, all messages of a batch in one system call. Layout on 64-bit little-endian Linux:
//
//   mmsghdr (64 bytes)   0 msg_name*  8 namelen u32  16 msg_iov*  24 iovlen u64  32 msg_control*  40 controllen u64  48 flags u32 | 56 len u32
//   iovec (16)           0 base*  8 len u64
//   control (24)         0 cmsg_len u64  8 level i32  12 type i32  16 segment size (u16 when sending, i32 when received)
//
// musl declares iovlen, controllen and cmsg_len as 32 bits with padding behind; little endian and a zero upper half make that the same bytes.
// One table of each kind serves all sockets of a host: calls are synchronous, nothing is kept in a table from one call to the next.

import { BATCH_CAPACITY, type KernelMemory, type PacketBatch } from '@kcptun/common';
import { type PinnedMemory, SOCKADDR_SIZE, type SystemCalls } from './ffi.ts';

const SOL_UDP = 17;
const UDP_SEGMENT = 103;
const UDP_GRO = 104;
/** Flags of a sending call: do not wait, raise no signal. */
export const SEND_FLAGS: number = 0x40 | 0x4000;
const MSG_DONTWAIT = 0x40;

/** Words of a mmsghdr. */
export const MESSAGE_WORDS = 16;
/** Words of an iovec. */
export const IOVEC_WORDS = 4;
const NAME_BYTES = 32;
/** Bytes between two control messages: room for the largest, IPV6_PKTINFO. */
export const CONTROL_BYTES = 40;
const CONTROL_SIZE = 24;
const WORD_RANGE = 0x1_0000_0000;

/** Words between the addresses of two messages in `names`. */
export const NAME_WORDS: number = NAME_BYTES / 4;
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
    const { controls } = this.#messages;
    for (let index = 0; index < BATCH_CAPACITY; index++) {
      setPointer(this.#messages.words, index * MESSAGE_WORDS + 4, this.#iovecs.address + index * IOVEC_WORDS * 4);
      const control = (index * CONTROL_BYTES) / 4;
      controls[control] = 18; // CMSG_LEN(sizeof(uint16_t))
      controls[control + 2] = SOL_UDP;
      controls[control + 3] = UDP_SEGMENT;
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
   * @throws {RangeError} when a packet is not inside of the batch's memory
   */
  add(batch: PacketBatch, from: number, to: number, names: Int32Array | undefined, nameAt: number, nameLength: number): void {
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
    words[at + 10] = to - from > 1 ? CONTROL_SIZE : 0;
    controls[(message * CONTROL_BYTES) / 4 + 4] = length[from]!;
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
  /** Addresses of senders, {@link NAME_WORDS} each. */
  readonly names: Int32Array;
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
      words[index * MESSAGE_WORDS + 10] = CONTROL_SIZE;
    }
    const result = this.#calls.recvmmsg(fd, this.#messages.address, RECEIVE_MESSAGES, MSG_DONTWAIT);
    this.#used = result < 0 ? 1 : result;
    return result;
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
    const { words, controls } = this.#messages;
    const control = (index * CONTROL_BYTES) / 4;
    const told = words[index * MESSAGE_WORDS + 10]! >= 20 && controls[control + 2] === SOL_UDP && controls[control + 3] === UDP_GRO;
    const size = told ? controls[control + 4]! : 0;
    return size > 0 ? size : this.length(index);
  }
}
