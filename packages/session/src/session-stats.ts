// What a session tells about itself, and adds to the counters of the program.

import type { FecDecoder } from '@kcptun/fec';
import type { Kcp } from '@kcptun/kcp-core';
import type { SnmpSnapshot } from './counters.ts';

/** State of a session as an observer sees it; times in ms. */
export interface SessionStats {
  readonly conv: number;
  /** Smoothed round-trip time and retransmission timeout. */
  readonly srtt: number;
  readonly rto: number;
  /** Segments queued or unacknowledged, and the limit on those in flight. */
  readonly waitSnd: number;
  readonly inflightLimit: number;
  readonly inSegs: number;
  readonly outSegs: number;
  readonly retransSegs: number;
  readonly fecRecovered: number;
}

/** Adds what KCP and FEC have counted in a session. */
export function addCounts(snapshot: SnmpSnapshot, kcp: Kcp, decoder: FecDecoder | undefined): void {
  const { stats } = kcp;
  snapshot.InSegs += stats.inSegs;
  snapshot.OutSegs += stats.outSegs;
  snapshot.RetransSegs += stats.retransSegs;
  snapshot.FastRetransSegs += stats.fastRetransSegs;
  snapshot.EarlyRetransSegs += stats.earlyRetransSegs;
  snapshot.LostSegs += stats.lostSegs;
  snapshot.RepeatSegs += stats.repeatSegs;
  snapshot.RingBufferSndQueue += kcp.waitSnd - kcp.inflight;
  snapshot.RingBufferRcvQueue += kcp.readable;
  snapshot.RingBufferSndBuffer += kcp.inflight;
  const fec = decoder?.stats;
  if (fec === undefined) return;
  snapshot.FECFullShards += fec.fullShards;
  snapshot.FECParityShards += fec.parityShards;
  snapshot.FECErrs += fec.errs;
  snapshot.FECRecovered += fec.recovered;
  snapshot.FECShardSet += fec.shardSets;
  snapshot.FECShardMin = fec.shardMin;
}
