/** The KCP ARQ state machine (wire-compatible with kcp-go v5 and C ikcp): pure TypeScript, no I/O, no clock. */

export { AckTimes } from './ack-times.ts';
export type { AutoOptions, AutoSender } from './auto/auto-sender.ts';
export type { KnownPath } from './auto/known-path.ts';
export { PATH_MEMBERS_MOST, SharedPath } from './auto/shared-path.ts';
export { type AckSample, type CongestionController, NoCongestion } from './congestion.ts';
export {
  ACKLIST_MAX,
  CMD_ACK,
  CMD_PUSH,
  CMD_WASK,
  CMD_WINS,
  FRAGMENTS_MAX,
  MSS_MAX,
  MTU_DEF,
  MTU_MAX,
  OVERHEAD,
  PACKET_SEGMENTS_MAX,
  WND_MAX,
} from './constants.ts';
export { readCmd, readConv, readFrg, readLen, readSn, readTs, readUna, readWnd } from './header.ts';
export { Kcp } from './kcp.ts';
export { type KcpMode, type KcpOptions, MODES } from './options.ts';
export type { PacketSink } from './packet-writer.ts';
export { RenoCongestion } from './reno.ts';
export { SegmentPool } from './segment-pool.ts';
export type { SendQuota } from './send-quota.ts';
export type { KcpState } from './state.ts';
export { KcpStats } from './stats.ts';
