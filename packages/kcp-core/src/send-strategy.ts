// The seam between a conversation and how it sends: what to transmit next, what counts as lost, and
// when to wake. The receiver's role is the same for every strategy (receiver.ts).
//
//   classic   kcp-go's flush, byte for byte                      classic-sender.ts
//   auto      transmissions with numbers, a rate that is found   auto/auto-sender.ts

import type { PacketWriter } from './packet-writer.ts';
import type { RttEstimator } from './rtt.ts';
import type { SendWindow } from './send-window.ts';

/** The sender's half of a conversation. Times are in ms, counts in segments. */
export interface SendStrategy {
  /** snd_buf and snd_queue. */
  readonly window: SendWindow;
  /** kcp-go's estimate of the round-trip time and its timeout. */
  readonly rtt: RttEstimator;
  /** Send window. */
  sndWnd: number;
  /** The peer's free window, as last heard. */
  rmtWnd: number;
  /** Cap on segments in flight beside the windows. */
  inflightLimit: number;
  /** Longest wait of an acknowledgement for a flush. */
  interval: number;
  /** Largest payload of a segment in bytes. */
  mss: number;
  /** Whether a segment has been sent DEADLINK times. */
  readonly deadLink: boolean;
  /** Most segments in flight beside the windows; `Infinity` for no limit. */
  readonly cwnd: number;
  /** Not later than the earliest time at which something can happen without input; `Infinity`: never. */
  readonly earliest: number;
  /** Whether a full flush would send something right away. */
  readonly due: boolean;
  /** A header of the peer carries this una. Returns whether it asks for a flush. */
  acknowledge(una: number): boolean;
  /** An ACK of (sn, ts) has arrived. `regular`: not rebuilt by FEC. Returns whether it asks for a flush. */
  onAck(sn: number, ts: number, now: number, regular: boolean): boolean;
  /** Counts the ACKs collected since the last call. Returns whether that asks for a full flush. */
  applyAcks(): boolean;
  /** A packet has been taken in. `rtt`: kcp-go's sample of it, -1 for none. */
  onInputEnd(now: number, unaAdvanced: boolean, rtt: number): void;
  /** The peer's window is closed and is asked for. */
  onProbe(now: number): void;
  /** Makes all that is unanswered due again, after a long silence. */
  expedite(now: number): void;
  /** Sends what is due at `now`, nothing unless `full`. Returns the ms until the next flush. */
  flush(now: number, full: boolean, writer: PacketWriter): number;
  /** Gives all payload back. */
  clear(): void;
}
