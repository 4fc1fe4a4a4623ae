// What a tunnel can be made to hold at worst: the sum of the limits that windows and buffers set. It is not set aside; idle sessions hold nothing.

import { SEGMENT_MEMORY } from '@kcptun/session';
import { SEND_HIGH_WATER } from '@kcptun/smux';
import { MAX_READ } from '@kcptun/transport';
import { parseTunnelOptions, type TunnelOptions } from './options.ts';
import { MAX_DETACHED, MAX_UNTAKEN } from './pipe.ts';

/** What bytes on their way to a connection can take: pieces are cut for what came at once, and in the worst case are filled to a sixteenth. */
const UNTAKEN = 16 * MAX_UNTAKEN;
/** The coder and the decoder of a session: the block that is being filled and the one that is being read. */
const COMPRESSION = 2 * 80 * 1024;

/** Limits in bytes; see {@link memoryBound}. */
export interface MemoryBound {
  /**
   * Segments that are queued or not acknowledged, `sndWnd` of them, and as many that only one packet
   * has acknowledged.
   */
  readonly sending: number;
  /** Segments that arrived: `rcvWnd` in order and unread, and as many behind a gap, which a peer that minds the window never uses both. */
  readonly receiving: number;
  /** Received bytes of all streams that their connections have not taken, `maxReceiveBuffer`. */
  readonly unread: number;
  /** Coder and decoder; 0 without compression. */
  readonly compression: number;
  /** All of one session: the sum of the four. */
  readonly session: number;
  /** What each connection adds: what was read from it and does not fit into the session yet or may have to be sent again, and the unfilled rests of the pieces that wait for it. */
  readonly connection: number;
  /** How much of `unread` one stream can take. */
  readonly stream: number;
}

/**
 * The most memory that settings allow a session and its connections to take, the fixed part of the program not included.
 * @throws {TunnelError} KCPTUN_ERR_TUNNEL_CONFIG naming the option
 */
export function memoryBound(options: TunnelOptions): MemoryBound {
  const { session, smux, compression } = parseTunnelOptions(options);
  const sending = 2 * session.sndWnd * SEGMENT_MEMORY;
  const receiving = 2 * session.rcvWnd * SEGMENT_MEMORY;
  const unread = smux.maxReceiveBuffer;
  const coders = compression ? COMPRESSION : 0;
  return {
    sending,
    receiving,
    unread,
    compression: coders,
    session: sending + receiving + unread + coders,
    connection: Math.max(SEND_HIGH_WATER + MAX_READ, MAX_DETACHED) + UNTAKEN,
    stream: smux.version === 1 ? unread : Math.min(unread, smux.maxStreamBuffer),
  };
}
