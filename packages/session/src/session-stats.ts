// What a session tells about itself, and adds to the counters of the program.

import type { FecDecoder } from '@kcptun/fec';
import type { Kcp } from '@kcptun/kcp-core';
import type { SnmpSnapshot } from './counters.ts';

/** What mode `auto` has found out about a path; times in ms. */
export interface PathEstimate {
  /** Bytes of UDP payload a second that the path takes; 0 before anything is known. */
  readonly rate: number;
  /** Round-trip time without a queue. */
  readonly roundTrip: number;
  /** How much longer it is with the queue of this moment. */
  readonly queue: number;
  /** Share of the datagrams that is lost, 0 to 1. */
  readonly loss: number;
  /** Parity packets of a group. */
  readonly parity: number;
  /** How often the path was throttled: its rate fell, and neither losses nor a queue explain that. */
  readonly throttled: number;
  /** The rate before the last time. */
  readonly unthrottledRate: number;
  /** `start`: the rate is still looked for; `drain`: a moment of sending slowly; `cruise`: all the rest. */
  readonly state: 'start' | 'cruise' | 'drain';
}

/** State of a session as an observer sees it; times in ms. */
export interface SessionStats {
  readonly conv: number;
  /** Smoothed round-trip time and retransmission timeout. */
  readonly srtt: number;
  readonly rto: number;
  /** Segments queued or unacknowledged, and the limit on those in flight. */
  readonly waitSnd: number;
  readonly inflightLimit: number;
  /** Segments in flight, and the windows of both ends that bound them. */
  readonly inflight: number;
  readonly sndWnd: number;
  readonly rmtWnd: number;
  readonly inSegs: number;
  readonly outSegs: number;
  readonly retransSegs: number;
  readonly fecRecovered: number;
  /** Only in mode `auto`. */
  readonly auto?: PathEstimate;
}

/** The state of a session whose in-flight limit is `inflightLimit` and whose datagrams hold up to `datagram` bytes. */
export function statsOf(conv: number, kcp: Kcp, inflightLimit: number, fecRecovered: number, datagram: number): SessionStats {
  const { srtt, rto, waitSnd, inflight, sndWnd, rmtWnd } = kcp;
  const { inSegs, outSegs, retransSegs } = kcp.stats;
  const counts = { inSegs, outSegs, retransSegs, fecRecovered };
  const stats = { conv, srtt, rto, waitSnd, inflightLimit, inflight, sndWnd, rmtWnd, ...counts };
  if (kcp.auto === undefined) return stats;
  const { bw, rtt, losses, state } = kcp.auto.controller;
  const { events, before } = kcp.auto.path.throttle;
  const throttle = { throttled: events, unthrottledRate: before * datagram * 1000 };
  const auto = {
    ...throttle,
    rate: bw * datagram * 1000,
    roundTrip: rtt.base,
    queue: rtt.queue,
    loss: losses.loss,
    parity: kcp.auto.parity.count,
    state,
  };
  return { ...stats, auto };
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
