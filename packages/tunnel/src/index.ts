/** TunnelClient and TunnelServer: TCP and unix sockets carried over KCP, wire-compatible with kcptun. */

export { type GuardSnapshot, MAX_SESSIONS, MAX_SESSIONS_PER_ADDRESS, type SnmpSnapshot } from '@kcptun/session';
export { TunnelClient } from './client.ts';
export { TunnelError, type TunnelErrorCode } from './errors.ts';
export { LineBudget } from './line-budget.ts';
export type { Link } from './link.ts';
export { type MemoryBound, memoryBound } from './memory-bound.ts';
export type { QppOptions, TunnelClientOptions, TunnelOptions, TunnelServerOptions } from './options.ts';
export type { SessionInfo, StreamInfo, TunnelEvents, TunnelStats } from './pipe-set.ts';
export { TunnelServer } from './server.ts';
