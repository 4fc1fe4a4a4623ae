// What an endpoint is made with, what its sessions can reach of it, and what it tells its owner.

import type { KernelMemory, RandomSource } from '@kcptun/common';
import type { PacketCrypt } from '@kcptun/crypt';
import type { FecDecoder } from '@kcptun/fec';
import type { SegmentPool } from '@kcptun/kcp-core';
import type { SessionCensus, SessionLimits } from './census.ts';
import type { Counters } from './counters.ts';
import type { SessionError } from './errors.ts';
import type { FlightBudget } from './flight-budget.ts';
import type { SessionParameters } from './parameters.ts';
import type { ReplayGuard } from './replay-guard.ts';
import type { Session } from './session.ts';
import type { SharedPaths } from './shared-paths.ts';
import type { TransmitBatch, Transmitter } from './transmitter.ts';

/** Options of `Endpoint`. */
export interface EndpointOptions extends SessionLimits {
  /** A client opens its sessions itself and accepts none. */
  readonly role: 'client' | 'server';
  readonly crypt: PacketCrypt;
  readonly parameters: SessionParameters;
  /** Sends a sealed batch; see {@link TransmitBatch}. */
  readonly transmit: TransmitBatch;
  /** Source of the conversation ids of opened sessions. */
  readonly random: RandomSource;
  /** Memory for batches and kernels; by default the endpoint has its own. */
  readonly memory?: KernelMemory;
  /** Shared counters of the program; by default the endpoint has its own. */
  readonly counters?: Counters;
  /** The sessions of all endpoints of a server, counted together; by default those of this one, within its limits. */
  readonly census?: SessionCensus;
  /** The address behind a path, without its port, for the limit of sessions from one address; by default there is no such limit. */
  readonly addressOf?: (path: number) => string;
  /**
   * Whether datagrams that were seen before are dropped, and sessions follow their peers to other addresses. Default true; without effect where
   * the cipher gives no means to know a datagram again (`none`, `null`, `xor`).
   */
  readonly replayProtection?: boolean;
  /** What all endpoints of a server remember together; by default this one remembers alone. */
  readonly replayGuard?: ReplayGuard;
  /** Payload memory that endpoints share; by default the endpoint has its own. */
  readonly segments?: SegmentPool;
  /** What sessions with the same destination may have on the wire together; by default nothing limits them together. */
  readonly flight?: FlightBudget;
  /** For mode `auto`: what sessions to one address share; needs `addressOf`. By default each session finds all for itself. */
  readonly paths?: SharedPaths;
  /** With `flight`: the budget lets a session send more. Poll, then flush; not inside of the call. */
  readonly onWake?: () => void;
}

/** What a session can reach of its endpoint. @internal */
export interface EndpointContext {
  readonly crypt: PacketCrypt;
  readonly parameters: SessionParameters;
  readonly transmitter: Transmitter;
  readonly counters: Counters;
  readonly memoryOption: { memory?: KernelMemory };
  readonly segments: SegmentPool;
  readonly flight: FlightBudget | undefined;
  /** In mode `auto`. */
  readonly paths: SharedPaths | undefined;
  addressOf(path: number): string;
  readonly random: RandomSource;
  createDecoder(): FecDecoder;
  touch(session: Session): void;
  closeSession(session: Session, error: SessionError | undefined): void;
  noteEstablished(session: Session): void;
  noteProven(session: Session): void;
  wake(session: Session): void;
  noteShards(session: Session, dataShards: number, parityShards: number): void;
}

/**
 * A session came, went, or follows its peer to another path; something else is known of its peer ({@link Session.peer}); or it sends with
 * other shard counts than it was told to, because its peer does.
 */
export interface SessionEvent {
  readonly type: 'opened' | 'closed' | 'moved' | 'peer' | 'shards';
  readonly session: Session;
  /** Why it ended; `undefined` when it was closed by its owner. */
  readonly error?: SessionError;
  /** The paths before and after a move. */
  readonly from?: number;
  readonly to?: number;
  /** The shard counts that are sent with from the next group on; parity 0: none is sent. */
  readonly dataShards?: number;
  readonly parityShards?: number;
}
