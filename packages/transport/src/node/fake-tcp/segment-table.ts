// Segments that are sent by one sendmmsg on a raw socket: a header from a memory of our own, then the datagram where it lies in its batch. A control
// message gives the address that they come from, because a server has many.

import { BATCH_CAPACITY, type PacketBatch } from '@kcptun/common';
import { type PinnedMemory, SOCKADDR_SIZE, type SystemCalls } from '../native/ffi.ts';
import {
  CONTROL_BYTES,
  IOVEC_WORDS,
  MESSAGE_WORDS,
  Messages,
  NAME_WORDS,
  SEND_FLAGS,
  setPointer,
  writeSource,
} from '../native/message-table.ts';
import type { Flow } from './flow.ts';
import { checksum, SEGMENT_HEADER, sumOf, writeHeader } from './segment.ts';

const PORT_MASK = 0xffff;

/** Segments to send. One table serves all sockets of a host: calls are synchronous. */
export class SegmentTable {
  /** Segments in the table. */
  count = 0;
  /** Index of the packet behind each segment. */
  readonly end: Int32Array = new Int32Array(BATCH_CAPACITY);
  readonly #calls: SystemCalls;
  readonly #messages: Messages;
  readonly #iovecs: PinnedMemory;
  readonly #iovecWords: Int32Array;
  readonly #headers: PinnedMemory;
  readonly #headerWords: Int32Array;
  readonly #headerView: DataView;
  #target: PinnedMemory | undefined;
  #targetWords: Int32Array = new Int32Array(0);

  constructor(calls: SystemCalls) {
    this.#calls = calls;
    this.#messages = new Messages(calls, BATCH_CAPACITY);
    this.#iovecs = calls.allocate(BATCH_CAPACITY * 2 * IOVEC_WORDS * 4);
    this.#iovecWords = new Int32Array(this.#iovecs.bytes.buffer);
    this.#headers = calls.allocate(BATCH_CAPACITY * SEGMENT_HEADER);
    this.#headerWords = new Int32Array(this.#headers.bytes.buffer);
    this.#headerView = new DataView(this.#headers.bytes.buffer);
    for (let index = 0; index < BATCH_CAPACITY; index++) {
      const { words } = this.#messages;
      setPointer(words, index * MESSAGE_WORDS + 4, this.#iovecs.address + index * 2 * IOVEC_WORDS * 4);
      words[index * MESSAGE_WORDS + 6] = 2;
      setPointer(this.#iovecWords, index * 2 * IOVEC_WORDS, this.#headers.address + index * SEGMENT_HEADER);
      this.#iovecWords[index * 2 * IOVEC_WORDS + 2] = SEGMENT_HEADER;
    }
  }

  /** Starts over with packets whose bytes are in `bytes`. */
  begin(bytes: Uint8Array): void {
    this.count = 0;
    if (this.#target?.bytes === bytes) return;
    this.#target = this.#calls.pin(bytes);
    this.#targetWords = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length >>> 2);
  }

  /**
   * Adds packet `index` of a batch as the next segment of a flow.
   * @param names - sockaddr of all remotes
   * @param now - the time of the host in ms
   * @throws {RangeError} when the packet is not inside of the batch's memory
   */
  add(batch: PacketBatch, index: number, flow: Flow, names: Int32Array, now: number): void {
    const start = batch.offset[index]!;
    const size = batch.length[index]!;
    const { bytes } = batch;
    if (start < 0 || size < 0 || start + size > bytes.length) throw new RangeError(`batch: packet ${index} is outside of its memory`);
    const segment = this.count++;
    const header = segment * SEGMENT_HEADER;
    writeHeader(this.#headerView, header, flow.ports, flow.seq, flow.ack, (flow.clockOffset + now) >>> 0, flow.echo);
    const sum =
      flow.addressSum +
      sumOf(this.#headers.bytes, this.#headerWords, header, SEGMENT_HEADER) +
      sumOf(bytes, this.#targetWords, start, size);
    this.#headerView.setUint16(header + 16, checksum(sum, SEGMENT_HEADER + size), true);
    flow.advance(size);
    const iovec = (segment * 2 + 1) * IOVEC_WORDS;
    setPointer(this.#iovecWords, iovec, (this.#target as PinnedMemory).address + start);
    this.#iovecWords[iovec + 2] = size;
    this.#address(segment, flow, names);
    this.end[segment] = index + 1;
  }

  /** Sends the segments from `first` on by a raw socket; returns how many were taken, or the negated errno of the first. */
  send(fd: number, first: number): number {
    const address = this.#messages.address + first * MESSAGE_WORDS * 4;
    return this.#calls.sendmmsg(fd, address, this.count - first, SEND_FLAGS);
  }

  #address(segment: number, flow: Flow, names: Int32Array): void {
    const { words, names: target, controls } = this.#messages;
    const from = flow.path * NAME_WORDS;
    const to = segment * NAME_WORDS;
    for (let word = 0; word < SOCKADDR_SIZE / 4; word++) target[to + word] = names[from + word]!;
    target[to] = target[to]! & PORT_MASK; // raw sockets know no ports
    words[segment * MESSAGE_WORDS + 2] = flow.nameLength;
    const control = (segment * CONTROL_BYTES) / 4;
    words[segment * MESSAGE_WORDS + 10] = writeSource(controls, control, flow.family, flow.localAddress, 0) * 4;
  }
}
