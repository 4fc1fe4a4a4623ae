// What a conversation can be made with, and the named modes of kcptun (PROTOCOL kcp §10).

import { checkInteger } from '@kcptun/common';
import type { AutoOptions } from './auto/auto-sender.ts';
import type { CongestionController } from './congestion.ts';
import { FRAGMENTS_MAX, INTERVAL_DEF, INTERVAL_MAX, INTERVAL_MIN, MTU_DEF, MTU_MAX, OVERHEAD, RTO_MIN, RTO_NDL } from './constants.ts';
import type { PacketSink } from './packet-writer.ts';
import type { SegmentPool } from './segment-pool.ts';

/** The four numbers of `noDelay` under a name. */
export interface KcpMode {
  /** 1: least timeout 30 ms and growth by half; 0: 100 ms and doubling. */
  readonly nodelay: number;
  /** Flush interval in ms. */
  readonly interval: number;
  /** Later acknowledgements after which a segment is sent again; 0: never. */
  readonly resend: number;
  /** 1: no congestion window. */
  readonly nc: number;
}

/** kcptun's modes, from the calmest to the most aggressive. */
export const MODES: Readonly<Record<'normal' | 'fast' | 'fast2' | 'fast3', KcpMode>> = {
  normal: { nodelay: 0, interval: 40, resend: 2, nc: 1 },
  fast: { nodelay: 0, interval: 30, resend: 2, nc: 1 },
  fast2: { nodelay: 1, interval: 20, resend: 2, nc: 1 },
  fast3: { nodelay: 1, interval: 10, resend: 2, nc: 1 },
};

/** Options of {@link Kcp}. Single values override those of `mode`. */
export interface KcpOptions {
  /** Conversation id, u32, equal on both ends. */
  readonly conv: number;
  /** Where packets go: written in place, or as a function that is handed a fresh copy of each packet. */
  readonly sink: PacketSink | ((packet: Uint8Array) => void);
  /** Preset of the four timing values; without it ikcp's defaults 0, 100, 0, 0. */
  readonly mode?: keyof typeof MODES;
  /** Least timeout 30 ms and growth by half, instead of 100 ms and doubling. */
  readonly nodelay?: boolean | number;
  /** Flush interval in ms, brought into 10..5000. */
  readonly interval?: number;
  /** Later acknowledgements after which a segment is sent again at once; 0: never. */
  readonly resend?: number;
  /** No congestion window. */
  readonly nc?: boolean | number;
  /** Send window in segments (default 32). */
  readonly sndWnd?: number;
  /** Receive window in segments, at most 65535 (default 32 in stream mode, else 255: the largest message). */
  readonly rcvWnd?: number;
  /** Largest packet in bytes, 25..1500 (default 1400). */
  readonly mtu?: number;
  /** Stream mode: message borders are not kept, small writes share segments (default false). */
  readonly stream?: boolean;
  /** Controller to be used whatever `nc` says; by default kcp-go's window while `nc` is 0. */
  readonly congestion?: CongestionController;
  /**
   * Send the first and the last unanswered segment again some round trips after nothing was sent or acknowledged any more, without waiting for their
   * timeouts (default false, as kcp-go).
   */
  readonly probesTail?: boolean;
  /**
   * Believe no single packet (default false, as kcp-go): payload is kept until two packets have
   * acknowledged it, and the window of a packet counts only when its una is not behind. See
   * {@link Kcp.retract}.
   */
  readonly doubts?: boolean;
  /**
   * Find the rate of the path instead of sending by the four timing values, of which only `interval`
   * stays: how long acknowledgements may wait.
   */
  readonly auto?: AutoOptions;
  /** Repeat acknowledgements in later packets while losses on the way back show (default false, as kcp-go). */
  readonly repeatsAcks?: boolean;
  /** Payload memory, possibly shared with other conversations; by default a pool of its own. */
  readonly pool?: SegmentPool;
  /** First sn in both directions, u32 (default 0). For tests of the wrap. */
  readonly startSn?: number;
  /** Is told every ACK in order of arrival; `regular` is false for packets that FEC rebuilt, whose time says nothing. */
  readonly onAck?: (sn: number, ts: number, regular: boolean) => void;
}

/** The options that need a check or a default beyond their setter. */
export interface ResolvedOptions extends KcpMode {
  readonly conv: number;
  readonly mtu: number;
  readonly startSn: number;
  /** 0: as it is. A window for messages holds the largest one by default. */
  readonly rcvWnd: number;
}

const U32_MAX = 0xffff_ffff;
const I32_MAX = 0x7fff_ffff;
const IKCP_DEFAULTS: KcpMode = { nodelay: 0, interval: INTERVAL_DEF, resend: 0, nc: 0 };

/**
 * Checks options and fills defaults.
 * @throws {TypeError} when an option has the wrong type
 * @throws {RangeError} when an option is out of range
 */
export function resolveOptions(options: KcpOptions): ResolvedOptions {
  const mode = options.mode === undefined ? IKCP_DEFAULTS : MODES[options.mode];
  if (mode === undefined) {
    throw new RangeError(`mode must be one of ${Object.keys(MODES).join(', ')}, got ${String(options.mode)}`);
  }
  return {
    conv: checkInteger(options.conv, 'conv', 0, U32_MAX),
    mtu: checkInteger(options.mtu ?? MTU_DEF, 'mtu', OVERHEAD + 1, MTU_MAX),
    startSn: checkInteger(options.startSn ?? 0, 'startSn', 0, U32_MAX),
    rcvWnd: options.rcvWnd ?? (options.stream ? 0 : FRAGMENTS_MAX),
    nodelay: Number(options.nodelay ?? mode.nodelay),
    interval: options.interval ?? mode.interval,
    resend: options.resend ?? mode.resend,
    nc: Number(options.nc ?? mode.nc),
  };
}

/** Checks the arguments of `noDelay`; negative ones leave a value alone. */
export function checkTiming(nodelay: number, interval: number, resend: number, nc: number): void {
  checkInteger(nodelay, 'nodelay', -I32_MAX, I32_MAX);
  checkInteger(interval, 'interval', -I32_MAX, I32_MAX);
  checkInteger(resend, 'resend', -I32_MAX, I32_MAX);
  checkInteger(nc, 'nc', -I32_MAX, I32_MAX);
}

/** Brings a flush interval into its range. */
export function clampInterval(interval: number): number {
  return Math.min(Math.max(interval, INTERVAL_MIN), INTERVAL_MAX);
}

/** Least retransmission timeout of a `nodelay`, in ms. */
export function leastRto(nodelay: number): number {
  return nodelay !== 0 ? RTO_NDL : RTO_MIN;
}
