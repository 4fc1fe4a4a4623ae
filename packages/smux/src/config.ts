// Settings of a smux session and their checks; the texts are upstream's (PROTOCOL smux §8).

import { checkInteger } from '@kcptun/common';
import { SmuxError } from './errors.ts';
import { MAX_PAYLOAD } from './frame.ts';
import { DEFAULT_MAX_STREAMS } from './limits.ts';

/** Settings of a session. Both ends must agree on `version`; everything else may differ. */
export interface SmuxConfig {
  /** Protocol version, 1 or 2 (default 2). Flag `--smuxver`. */
  readonly version: 1 | 2;
  /** Most payload bytes of a frame that is sent, 1 to 65535 (default 8192). Flag `--framesize`. */
  readonly maxFrameSize: number;
  /** Unread bytes of all streams that the session holds before it stops taking input, 1 to 2147483647 (default 4194304). Flag `--smuxbuf`. */
  readonly maxReceiveBuffer: number;
  /** Version 2: largest window of one stream in bytes, 1 to `maxReceiveBuffer` (default 2097152). Flag `--streambuf`. */
  readonly maxStreamBuffer: number;
  /** A NOP is sent this often, in ms (default 10000); 0 turns NOPs and the check for a dead peer off. Flag `--keepalive` (seconds, 0 refused there). */
  readonly keepAliveInterval: number;
  /** This often it is checked that the peer has sent something since the last check, in ms (default 30000). */
  readonly keepAliveTimeout: number;
  /** Streams that wait to be accepted; when full, no further SYN is taken from the input (default 1024, as upstream). */
  readonly acceptBacklog: number;
  /** Streams that may be open at once, of either side (default {@link DEFAULT_MAX_STREAMS}); a SYN beyond is answered with FIN. */
  readonly maxStreams: number;
}

const MAX_BUFFER = 2_147_483_647;

function refuse(message: string): never {
  throw new SmuxError('KCPTUN_ERR_SMUX_CONFIG', message);
}

/**
 * Fills in the defaults and checks the settings.
 * @throws {SmuxError} `KCPTUN_ERR_SMUX_CONFIG` with upstream's text when a setting that upstream has is out of range
 * @throws {TypeError} when a setting is no integer
 * @throws {RangeError} when `acceptBacklog` or `maxStreams` is out of range
 */
export function parseSmuxConfig(input: Partial<SmuxConfig> = {}): Readonly<SmuxConfig> {
  const config: SmuxConfig = {
    version: input.version ?? 2,
    maxFrameSize: input.maxFrameSize ?? 8192,
    maxReceiveBuffer: input.maxReceiveBuffer ?? 4_194_304,
    maxStreamBuffer: input.maxStreamBuffer ?? 2_097_152,
    keepAliveInterval: input.keepAliveInterval ?? 10_000,
    keepAliveTimeout: input.keepAliveTimeout ?? 30_000,
    acceptBacklog: input.acceptBacklog ?? 1024,
    maxStreams: input.maxStreams ?? DEFAULT_MAX_STREAMS,
  };
  for (const [name, value] of Object.entries(config)) {
    checkInteger(value, name, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  }
  if (config.version !== 1 && config.version !== 2) refuse('unsupported protocol version');
  if (config.keepAliveInterval < 0) refuse('keep-alive interval must be positive');
  if (config.keepAliveTimeout < config.keepAliveInterval) refuse('keep-alive timeout must be larger than keep-alive interval');
  if (config.maxFrameSize <= 0) refuse('max frame size must be positive');
  if (config.maxFrameSize > MAX_PAYLOAD) refuse('max frame size must not be larger than 65535');
  if (config.maxReceiveBuffer <= 0) refuse('max receive buffer must be positive');
  if (config.maxReceiveBuffer > MAX_BUFFER) refuse('max receive buffer cannot be larger than 2147483647');
  if (config.maxStreamBuffer <= 0) refuse('max stream buffer must be positive');
  if (config.maxStreamBuffer > config.maxReceiveBuffer) refuse('max stream buffer must not be larger than max receive buffer');
  checkInteger(config.acceptBacklog, 'acceptBacklog', 1, 65_536);
  checkInteger(config.maxStreams, 'maxStreams', 1, 1_048_576);
  return Object.freeze(config);
}
