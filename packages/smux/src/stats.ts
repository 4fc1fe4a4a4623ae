// Counters of a session. They only grow; whoever wants rates takes differences.

/** What a session has seen and done. */
export interface SmuxStats {
  /** Frame headers taken from the peer. */
  framesReceived: number;
  /** Of these, frames that brought a stream bytes, and windows for streams whether there are any or not. */
  streamFrames: number;
  /** Frames written. */
  framesSent: number;
  /** Payload bytes delivered to streams. */
  bytesReceived: number;
  /** Payload bytes sent. */
  bytesSent: number;
  /** Payload bytes of unknown or closed streams that were thrown away; normal after a stream was closed. */
  bytesDiscarded: number;
  /** Frames without effect: FIN and UPD of unknown streams, SYN of an open one. */
  framesIgnored: number;
  /** SYNs refused because `maxStreams` were open. */
  streamsRefused: number;
  /** Closed streams whose last bytes were dropped, because nobody read them and others needed the memory. */
  streamsDropped: number;
}

/** New counters, all 0. */
export function newStats(): SmuxStats {
  return {
    framesReceived: 0,
    streamFrames: 0,
    framesSent: 0,
    bytesReceived: 0,
    bytesSent: 0,
    bytesDiscarded: 0,
    framesIgnored: 0,
    streamsRefused: 0,
    streamsDropped: 0,
  };
}
