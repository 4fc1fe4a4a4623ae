// The counters of upstream's SNMP table (PROTOCOL session §9, tunnel §12), cumulative and never negative. What KCP and FEC count
// per session is summed up when a snapshot is taken, so that nothing is counted twice per packet.

/** One row of upstream's SNMP table. Names as in its CSV header. */
export interface SnmpSnapshot {
  BytesSent: number;
  BytesReceived: number;
  MaxConn: number;
  ActiveOpens: number;
  PassiveOpens: number;
  CurrEstab: number;
  InErrs: number;
  InCsumErrors: number;
  KCPInErrors: number;
  InPkts: number;
  OutPkts: number;
  InSegs: number;
  OutSegs: number;
  InBytes: number;
  OutBytes: number;
  RetransSegs: number;
  FastRetransSegs: number;
  EarlyRetransSegs: number;
  LostSegs: number;
  RepeatSegs: number;
  FECFullShards: number;
  FECParityShards: number;
  FECErrs: number;
  FECRecovered: number;
  FECShardSet: number;
  FECShardMin: number;
  RingBufferSndQueue: number;
  RingBufferRcvQueue: number;
  RingBufferSndBuffer: number;
  OOBPackets: number;
}

/** Something that adds what it has counted itself to a snapshot: a live session. */
export interface CountsInto {
  /** Adds its cumulative counters and gauges. */
  countInto(snapshot: SnmpSnapshot): void;
}

function emptySnapshot(): SnmpSnapshot {
  return {
    BytesSent: 0,
    BytesReceived: 0,
    MaxConn: 0,
    ActiveOpens: 0,
    PassiveOpens: 0,
    CurrEstab: 0,
    InErrs: 0,
    InCsumErrors: 0,
    KCPInErrors: 0,
    InPkts: 0,
    OutPkts: 0,
    InSegs: 0,
    OutSegs: 0,
    InBytes: 0,
    OutBytes: 0,
    RetransSegs: 0,
    FastRetransSegs: 0,
    EarlyRetransSegs: 0,
    LostSegs: 0,
    RepeatSegs: 0,
    FECFullShards: 0,
    FECParityShards: 0,
    FECErrs: 0,
    FECRecovered: 0,
    FECShardSet: 0,
    FECShardMin: 0,
    RingBufferSndQueue: 0,
    RingBufferRcvQueue: 0,
    RingBufferSndBuffer: 0,
    OOBPackets: 0,
  };
}

/** What upstream does not count: what was refused, and where sessions went. Cumulative. */
export interface GuardSnapshot {
  /** Datagrams that no rule let in: too short, of a foreign conversation, of no session and not opening one. */
  readonly Dropped: number;
  /**
   * Datagrams that were seen before, that a client has sent itself, or that belong to a conversation which has ended or goes on elsewhere.
   */
  readonly Replayed: number;
  /** First packets that found no room for another session. */
  readonly CrowdedOut: number;
  /** How often a session followed its peer to another address. */
  readonly Moves: number;
  /** Datagrams that the socket did not take. */
  readonly SendRefused: number;
}

/** Counters of one program: shared by all its endpoints. */
export class Counters {
  /** What is counted directly, and what sessions that have ended had counted. */
  readonly totals: SnmpSnapshot = emptySnapshot();
  /** Datagrams that no rule let in: too short, foreign conv, unknown type, no session and not opening one. */
  dropped = 0;
  /** See {@link GuardSnapshot.Replayed}. */
  replayed = 0;
  /** How often a session followed its peer to another address. */
  moves = 0;
  /** First packets that found no room for another session. */
  crowdedOut = 0;
  /** Datagrams that the socket did not take; KCP sends their content again. */
  sendRefused = 0;
  readonly #live = new Set<CountsInto>();

  /** A session begins. */
  opened(session: CountsInto, active: boolean): void {
    this.#live.add(session);
    const totals = this.totals;
    if (active) totals.ActiveOpens += 1;
    else totals.PassiveOpens += 1;
    totals.CurrEstab += 1;
    if (totals.CurrEstab > totals.MaxConn) totals.MaxConn = totals.CurrEstab;
  }

  /** A session ends: what it counted stays in the totals, its gauges go. */
  closed(session: CountsInto): void {
    if (!this.#live.delete(session)) return;
    const totals = this.totals;
    totals.CurrEstab -= 1;
    session.countInto(totals);
    totals.FECShardSet = 0;
    totals.FECShardMin = 0;
    totals.RingBufferSndQueue = 0;
    totals.RingBufferRcvQueue = 0;
    totals.RingBufferSndBuffer = 0;
  }

  /** What upstream does not count. */
  guards(): GuardSnapshot {
    const { dropped: Dropped, replayed: Replayed, crowdedOut: CrowdedOut, moves: Moves, sendRefused: SendRefused } = this;
    return { Dropped, Replayed, CrowdedOut, Moves, SendRefused };
  }

  /** The present state of upstream's counters. */
  snapshot(): SnmpSnapshot {
    const snapshot = { ...this.totals };
    for (const session of this.#live) session.countInto(snapshot);
    return snapshot;
  }
}
