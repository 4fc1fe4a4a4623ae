// From where the answers to a client come. A server with several addresses may answer from another one than it was called at, and who
// could send from there without the key? Whoever has recorded what this client sent: it opens with the key, and has the right conv.
//
//   open      every address is heard. A datagram that this end has sent itself is no answer. The first answer that KCP accepts decides
//   other     it came from another address: that one is heard, and the called one. An answer from the called one ends this
//   called    only the called address is heard, for good: the endpoint has no AnswerSource any more, and its packets cost nothing

import { BatchPool, type KernelMemory, type PacketBatch, type RandomSource, readU32 } from '@kcptun/common';
import { nonceOffsetOf } from '@kcptun/crypt';
import { type Endpoint, ReplayMemory } from '@kcptun/session';

/**
 * Datagrams that a client may send to a server that has not answered before it hears none but the called address: all of them are
 * remembered until then. 260 KiB when full.
 */
export const MAX_UNANSWERED = 16_384;
/** Bytes by which a datagram is known again where the cipher binds none of them: they reach behind KCP's header. */
const FACE = 64;
/** The path of the called address, and what stands for none. */
const CALLED = 0;
const OPEN = -1;

/** Decides which address a client's socket hears. */
export class AnswerSource {
  readonly #endpoint: Endpoint;
  readonly #hear: (path: number) => void;
  readonly #pool: BatchPool;
  readonly #headAt: number;
  readonly #sent: ReplayMemory;
  /** The one path that is heard besides the called one; OPEN: all are. */
  #heard = OPEN;

  /** @param hear - called when it is decided: from now on the socket gives nothing but this path and the called one, 0 */
  constructor(endpoint: Endpoint, random: RandomSource, memory: KernelMemory, hear: (path: number) => void) {
    this.#endpoint = endpoint;
    this.#hear = hear;
    this.#pool = BatchPool.of(memory);
    this.#headAt = nonceOffsetOf(endpoint.crypt.method);
    const seed = new Uint8Array(4);
    random(seed);
    this.#sent = new ReplayMemory({ entries: MAX_UNANSWERED, age: Number.POSITIVE_INFINITY, seed: readU32(seed, 0) });
  }

  /** Remembers sealed datagrams that are about to leave. */
  noteSent(batch: PacketBatch, now: number): void {
    if (this.#heard === OPEN && this.#sent.size + batch.count > MAX_UNANSWERED) {
      this.#decide(CALLED);
      return;
    }
    for (let index = 0; index < batch.count; index++) this.#sent.add(this.#low(batch, index), this.#high(batch, index), now);
  }

  /** Hands received datagrams to the endpoint, all as of the called path; those that it refuses are marked in `batch`. */
  handle(batch: PacketBatch, now: number): void {
    const one = this.#pool.borrow();
    try {
      for (let index = 0; index < batch.count; index++) {
        const path = batch.path[index]!;
        const heard = this.#heard;
        if (heard !== OPEN && path !== heard && path !== CALLED) continue;
        if (this.#sent.has(this.#low(batch, index), this.#high(batch, index))) {
          this.#endpoint.counters.replayed += 1;
          continue;
        }
        if (path === heard) {
          one.addReceived(batch.packet(index), CALLED);
          continue;
        }
        this.#handOver(one, now);
        // By itself: whether this very datagram is an answer decides.
        one.addReceived(batch.packet(index), CALLED);
        const before = this.#accepted();
        this.#endpoint.handleDatagrams(one, now);
        batch.length[index] = one.length[0]!;
        one.clear();
        if (this.#accepted() !== before) this.#decide(path);
      }
      this.#handOver(one, now);
    } finally {
      this.#pool.giveBack(one);
    }
  }

  #handOver(batch: PacketBatch, now: number): void {
    if (batch.count > 0) this.#endpoint.handleDatagrams(batch, now);
    batch.clear();
  }

  /** Segments that KCP has accepted. */
  #accepted(): number {
    let segments = 0;
    for (const session of this.#endpoint.sessions()) segments += session.stats().inSegs;
    return segments;
  }

  #decide(path: number): void {
    this.#heard = path;
    this.#hear(path);
  }

  #low(batch: PacketBatch, index: number): number {
    return this.#headAt < 0 ? this.#face(batch, index, 0x811c_9dc5) : readU32(batch.bytes, batch.offset[index]! + this.#headAt);
  }

  #high(batch: PacketBatch, index: number): number {
    return this.#headAt < 0 ? this.#face(batch, index, 0x9747_b28c) : readU32(batch.bytes, batch.offset[index]! + this.#headAt + 4);
  }

  /** A hash of how a datagram begins. */
  #face(batch: PacketBatch, index: number, seed: number): number {
    const length = batch.length[index]!;
    const from = batch.offset[index]!;
    const to = from + Math.min(length, FACE);
    let hash = seed ^ length;
    for (let at = from; at < to; at++) hash = Math.imul(hash ^ batch.bytes[at]!, 0x0100_0193);
    return hash >>> 0;
  }
}
