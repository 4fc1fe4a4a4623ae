// Watches the network of a run: a digest of every datagram, and what the counters of both ends are compared with.

import { crc32 } from 'node:zlib';
import type { DatagramTap, Fate } from '@kcptun/testkit';
import type { SocketAddress } from '@kcptun/transport';
import { CLIENT, ROAMED, SECOND, SERVER, textOf } from './stage.ts';

const FATES: readonly Fate[] = ['delivered', 'lost', 'lostInBurst', 'overflowed', 'blackedOut', 'tooLong'];

/** What went over the network. */
export class Traffic implements DatagramTap {
  /** Datagrams that found a socket of an end. */
  readonly taken: { client: number; server: number } = { client: 0, server: 0 };
  /** What the server sent to others than the client: it answers strangers who open sessions. */
  readonly toOthers: { count: number; bytes: number } = { count: 0, bytes: 0 };
  /** From which of its addresses the server has sent. */
  readonly answersFrom: Set<string> = new Set();
  datagrams = 0;
  readonly #now: () => number;
  readonly #note: ((text: string) => void) | undefined;
  readonly #record: Float64Array = new Float64Array(4);
  readonly #recordBytes: Uint8Array = new Uint8Array(this.#record.buffer);
  #digest = 0;
  #secondDigest = 0;

  /**
   * @param now - the world's time
   * @param note - takes a line for each datagram
   */
  constructor(now: () => number, note?: (text: string) => void) {
    this.#now = now;
    this.#note = note;
  }

  /** Of everything so far. */
  get digest(): string {
    return `${this.datagrams}:${this.#digest.toString(16)}:${this.#secondDigest.toString(16)}`;
  }

  sent(from: SocketAddress, to: SocketAddress, bytes: Uint8Array, fate: Fate): void {
    this.datagrams += 1;
    const fromServer = from.address === SERVER || from.address === SECOND;
    if (fromServer) this.answersFrom.add(from.address);
    if (fromServer && to.address !== CLIENT && to.address !== ROAMED) {
      this.toOthers.count += 1;
      this.toOthers.bytes += bytes.length;
    }
    this.#mix(from.port * 65_536 + to.port, bytes.length * 8 + FATES.indexOf(fate), crc32(bytes));
    this.#note?.(`${textOf(from)} > ${textOf(to)} ${bytes.length} bytes${fate === 'delivered' ? '' : ` ${fate}`}`);
  }

  arrived(from: SocketAddress, to: SocketAddress, bytes: Uint8Array, taken: boolean): void {
    if (taken) this.taken[to.address === SERVER || to.address === SECOND ? 'server' : 'client'] += 1;
    this.#mix(from.port * 65_536 + to.port, -bytes.length, taken ? 1 : 0);
  }

  #mix(a: number, b: number, c: number): void {
    const record = this.#record;
    record[0] = this.#now();
    record[1] = a;
    record[2] = b;
    record[3] = c;
    this.#digest = crc32(this.#recordBytes, this.#digest);
    this.#secondDigest = (Math.imul(this.#secondDigest, 0x9e37_79b1) + this.#digest) >>> 0;
  }
}
