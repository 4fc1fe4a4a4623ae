// What must hold on every line, from five seconds after the last change on.
//
//   half     what is carried is at least half of what the line, the window or the application allows
//   starved  no flow gets less than a twentieth of an equal share
//   queue    no queue of ours stands above a bound for two seconds
//   again    what is sent again is bounded by what the line loses
//   stuck    no two seconds without a byte while there are bytes to send
//
// A queue that is shorter than what one turn of a program sends cannot be filled evenly: there `half` is
// called `half-burst`, and is listed, not a failure.

import type { Capacity } from '@kcptun/testkit';
import type { LinePlan, TunnelPlan } from './plan.ts';

/** What is seen of a line at one moment. */
export interface Sample {
  readonly at: number;
  /** What waits before the line, ms. */
  readonly queueMs: number;
  /** Bytes that have arrived, by tunnel and by TCP transfer. */
  readonly received: readonly number[];
  readonly others: readonly number[];
}

/** Segments that a sender has counted. */
export interface Counts {
  readonly sent: number;
  readonly again: number;
  readonly copies: number;
  readonly probes: number;
  readonly lost: number;
}

const HALF = 0.5;
const STARVED = 1 / 20;
/** Payload of a datagram of `DATAGRAM` bytes. */
const DATAGRAM = 1350;
const PAYLOAD_SHARE = 0.95;
const SEGMENT = 1298;
const STANDING_MS = 2000;
/** The bound of a standing queue: so many targets of the controller (rate-controller.ts), and so many ms. */
const QUEUE_TARGETS = 3;
const QUEUE_MS = 20;
const AGAIN_MOST = 0.1;
/** What the ends of bursts may cost, as a share of the line (copy-rules.ts). */
const TAILS = 0.05;
/** Fewer segments say nothing. */
const FEW_SEGMENTS = 300;
/** A line that carries fewer datagrams in two seconds may leave a flow without one. */
const FEW_DATAGRAMS = 40;

/** Says what does not hold. */
export function judgeLine(
  plan: LinePlan,
  capacity: Capacity,
  samples: readonly Sample[],
  before: readonly Counts[],
  after: readonly Counts[],
  violate: (oracle: string, text: string) => void,
): void {
  const judged = samples.filter(({ at }) => at >= plan.judgedFrom);
  const [first, last] = [judged[0], judged.at(-1)];
  if (first === undefined || last === undefined) return;
  const span = last.at - first.at;
  const line = lineLimit(plan, capacity, first.at, last.at);
  const flows = plan.tunnels.length + plan.transfers.length;
  const share = (line * PAYLOAD_SHARE) / flows;
  const got = last.received.map((bytes, index) => bytes - (first.received[index] as number));
  const others = last.others.map((bytes, index) => bytes - (first.others[index] as number));
  const wants = plan.tunnels.map((tunnel) => ownLimit(plan, tunnel, span));
  const wanted = sum(wants);
  const limit = Math.min(line * PAYLOAD_SHARE, plan.transfers.length > 0 ? Number.POSITIVE_INFINITY : wanted);
  const mbit = (bytes: number): string => ((bytes * 8) / span / 1000).toFixed(2);
  const carried = sum(got) + sum(others);
  if (carried < HALF * limit) {
    violate(isShort(plan) ? 'half-burst' : 'half', `${mbit(carried)} of ${mbit(limit)} Mbit/s (${(carried / limit).toFixed(2)})`);
  }
  for (const [index, bytes] of got.entries()) {
    const least = STARVED * Math.min(share, wants[index] as number);
    if (bytes < least) violate('starved', `tunnel ${index} got ${mbit(bytes)} of ${mbit(share)} Mbit/s`);
  }
  // Losses of the line itself hold TCP back, and it cannot use a queue of a few packets.
  for (const [index, bytes] of others.entries()) {
    if (plan.loss === 0 && bytes < STARVED * share) violate('starved', `tcp ${index} got ${mbit(bytes)} of ${mbit(share)} Mbit/s`);
  }
  if (plan.transfers.length === 0) judgeQueue(plan, capacity, judged, violate);
  judgeAgain(plan, line, before, after, violate);
  judgeStuck(plan, capacity, judged, violate);
}

/** Bytes on the wire that arrive at most. */
function lineLimit(plan: LinePlan, capacity: Capacity, from: number, until: number): number {
  const carried = capacity.between(from, until);
  const policed = plan.policer === undefined ? carried : Math.min(carried, plan.policer.rate * 125 * (until - from));
  return policed * (1 - plan.loss);
}

/** Bytes of payload that the window or the application allow at most. */
function ownLimit(plan: LinePlan, tunnel: TunnelPlan, span: number): number {
  const window = windowLimit(plan, tunnel) * span;
  return tunnel.load.kind === 'paced' ? Math.min(window, tunnel.load.share * plan.rate * 125 * span) : window;
}

/** Bytes per ms that the receiver's window allows: beyond the round trip, each hole in it waits for repairs. */
function windowLimit(plan: LinePlan, { window, peer }: TunnelPlan): number {
  const segments = window ?? (peer === 'auto' ? 8192 : 1024);
  const trip = roundTripOf(plan) + plan.jitter + 10 + plan.lateness + (plan.reorder?.by ?? 0);
  let rounds = 0;
  for (let miss = plan.loss; miss > 0 && rounds < 8; miss *= plan.loss) {
    const hit = 1 - (1 - miss) ** segments;
    rounds += hit;
    if (hit < 0.01) break;
  }
  const away = plan.stalls === undefined ? 0 : Math.min(0.5, 170 / (85 + plan.stalls));
  return ((segments * SEGMENT) / (trip * (1 + rounds))) * (1 - away);
}

function roundTripOf(plan: LinePlan): number {
  return plan.changes.reduce((trip, change) => change.roundTrip ?? trip, plan.roundTrip);
}

function rateOf(plan: LinePlan): number {
  const rate = plan.changes.reduce((before, change) => change.rate ?? before, plan.rate);
  return Math.min(rate, plan.policer?.rate ?? rate);
}

/** Whether the queue holds less than what one turn of a late program sends. */
function isShort(plan: LinePlan): boolean {
  return plan.queue < ((rateOf(plan) * 125) / DATAGRAM) * (plan.lateness + 2);
}

function judgeQueue(plan: LinePlan, capacity: Capacity, judged: readonly Sample[], violate: (oracle: string, text: string) => void): void {
  const bound = queueBound(plan);
  let low: { at: number; least: number } | undefined;
  for (const { at, queueMs } of judged) {
    // A recorded line has times of nothing at all, and what waits then waits for the line.
    const stopped = plan.recorded !== undefined && capacity.between(at - 500, at + 500) < plan.rate * 125 * 1000 * 0.3;
    if (queueMs <= bound || stopped) {
      low = undefined;
      continue;
    }
    low = { at: low?.at ?? at, least: Math.min(low?.least ?? queueMs, queueMs) };
    if (at - low.at < STANDING_MS) continue;
    violate('queue', `at least ${low.least.toFixed(0)} ms from ${low.at} to ${at} ms, more than ${bound.toFixed(0)}`);
    return;
  }
}

/** Ms that a standing queue of ours may be long. */
function queueBound(plan: LinePlan): number {
  const datagrams = (rateOf(plan) * 125) / DATAGRAM / plan.tunnels.length;
  const trip = Math.max(40, roundTripOf(plan) + plan.jitter + plan.lateness);
  const target = Math.max(1.5, 1.25 * Math.sqrt(trip / datagrams)) + plan.jitter;
  return QUEUE_TARGETS * target + 2 * plan.lateness + QUEUE_MS;
}

function judgeAgain(
  plan: LinePlan,
  line: number,
  before: readonly Counts[],
  after: readonly Counts[],
  violate: (oracle: string, text: string) => void,
): void {
  for (const [index, end] of after.entries()) {
    const begin = before[index] as Counts;
    const again = end.again - begin.again;
    const fresh = end.sent - begin.sent - again;
    const lost = plan.loss / (1 - plan.loss);
    const most = (AGAIN_MOST * judgedFlows(plan) + lost) * fresh + (TAILS * line) / DATAGRAM;
    if (fresh + again < FEW_SEGMENTS || again <= most) continue;
    const [copies, probes, marked] = [end.copies - begin.copies, end.probes - begin.probes, end.lost - begin.lost];
    violate(
      isShort(plan) ? 'again-burst' : 'again',
      `tunnel ${index}: ${((100 * again) / fresh).toFixed(1)} % of ${fresh}, ${(100 * lost).toFixed(1)} % lost; ` +
        `${copies} copies, ${probes} probes, ${marked} marked`,
    );
  }
}

function judgeStuck(plan: LinePlan, capacity: Capacity, judged: readonly Sample[], violate: (oracle: string, text: string) => void): void {
  for (const [index, { load, window = 1024 }] of plan.tunnels.entries()) {
    if (load.kind === 'paced' && load.share * plan.rate < 0.05) continue;
    let still = judged[0] as Sample;
    for (const sample of judged) {
      if ((sample.received[index] as number) > (still.received[index] as number)) still = sample;
      if (sample.at - still.at < STANDING_MS) continue;
      if (capacity.between(still.at, sample.at) < FEW_DATAGRAMS * DATAGRAM * judgedFlows(plan) || window < 8) continue;
      violate('stuck', `tunnel ${index} got nothing from ${still.at} to ${sample.at} ms`);
      return;
    }
  }
}

function judgedFlows(plan: LinePlan): number {
  return plan.tunnels.length + plan.transfers.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
