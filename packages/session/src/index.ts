/** A KCP session without a socket, and the endpoint that maps datagrams to sessions. */

export { fecBackend } from '@kcptun/fec';
export { SegmentPool } from '@kcptun/kcp-core';
export {
  ACCEPT_BACKLOG,
  HALF_OPEN_TIMEOUT,
  MAX_HALF_OPEN,
  MAX_SESSIONS,
  MAX_SESSIONS_PER_ADDRESS,
  SessionCensus,
  type SessionLimits,
} from './census.ts';
export { Counters, type CountsInto, type GuardSnapshot, type SnmpSnapshot } from './counters.ts';
export { Endpoint } from './endpoint.ts';
export type { EndpointContext, EndpointOptions, SessionEvent } from './endpoint-options.ts';
export { SessionError, type SessionErrorCode } from './errors.ts';
export { FlightBudget } from './flight-budget.ts';
export { BURST_PACKETS } from './pacer.ts';
export {
  fecEnabled,
  kcpMtu,
  MAX_SHARDS,
  parseSessionParameters,
  SEGMENT_MEMORY,
  type SessionParameters,
  type SessionTuning,
} from './parameters.ts';
export { AMPLIFICATION, CANDIDATE_AGE, MAX_CANDIDATES, MAX_CANDIDATES_OF_SESSION } from './path-book.ts';
export type { PeerState } from './peer-watch.ts';
export { MAX_PROVEN, PROVEN_AGE } from './proven-addresses.ts';
export { REPLAY_MEMORY, REPLAY_MEMORY_AGE, REPLAY_WINDOW, REPLAY_WINDOW_AGE, ReplayGuard } from './replay-guard.ts';
export { ReplayMemory, type ReplayMemoryOptions } from './replay-memory.ts';
export { Session } from './session.ts';
export type { PathEstimate, SessionStats } from './session-stats.ts';
export { SharedPaths } from './shared-paths.ts';
export type { TransmitBatch } from './transmitter.ts';
