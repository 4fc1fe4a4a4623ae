/** A KCP session without a socket, and the endpoint that maps datagrams to sessions. */

export { fecBackend } from '@kcptun/fec';
export { Counters, type CountsInto, type SnmpSnapshot } from './counters.ts';
export { ACCEPT_BACKLOG, Endpoint, type EndpointContext, type EndpointOptions, MAX_SESSIONS, type SessionEvent } from './endpoint.ts';
export { SessionError, type SessionErrorCode } from './errors.ts';
export { fecEnabled, kcpMtu, MAX_SHARDS, parseSessionParameters, type SessionParameters, type SessionTuning } from './parameters.ts';
export { Session, type SessionStats } from './session.ts';
export type { TransmitBatch } from './transmitter.ts';
