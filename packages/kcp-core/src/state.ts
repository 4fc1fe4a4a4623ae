// The internal variables of a conversation under the names of the reference, as one record (PROTOCOL kcp §3).

import type { Receiver } from './receiver.ts';
import type { RenoCongestion } from './reno.ts';
import type { SendStrategy } from './send-strategy.ts';
import type { WindowProbe } from './window-probe.ts';

/** What {@link Kcp.state} tells: for tests, monitors and the curious. Counts are in segments, times in ms. */
export interface KcpState {
  /** First sn not acknowledged by una, u32. */
  readonly sndUna: number;
  /** Next sn to be given to a segment, u32. */
  readonly sndNxt: number;
  /** First sn that has not arrived in order, u32. */
  readonly rcvNxt: number;
  /** Slow start threshold of kcp-go's congestion window. */
  readonly ssthresh: number;
  /** Retransmission timeout. */
  readonly rxRto: number;
  /** Smoothed round-trip time, 0 before the first sample. */
  readonly rxSrtt: number;
  /** Variation of the round-trip time. */
  readonly rxRttvar: number;
  /** The peer's free window. */
  readonly rmtWnd: number;
  /** kcp-go's congestion window; stands still while nc is 1. */
  readonly cwnd: number;
  /** Window messages that are due: bit 0 ask, bit 1 tell. */
  readonly probe: number;
  /** kcp-go's congestion window in bytes. */
  readonly incr: number;
  /** Wait until the peer's closed window is asked for again; 0 while it is open. */
  readonly probeWait: number;
  /** Whether a segment was sent 20 times. */
  readonly deadLink: boolean;
  /** Segments given to `send` that are not in the window yet. */
  readonly sndQueue: number;
  /** Readable segments. */
  readonly rcvQueue: number;
  /** Segments in the window, acknowledged ones that una has not passed included. */
  readonly sndBuf: number;
  /** Segments that arrived out of order. */
  readonly rcvBuf: number;
  /** Acknowledgements that wait for a flush. */
  readonly acklist: number;
}

/** Gathers the record from the parts of a conversation. */
export function stateOf(sender: SendStrategy, receiver: Receiver, reno: RenoCongestion, probe: WindowProbe): KcpState {
  return {
    sndUna: sender.window.una,
    sndNxt: sender.window.nxt,
    rcvNxt: receiver.rcvNxt,
    ssthresh: reno.ssthresh,
    rxRto: sender.rtt.rto,
    rxSrtt: sender.rtt.srtt,
    rxRttvar: sender.rtt.rttvar,
    rmtWnd: sender.rmtWnd,
    cwnd: reno.cwnd,
    probe: receiver.probe,
    incr: reno.incr,
    probeWait: probe.wait,
    deadLink: sender.deadLink,
    sndQueue: sender.window.queued,
    rcvQueue: receiver.queued,
    sndBuf: sender.window.inflight,
    rcvBuf: receiver.buffered,
    acklist: receiver.ackCount,
  };
}
