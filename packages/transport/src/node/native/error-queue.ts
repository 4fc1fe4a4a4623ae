// What the network says of datagrams that a socket without a connection has sent. The kernel tells such a
// socket no ICMP error unless it keeps a queue of them (IP_RECVERR, IPV6_RECVERR). Each entry names where the
// datagram went, so that a word about another remote counts for nothing. The queue takes room from received
// datagrams, keeps the socket ready as long as it holds something, and has a full device refuse what it would
// have dropped. So it is kept for a time only, and read before anything else.
//
//   entry   name: where the datagram went | control: 0 cmsg_len u64  8 level i32  12 type i32  16 errno u32 ...

import { type PinnedMemory, SOCKADDR_SIZE, type SystemCalls } from './ffi.ts';
import { CONTROL_BYTES, IOVEC_WORDS, Messages, MSG_DONTWAIT, setPointer } from './message-table.ts';
import { AF_INET } from './socket-address.ts';

const SOL_IP = 0;
const IP_RECVERR = 11;
const SOL_IPV6 = 41;
const IPV6_RECVERR = 25;
const MSG_ERRQUEUE = 0x2000;
/** The call wants room for the datagram; what does not fit is cut off. */
const PAYLOAD_BYTES = 64;
/** Entries that one look takes: the next look takes the others. */
const MAX_ENTRIES = 16;

/** No entry was there; see {@link ErrorQueue.read}. */
export const QUEUE_EMPTY = -1;

/** The error queue of one socket. */
export class ErrorQueue {
  readonly #calls: SystemCalls;
  readonly #fd: number;
  readonly #family: 4 | 6;
  readonly #remote: Int32Array;
  readonly #messages: Messages;
  readonly #payload: PinnedMemory;

  /**
   * Has the kernel keep the queue of a socket.
   * @param remote - sockaddr of the only remote whose entries count, in the words of a name
   * @returns undefined where the kernel keeps none
   */
  static open(calls: SystemCalls, fd: number, family: 4 | 6, remote: Int32Array): ErrorQueue | undefined {
    const queue = new ErrorQueue(calls, fd, family, remote);
    return queue.#keep(1) < 0 ? undefined : queue;
  }

  private constructor(calls: SystemCalls, fd: number, family: 4 | 6, remote: Int32Array) {
    this.#calls = calls;
    this.#fd = fd;
    this.#family = family;
    this.#remote = remote;
    this.#messages = new Messages(calls, 1);
    // The iovec, and behind it what it points to.
    const iovecBytes = IOVEC_WORDS * 4;
    this.#payload = calls.allocate(iovecBytes + PAYLOAD_BYTES);
    const iovec = new Int32Array(this.#payload.bytes.buffer);
    setPointer(iovec, 0, this.#payload.address + iovecBytes);
    iovec[2] = PAYLOAD_BYTES;
    const { words } = this.#messages;
    setPointer(words, 4, this.#payload.address);
    words[6] = 1;
  }

  /** Takes what is there. Returns the newest errno about the remote; 0 when there were others only, {@link QUEUE_EMPTY} when there was nothing. */
  read(): number {
    const { words, controls, address } = this.#messages;
    let told = QUEUE_EMPTY;
    for (let entries = 0; entries < MAX_ENTRIES; entries++) {
      words[2] = SOCKADDR_SIZE;
      words[10] = CONTROL_BYTES;
      if (this.#calls.recvmmsg(this.#fd, address, 1, MSG_ERRQUEUE | MSG_DONTWAIT) <= 0) break;
      if (told < 0) told = 0;
      const [level, type] = this.#family === 4 ? [SOL_IP, IP_RECVERR] : [SOL_IPV6, IPV6_RECVERR];
      if (words[10]! >= 20 && controls[2] === level && controls[3] === type && this.#isRemote()) told = controls[4]!;
    }
    return told;
  }

  /** Has the kernel keep the queue no more. */
  close(): void {
    this.#keep(0);
  }

  #keep(on: 0 | 1): number {
    return this.#family === 4
      ? this.#calls.setOption(this.#fd, SOL_IP, IP_RECVERR, on)
      : this.#calls.setOption(this.#fd, SOL_IPV6, IPV6_RECVERR, on);
  }

  /** Whether the entry is about the remote: family, port and address; flow label and zone may differ. */
  #isRemote(): boolean {
    const { names } = this.#messages;
    const [first, last] = (names[0]! & 0xffff) === AF_INET ? [1, 1] : [2, 5];
    if (names[0] !== this.#remote[0]) return false;
    for (let word = first; word <= last; word++) {
      if (names[word] !== this.#remote[word]) return false;
    }
    return true;
  }
}
