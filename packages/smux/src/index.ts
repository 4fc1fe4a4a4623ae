/** Stream multiplexing over one reliable byte stream: smux v1 and v2, sans I/O, with Duplex streams for Node. */
export { parseSmuxConfig, type SmuxConfig } from './config.ts';
export { SmuxError, type SmuxErrorCode, type SmuxErrorOptions } from './errors.ts';
export { nopFrame } from './frame.ts';
export type { FrameSink } from './frame-writer.ts';
export {
  CLOSED_STREAM_TIMEOUT,
  DEFAULT_MAX_STREAMS,
  MAX_CLOSED_BYTES,
  MAX_CLOSED_STREAMS,
  MAX_REFUSALS,
  MIN_WINDOW,
  SEND_HIGH_WATER,
  SEND_LOW_WATER,
} from './limits.ts';
export { SmuxSession, type SmuxSessionOptions } from './session.ts';
export type { SmuxStats } from './stats.ts';
export { SmuxStream } from './stream.ts';
