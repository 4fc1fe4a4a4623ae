// What must hold in every run, whatever goes wrong. Each oracle has a name, by which failures are compared while a plan is reduced.
//
//   content, identity, after-end   while it runs: bytes equal and in order, nothing behind an end (flow.ts, run-plan.ts)
//   truncated                      an orderly end that a reader saw is the writer's, behind all its bytes
//   twice                          no two targets see bytes of the same flow: a request that may have been
//                                  acted on is not sent to another one
//   broken                         nothing breaks without a reason in the plan
//   progress                       once nothing goes wrong any more, everything ends within a bound
//   idle, base-line                afterwards nothing is left: streams, bytes, sessions; after stopping, sockets, timers, memory neither
//   counters                       what is counted is what the network saw
//   source                         a server that can answers from the address that was called
//   amplification                  an address without an answer gets at most three times the bytes that came
//   thrown, misuse                 nothing throws; connections are used as their interface says

import { BatchPool } from '@kcptun/common';
import { nonceOffsetOf } from '@kcptun/crypt';
import { poolFor } from '@kcptun/fec';
import { AMPLIFICATION } from '@kcptun/session';
import type { Flow, Party } from './flow.ts';
import { isMatched, type Plan, settingsOf } from './plan.ts';
import { CLIENT, type Life, SERVER, type Stage } from './stage.ts';
import type { Traffic } from './traffic.ts';

/** A silence shorter than this, in ms, is no reason to give a session up. */
const HARMLESS_SILENCE = 15_000;
/** A client gives up a session that carries no stream when it hears nothing for longer than this, in ms. */
const IDLE_SILENCE = 1500;
/** How much of the path may be lost without an end to any session. */
const HARMLESS_LOSS = 0.1;
/** Kernels, tables and spare batches that a machine keeps for the next session, in bytes. */
const KEPT_MEMORY = 4 * 1024 * 1024;
/** Segments of an idle session that may be on their way: keepalives. */
const KEEPALIVES = 2;
/** Bytes of a keepalive at most: a header of smux, compressed. */
const KEEPALIVE_BYTES = 32;
/** Slots for rebuilt shards that a pool keeps. */
const KEPT_SHARDS = 64;

/** Says what was violated. */
export type Violate = (oracle: string, text: string) => void;

/** Whether something in the plan may end a session. */
function mayBreak(plan: Plan): boolean {
  if (!isMatched(plan)) return true;
  if (!isProtected(plan) && plan.faults.some((fault) => fault.kind === 'stranger')) return true;
  // Sessions that have expired may end with their streams.
  if (plan.clientSettings !== undefined) return true;
  const bad = [plan.up, plan.down].some(({ loss = 0, burst, corrupt = 0, rate }) => {
    return loss + corrupt > HARMLESS_LOSS || burst !== undefined || (rate !== undefined && rate[0] < 200_000);
  });
  // A session that is known by its conversation goes on from wherever its client is.
  return bad || plan.faults.some((fault) => (fault.kind === 'rebind' ? !isProtected(plan) : mayEndSessions(fault)));
}

/** Whether the server knows datagrams again, and sessions by their conversation. */
function isProtected(plan: Plan): boolean {
  const { crypt = 'aes', replayProtection = true } = settingsOf(plan, 'server');
  return replayProtection && nonceOffsetOf(crypt) >= 0;
}

function mayEndSessions(fault: Plan['faults'][number], silence: number = HARMLESS_SILENCE): boolean {
  switch (fault.kind) {
    case 'black-out':
    case 'freeze':
    case 'suspend':
    case 'congestion':
      return fault.length > silence;
    case 'jump':
      return fault.by > silence;
    case 'route':
      return false;
    case 'stranger':
      return fault.what !== 'spoof';
    default:
      return true;
  }
}

/** Whether nothing that went wrong before the calm can be a reason for an end after it. */
function isWellOnceCalm(plan: Plan): boolean {
  const harmless = ['freeze', 'suspend', 'jump', 'route'];
  return isMatched(plan) && plan.clientSettings === undefined && plan.faults.every(({ kind }) => harmless.includes(kind));
}

/**
 * Whether a stranger who replays can make targets hear what others have heard: what a server knew of
 * datagrams it forgets with its end, and without a nonce they cannot be known again at all.
 */
function isReplayable(plan: Plan): boolean {
  if (!plan.faults.some((fault) => fault.kind === 'stranger' && fault.what === 'replay')) return false;
  const { crypt = 'aes', replayProtection = true } = settingsOf(plan, 'server');
  const forgets = plan.faults.some((fault) => fault.kind === 'restart' && fault.end === 'server');
  return forgets || !replayProtection || ['none', 'null', 'xor'].includes(crypt);
}

/** What became of the flows, once they have ended or should have. */
export function judgeFlows(plan: Plan, flows: readonly Flow[], violate: Violate): void {
  const wellOnceCalm = isWellOnceCalm(plan);
  const replayable = isReplayable(plan);
  const restarted = plan.faults.some(({ kind }) => kind === 'restart');
  for (const flow of flows) {
    const { app } = flow;
    const breakable = mayBreak(plan) && !(wellOnceCalm && flow.plan.at >= plan.calmAt);
    if (flow.targets.length > 1 && !replayable) {
      const names = flow.targets.map(({ name, received }) => `${name} ${received} bytes`).join(', ');
      violate('twice', `flow ${flow.index} came to more than one target: ${names}`);
    }
    if (app === undefined) {
      if (!flow.refused) violate('progress', `flow ${flow.index} was neither connected nor refused`);
      else if (!restarted) violate('broken', `flow ${flow.index} was refused`);
      continue;
    }
    for (const party of [app, ...flow.targets]) {
      if (!party.closed) violate('progress', `${party.name} is still open: ${describe(party)}`);
    }
    const target = flow.targets.length === 1 ? flow.targets[0] : undefined;
    if (target === undefined) {
      if (flow.targets.length === 0 && !breakable && app.sent >= 4 && app.writing === 'ended') {
        violate('broken', `flow ${flow.index} never came to the target: ${describe(app)}`);
      }
      continue;
    }
    for (const [writer, reader] of [
      [app, target],
      [target, app],
    ] as const) {
      if (
        reader.reading === 'ended' &&
        writer.writing === 'ended' &&
        writer.error === undefined &&
        !restarted &&
        reader.received !== writer.sent
      ) {
        violate('truncated', `${reader.name} saw the end after ${reader.received} of ${writer.sent} bytes of ${writer.name}`);
      }
      if (reader.reading === 'ended' && writer.writing === 'open' && !restarted) {
        violate('truncated', `${reader.name} saw an end that ${writer.name} did not say`);
      }
      const excused = breakable || writer.writing === 'left' || reader.writing === 'left';
      if (!excused && (reader.error !== undefined || reader.reading === 'cut')) {
        violate('broken', `${reader.name}: ${reader.error?.message ?? 'cut'}, without a reason: ${describe(reader)}`);
      }
    }
  }
}

function describe(party: Party): string {
  return `writing ${party.writing} ${party.sent} of ${party.total}, reading ${party.reading} ${party.received} of ${party.expected}`;
}

/** What a tunnel that still runs has left, some time after its last stream has ended. */
export function judgeIdle(life: Life, violate: Violate): void {
  const { end, tunnel } = life;
  const stats = tunnel.stats();
  if (stats.streams > 0) violate('idle', `${end}: ${stats.streams} streams`);
  if (stats.chunks > 0) violate('idle', `${end}: ${stats.chunks} chunks of received bytes`);
  for (const link of stats.links) {
    const { smux, session } = link;
    if (smux.streamCount > 0) violate('idle', `${end}: ${smux.streamCount} streams in a session`);
    const { waitSnd } = session.stats();
    if (waitSnd > KEEPALIVES) violate('idle', `${end}: a session is not settled, ${waitSnd} segments wait`);
    if (session.peek()) violate('idle', `${end}: a session has unread bytes`);
  }
  if (BatchPool.of(life.host.memory).lent > 0) violate('idle', `${end}: batches are lent between turns`);
}

/** What a tunnel that was stopped has left on its machine. */
export function judgeBaseLine(life: Life, violate: Violate): void {
  const { end, host, tunnel } = life;
  const stats = tunnel.stats();
  const left = {
    streams: stats.streams,
    links: stats.links.length,
    chunks: stats.chunks,
    sockets: host.open,
    connections: host.connections,
    timers: host.process.pending,
    batches: BatchPool.of(host.memory).lent,
    sessions: stats.snmp.CurrEstab,
  };
  for (const [name, count] of Object.entries(left)) if (count !== 0) violate('base-line', `${end}: ${count} ${name} after it was stopped`);
  const shards = poolFor({ memory: host.memory }).used;
  if (shards > KEPT_SHARDS) violate('base-line', `${end}: ${shards} shards`);
  if (host.memory.used > KEPT_MEMORY) violate('base-line', `${end}: ${host.memory.used} bytes of the arena`);
}

/** Where answers came from: peers that hear one address only are answered from that one. */
export function judgeSources(stage: Stage, traffic: Traffic, violate: Violate): void {
  const wanted = stage.plan.secondAddress === 'first' ? SERVER : stage.calledAddress;
  for (const address of traffic.answersFrom) {
    if (address !== wanted) violate('source', `the server was called at ${stage.calledAddress} and has answered from ${address}`);
  }
}

/**
 * What was counted, against what the network saw.
 * @param settled - whether everything was acknowledged when the ends were stopped: where keepalives are sent more often than they take to be
 *   acknowledged, there may be no such moment
 */
export function judgeCounters(stage: Stage, traffic: Traffic, settled: boolean, violate: Violate): void {
  const { plan, world, lives } = stage;
  const restarts = plan.faults.some(({ kind }) => kind === 'restart');
  for (const [end, address, peer] of [
    ['client', CLIENT, SERVER],
    ['server', SERVER, CLIENT],
  ] as const) {
    const own = lives.filter((life) => life.end === end).map(({ tunnel }) => tunnel.counters.snapshot());
    const sum = (name: keyof (typeof own)[0]): number => own.reduce((total, snapshot) => total + snapshot[name], 0);
    const toStrangers = end === 'server' ? traffic.toOthers : { count: 0, bytes: 0 };
    const forged = end === 'client' ? stage.spoofed : { count: 0, bytes: 0 };
    const sent = world.link(address, peer).stats;
    compare(`${end} OutPkts`, sum('OutPkts'), sent.sent + toStrangers.count - forged.count);
    compare(`${end} OutBytes`, sum('OutBytes'), sent.sentBytes + toStrangers.bytes - forged.bytes);
    if (toStrangers.bytes > AMPLIFICATION * stage.strangeBytes) {
      violate('amplification', `${toStrangers.bytes} bytes to strangers who sent ${stage.strangeBytes}`);
    }
    // What a socket has not read when it is closed nobody counts: the answer to a session that another one has made superfluous at that moment.
    const unread = lives.reduce((total, { end: other, host }) => total + (other === end ? host.unread : 0), 0);
    const arrived = traffic.taken[end];
    const handled = sum('InPkts') + sum('InCsumErrors');
    if (handled > arrived) violate('counters', `${end}: ${handled} datagrams counted, ${arrived} arrived`);
    const calm = !restarts && !plan.faults.some(({ kind }) => kind === 'freeze' || kind === 'stranger') && !mayBreak(plan);
    if (calm && handled + unread !== arrived)
      violate('counters', `${end}: ${handled} datagrams counted, ${arrived} arrived, ${unread} not read`);
    for (const [name, value] of own.flatMap((snapshot) => Object.entries(snapshot))) {
      if (!(value >= 0)) violate('counters', `${end}: ${name} is ${value}`);
    }
    if (sum('MaxConn') > sum('ActiveOpens') + sum('PassiveOpens')) violate('counters', `${end}: MaxConn above the number of sessions`);
  }
  if (!mayBreak(plan) && !plan.faults.some((fault) => mayEndSessions(fault, IDLE_SILENCE))) judgeSessions(stage, settled, violate);

  function compare(name: string, counted: number, seen: number): void {
    if (counted !== seen) violate('counters', `${name}: ${counted} counted, ${seen} seen`);
  }
}

/** Where nothing may break: every session lives until the end, and what one end wrote the other has read. */
function judgeSessions({ plan, lives }: Stage, settled: boolean, violate: Violate): void {
  const [client, server] = ['client', 'server'].map((end) => lives.find((life) => life.end === end)?.tunnel.counters.snapshot());
  if (client === undefined || server === undefined) return;
  // A client that hears nothing for a while tries another session beside the first, and drops one of them later: to the server that is silence.
  if (client.ActiveOpens > plan.connections) {
    const quiet =
      plan.faults.length === 0 && [plan.up, plan.down].every(({ loss, corrupt, rate }) => (loss ?? corrupt ?? rate) === undefined);
    if (quiet) violate('counters', `${client.ActiveOpens} sessions for ${plan.connections} connections`);
    return;
  }
  for (const { end, sessionErrors } of lives)
    for (const error of sessionErrors) violate('broken', `${end}: a session ended: ${error.message}`);
  const onTheirWay = settled ? 0 : client.ActiveOpens * KEEPALIVES * KEEPALIVE_BYTES;
  compare('up', client.BytesSent, server.BytesReceived);
  compare('down', server.BytesSent, client.BytesReceived);

  function compare(way: string, sent: number, received: number): void {
    if (received > sent || sent - received > onTheirWay) violate('counters', `${sent} bytes sent ${way}, ${received} received`);
  }
}
