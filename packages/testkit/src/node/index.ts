/** Test helpers that need Node: real sockets, TCP targets and spawned programs. */
export { freePort } from './free-port.ts';
export { keepAliveTimers } from './keep-alive-timers.ts';
export { loadNativeKcp, type NativeKcp, type NativeKcpClass } from './native-kcp.ts';
export { type ExitStatus, Program, type ProgramOptions } from './program.ts';
export { startTarget, type Target, type TargetOptions, type TargetStats } from './target.ts';
export { endWithMistake, parseToolFlags } from './tool-flags.ts';
export { type Order, TransferError, type TransferFailure, type TransferOptions, type TransferResult, touch, transfer } from './transfer.ts';
export { UdpRelay, type UdpRelayOptions, type UdpRelayStats } from './udp-relay.ts';
