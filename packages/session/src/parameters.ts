// What a session is tuned with, checked once; and the arithmetic of header sizes (PROTOCOL session §4).

import { checkInteger, MAX_DATAGRAM } from '@kcptun/common';
import { FEC_HEADER_SIZE } from '@kcptun/fec';
import { type AutoOptions, MODES, MSS_MAX, OVERHEAD, type SharedPath } from '@kcptun/kcp-core';
import { SessionError } from './errors.ts';

/** Tuning of a session. Both ends may differ in all of it. */
export interface SessionParameters {
  /** 0: calm retransmission timer (minimum 100 ms), 1: fast (minimum 30 ms). Default 0. */
  readonly nodelay: number;
  /** Milliseconds between periodic flushes, 10 to 5000. Default 30 (mode `fast`). */
  readonly interval: number;
  /** Retransmit after this many acknowledgements beyond a segment; 0 switches it off. Default 2. */
  readonly resend: number;
  /** 1: no congestion window. Default 1. */
  readonly nc: number;
  /** Send window in segments, 1 to 65535. Default 1024. */
  readonly sndWnd: number;
  /** Receive window in segments, 1 to 65535 (the field on the wire has 16 bits). Default 1024. */
  readonly rcvWnd: number;
  /** Largest UDP payload in bytes, headers of all layers included, up to 1500. Default 1350. */
  readonly mtu: number;
  /**
   * FEC data shards per group; 0 switches FEC off for what this end sends. Default 10. A peer that sends other counts, or none, is followed
   * once that is proven, see `keepShards`.
   */
  readonly dataShards: number;
  /** FEC parity shards per group; 0 switches FEC off. Default 3. */
  readonly parityShards: number;
  /**
   * Sends parity from the first group on, and with these counts whatever the peer sends with. Default false: peers with kcp-go 5.6.1
   * would rebuild nonsense from counts that are not theirs, so no parity is sent before theirs are known, and then with theirs.
   */
  readonly keepShards: boolean;
  /** Acknowledge each datagram at once instead of with the next flush. Default false. */
  readonly ackNoDelay: boolean;
  /** Segments that may be unanswered whatever the windows say, before a delivery rate is known. Default 2048. */
  readonly inflightFloor: number;
  /** Most that this end sends, in bytes of UDP payload a second, parity and acknowledgements included; 0: no limit. Default 0. */
  readonly rateLimit: number;
  /**
   * The sender finds the rate of the path (mode `auto`): of the numbers above, `interval` is how long
   * acknowledgements wait, windows, parity shards and `rateLimit` are upper limits, the rest has no effect.
   */
  readonly auto: boolean;
}

/** What can be given: any of the parameters, and a preset for the four timing values, which single values override. */
export interface SessionTuning extends Partial<SessionParameters> {
  /** Upstream's retransmission profiles, from calm to eager, or `auto`. Default `fast`. */
  readonly mode?: SessionMode;
}

/** A retransmission profile of upstream, or `auto`: the sender finds the rate of the path. */
type SessionMode = keyof typeof MODES | 'auto';

/** What `auto` stands for where nothing else is given. */
const AUTO = { ...MODES.fast3, auto: true, sndWnd: 65_535, rcvWnd: 8192 } as const;

const DEFAULTS: Omit<SessionParameters, keyof (typeof MODES)['fast']> = {
  sndWnd: 1024,
  rcvWnd: 1024,
  mtu: 1350,
  dataShards: 10,
  parityShards: 3,
  keepShards: false,
  ackNoDelay: false,
  inflightFloor: 2048,
  rateLimit: 0,
  auto: false,
};

/** Payload memory that one segment of a window takes, whatever it holds, in bytes. */
export const SEGMENT_MEMORY: number = Math.ceil(MSS_MAX / 8) * 8;

/** Most shards of one FEC group (PROTOCOL fec §3). */
export const MAX_SHARDS = 256;

/**
 * Fills in defaults and checks ranges.
 * @throws {TypeError | RangeError} naming the parameter
 */
export function parseSessionParameters(input: SessionTuning = {}): Readonly<SessionParameters> {
  const { mode = 'fast', ...given } = input;
  if (mode !== 'auto' && !Object.hasOwn(MODES, mode)) {
    throw new RangeError(`mode must be one of ${Object.keys(MODES).join(', ')}, auto, got ${String(mode)}`);
  }
  const p: SessionParameters = { ...DEFAULTS, ...(mode === 'auto' ? AUTO : MODES[mode]), ...given };
  checkInteger(p.nodelay, 'nodelay', 0, 1);
  checkInteger(p.interval, 'interval', 10, 5000);
  checkInteger(p.resend, 'resend', 0, 65_535);
  checkInteger(p.nc, 'nc', 0, 1);
  checkInteger(p.sndWnd, 'sndWnd', 1, 65_535);
  checkInteger(p.rcvWnd, 'rcvWnd', 1, 65_535);
  checkInteger(p.mtu, 'mtu', 1, MAX_DATAGRAM);
  checkInteger(p.dataShards, 'dataShards', 0, MAX_SHARDS - 1);
  checkInteger(p.parityShards, 'parityShards', 0, MAX_SHARDS - 1);
  checkInteger(p.dataShards + p.parityShards, 'dataShards + parityShards', 0, MAX_SHARDS);
  checkInteger(p.inflightFloor, 'inflightFloor', 1, 65_535);
  checkInteger(p.rateLimit, 'rateLimit', 0, 0x7fff_ffff);
  return Object.freeze(p);
}

/** What the auto strategy needs of the parameters, and the path that it shares with others. */
export function autoOptions(p: SessionParameters, path: SharedPath | undefined): AutoOptions {
  return {
    ...(fecEnabled(p) ? { dataShards: p.dataShards, parityShards: p.parityShards } : {}),
    ...(p.rateLimit > 0 ? { rateLimit: p.rateLimit / 1000 / p.mtu } : {}),
    ...(path === undefined ? {} : { path }),
  };
}

/** Whether a sender with these parameters uses FEC. */
export function fecEnabled(parameters: SessionParameters): boolean {
  return parameters.dataShards > 0 && parameters.parityShards > 0;
}

/**
 * Bytes that KCP may fill in one datagram (PROTOCOL session §4).
 * @param cryptOverhead - header and tag of the cipher's framing: 0, 20 or 28
 * @throws {SessionError} KCPTUN_ERR_SESSION_MTU when nothing is left for payload
 */
export function kcpMtu(parameters: SessionParameters, cryptOverhead: number): number {
  const headers = cryptOverhead + (fecEnabled(parameters) ? FEC_HEADER_SIZE : 0);
  const mtu = Math.min(MAX_DATAGRAM, parameters.mtu) - headers;
  if (mtu <= OVERHEAD) {
    throw new SessionError(
      'KCPTUN_ERR_SESSION_MTU',
      `mtu ${parameters.mtu} leaves no room for payload: headers take ${headers + OVERHEAD} bytes`,
    );
  }
  return mtu;
}
