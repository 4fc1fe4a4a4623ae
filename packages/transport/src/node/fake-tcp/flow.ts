// One fake TCP connection: what its next segment says, and when it was last heard of (PROTOCOL tunnel §11).
//
// There is no retransmission, order or window in it. What middle boxes see is kept plausible: seq grows with every segment, ack is the end of
// the furthest segment that came, the timestamp goes on from that of the kernel's handshake.

import type { Watch } from '../native/ffi.ts';
import { ACK, SYN } from './segment.ts';

/**
 * How far seq may run ahead of what the peer acknowledges, in bytes: the window of our segments with the scale that Linux agrees on by default.
 * The original's ack stops at the first lost segment, and its own seq follows our ack; a firewall that checks windows would drop what is
 * beyond. A peer of ours acknowledges the furthest segment.
 */
const MOST_AHEAD = 65_535 << 7;

/** What a flow is made of. */
export interface FlowOptions {
  /** Number of the remote. */
  readonly path: number;
  /** The kernel's connection, which made the handshake. */
  readonly fd: number;
  readonly family: 4 | 6;
  /** Both ports, ours in the upper half. */
  readonly ports: number;
  /** Own address, as many bytes as the family has. */
  readonly localAddress: Uint8Array;
  /** The part of a checksum that both addresses make. */
  readonly addressSum: number;
  /** Bytes of the remote's sockaddr. */
  readonly nameLength: number;
  /** The kernel's timestamp less the time of the host: what ours continues. */
  readonly clockOffset: number;
  /** Time of its making in ms. */
  readonly now: number;
}

/** A fake TCP connection. */
export class Flow {
  readonly path: number;
  readonly fd: number;
  readonly family: 4 | 6;
  readonly ports: number;
  readonly localAddress: Int32Array;
  readonly addressSum: number;
  readonly nameLength: number;
  readonly clockOffset: number;
  /** Tells when the kernel's connection ends. */
  watch: Watch | undefined;
  /** The kernel's connection may have ended. */
  suspect = false;
  /** When a segment came last, in ms. */
  heardAt: number;
  /** Next sequence number to send. */
  seq = 0;
  /** What the peer is told that came. */
  ack = 0;
  /** The newest timestamp of the peer. */
  echo = 0;
  #started = false;

  constructor(options: FlowOptions) {
    this.path = options.path;
    this.fd = options.fd;
    this.family = options.family;
    this.ports = options.ports;
    this.localAddress = new Int32Array(options.localAddress.slice().buffer);
    this.addressSum = options.addressSum;
    this.nameLength = options.nameLength;
    this.clockOffset = options.clockOffset;
    this.heardAt = options.now;
  }

  /** Whether a segment of the peer has told where the numbers begin: nothing can be sent before. */
  get started(): boolean {
    return this.#started;
  }

  /** Takes the numbers of a segment with so many bytes of payload. */
  handleSegment(flags: number, seq: number, ack: number, timestamp: number, length: number, now: number): void {
    this.heardAt = now;
    this.echo = timestamp;
    const end = (seq + length + ((flags & SYN) === 0 ? 0 : 1)) | 0;
    if ((flags & ACK) !== 0 && (!this.#started || ((this.seq - ack) | 0) > MOST_AHEAD)) this.seq = ack | 0;
    if (!this.#started || ((end - this.ack) | 0) > 0) this.ack = end;
    if ((flags & ACK) !== 0) this.#started = true;
  }

  /** Counts a segment with so many bytes as sent. */
  advance(length: number): void {
    this.seq = (this.seq + length) | 0;
  }
}
