/** What one datagram of the peer has told the sender. One record is reused. Times in ms. */
export interface AckReport {
  now: number;
  /** Smallest round-trip time of the datagram's acknowledgements; -1: none that counts. */
  rtt: number;
  /** Segments that it acknowledged. */
  acked: number;
  /** Whether a later transmission than any before was acknowledged. */
  advanced: boolean;
  /** Number of the latest acknowledged transmission. */
  top: number;
  /** When it left. */
  topSent: number;
  /** The load that had left with it, in full datagrams. */
  topLoad: number;
  /** Number of the next transmission. */
  next: number;
  /** Whether the sender could not or would not fill the line since the round began. */
  limited: boolean;
  /** The program had no processor for a while: what waited for it looks as if it came late. */
  late: boolean;
  /** Ms since the datagram with acknowledgements before; -1: no sign of how fast they come. */
  gap: number;
  /** Datagrams per segment, because of parity. */
  overhead: number;
  /** Transmissions on their way. */
  inflight: number;
  /** The window in segments. */
  window: number;
  /** Whether the window, not the rate, keeps segments back now. */
  windowLimited: boolean;
}
