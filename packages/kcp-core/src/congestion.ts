// Congestion control behind an interface. With nc = 1, which all named modes use, there is no controller at all and
// nothing of this costs anything per packet.

/** What one received packet said about the own data. One object is used again and again: copy what you keep. */
export interface AckSample {
  /** Time of arrival in ms. */
  now: number;
  /** Segments that this packet acknowledged for the first time. */
  acked: number;
  /** Segments acknowledged since the conversation began. */
  delivered: number;
  /** Segments sent again since the previous sample. */
  lost: number;
  /** Round-trip time in ms, -1 when the packet gives none (no ACK, or rebuilt by FEC). */
  rtt: number;
  /** Segments still in the window, acknowledged ones included. */
  inflight: number;
  /** The peer's free window in segments. */
  wnd: number;
  /** Whether data waits that the windows do not let out; false: the application has not given more. */
  blocked: boolean;
}

/**
 * Decides how many segments may be in flight beside the two windows. Methods are called in the course of
 * `input` and `flush` and must not call back. All counts are in segments.
 */
export interface CongestionController {
  /** Most segments in flight; `Infinity` for no limit. Read at the beginning of every flush. */
  readonly cwnd: number;
  /** Rate in bytes per ms at which packets should be released; `Infinity` or absent: at once. */
  readonly pacingRate?: number;
  /** A packet was taken in. `unaAdvanced`: it moved the beginning of the window. `rmtWnd`: the peer's window. `mss`: bytes. */
  onInputEnd(unaAdvanced: boolean, rmtWnd: number, mss: number): void;
  /**
   * A full flush has ended.
   * @param fast - segments sent again because of later acknowledgements, with `early` those without anything new to send
   * @param early - see `fast`
   * @param timeouts - segments sent again because of their timeout
   * @param inflight - segments in the window now
   * @param window - the window that this flush kept to
   * @param resent - the fast-ack threshold, 0xffffffff when there is none
   * @param mss - payload bytes of a full segment
   */
  onFlushEnd(fast: number, early: number, timeouts: number, inflight: number, window: number, resent: number, mss: number): void;
  /** A data segment of `bytes` payload bytes goes out. */
  onSend?(sn: number, retransmit: boolean, bytes: number, now: number): void;
  /** A packet was taken in: called before `onInputEnd`. */
  onAck?(sample: AckSample): void;
  /** The peer's window is closed and is asked for. */
  onProbe?(now: number): void;
  /** A segment timed out after it had already been sent at least three times: the path seems to be cut. */
  onPersistentLoss?(now: number): void;
}

/** No limit beside the windows, whatever happens: as a controller it overrides `nc: 0`. */
export class NoCongestion implements CongestionController {
  readonly cwnd: number = Number.POSITIVE_INFINITY;

  /** Nothing to do. */
  onInputEnd(): void {}

  /** Nothing to do. */
  onFlushEnd(): void {}
}
