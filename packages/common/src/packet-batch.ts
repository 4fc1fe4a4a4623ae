// The unit between session, crypt and socket: up to 96 packets in equal slots of one memory. A single packet is a batch
// of one; there is no second code path. Each layer writes its header in place, in the headroom in front of the packet:
//
//   slot i (1536 bytes)                                  offset[i] ............ offset[i] + length[i]
//   | 4 spare | nonce 16 + crc 4 (or nonce 12) | FEC 8 | KCP packet ... | tag 16 | padding for SIMD |
//             ^ 4                              ^ 24    ^ 32 = HEADROOM
//
// Sending:  begin() gives a slot with the packet at HEADROOM; FEC and crypt move offset[i] to the front, lengths grow.
// Receiving: the datagram is put at RECEIVE_OFFSET; opening moves offset[i] behind the headers. The plaintext stays
//            4-byte aligned for all three framings. A packet that was refused has length DROPPED and is passed over.
// A batch has one owner at a time: whoever was handed it may change it until it returns.

import type { KernelMemory } from './arena.ts';
import { isKcptunError } from './errors.ts';

/** Packets in a full batch: two trains of 64 KiB of datagrams of 1350 bytes, none of them cut short. */
export const BATCH_CAPACITY = 96;
/** Bytes of a slot: headroom, the largest datagram, tag and SIMD padding. */
export const SLOT_SIZE = 1536;
/** Where a KCP packet starts in its slot when sending. */
export const HEADROOM = 32;
/** Where a datagram starts in its slot when receiving: keeps plaintext 4-byte aligned after 0, 12 or 20 header bytes. */
export const RECEIVE_OFFSET = 12;
/** The largest datagram on the wire in bytes (SESSION §4): never sent beyond, and longer ones are cut and fail their check. */
export const MAX_DATAGRAM = 1500;
/** The `length` of a packet that a layer has refused. */
export const DROPPED = -1;

/** Up to {@link BATCH_CAPACITY} packets in slots of one memory. */
export class PacketBatch {
  /** The memory that all offsets point into. */
  readonly bytes: Uint8Array;
  /** Offset of slot 0. */
  readonly base: number;
  /** Offset of each packet's first byte in `bytes`. */
  readonly offset: Int32Array = new Int32Array(BATCH_CAPACITY);
  /** Length of each packet in bytes, or {@link DROPPED}. */
  readonly length: Int32Array = new Int32Array(BATCH_CAPACITY);
  /** The remote path of each packet: a small integer that the transport handed out. */
  readonly path: Int32Array = new Int32Array(BATCH_CAPACITY);
  /** Number of packets in the batch. */
  count = 0;
  readonly #memory: KernelMemory | undefined;

  /** @param memory - where the slots are reserved; by default, and when that one is full, a memory of its own: kernels then work on copies */
  constructor(memory?: KernelMemory) {
    const base = reserveSlots(memory);
    this.#memory = base === undefined ? undefined : memory;
    this.base = base ?? 0;
    this.bytes = this.#memory?.bytes ?? new Uint8Array(BATCH_CAPACITY * SLOT_SIZE);
  }

  /** Whether no further packet fits. */
  get full(): boolean {
    return this.count === BATCH_CAPACITY;
  }

  /** Offset of slot `index`. */
  slot(index: number): number {
    return this.base + index * SLOT_SIZE;
  }

  /** Appends a packet whose bytes the caller has put (or will put) at `slot(count) + at`; returns its index. */
  add(at: number, length: number, path: number): number {
    const index = this.count;
    this.offset[index] = this.base + index * SLOT_SIZE + at;
    this.length[index] = length;
    this.path[index] = path;
    this.count = index + 1;
    return index;
  }

  /** Appends a copy of a received datagram; longer ones than {@link MAX_DATAGRAM} are cut. The batch must not be full. */
  addReceived(datagram: Uint8Array, path: number): number {
    const cut = datagram.length > MAX_DATAGRAM ? datagram.subarray(0, MAX_DATAGRAM) : datagram;
    const index = this.add(RECEIVE_OFFSET, cut.length, path);
    this.bytes.set(cut, this.offset[index]!);
    return index;
  }

  /** A view of packet `index`; for tests and slow paths, it allocates. */
  packet(index: number): Uint8Array {
    const offset = this.offset[index]!;
    return this.bytes.subarray(offset, offset + Math.max(0, this.length[index]!));
  }

  /** Gives the slots back to the memory they were reserved in; the batch must not be used afterwards. */
  release(): void {
    this.#memory?.release(this.base, BATCH_CAPACITY * SLOT_SIZE);
  }

  /** Empties the batch. */
  clear(): void {
    this.count = 0;
  }
}

function reserveSlots(memory: KernelMemory | undefined): number | undefined {
  try {
    return memory?.reserve(BATCH_CAPACITY * SLOT_SIZE);
  } catch (error) {
    if (isKcptunError(error, 'KCPTUN_ERR_ARENA_FULL')) return undefined;
    throw error;
  }
}
