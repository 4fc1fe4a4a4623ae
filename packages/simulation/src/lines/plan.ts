// What a line is like and who uses it, as plain data drawn from a seed. Every plan has a rate, a round
// trip and a queue; each other trouble is there in some of them, so that most have two or three.
//
//   tunnels (mode auto) ─┐
//                        ├─▶ policer ▶ queue ▶ line ▶ losses, delay ─▶ their other ends
//   TCP transfers ───────┘      (all share it; the way back has losses and a rate of its own)

import { readFileSync } from 'node:fs';
import { Random } from '@kcptun/testkit';
import type { TcpKind } from './tcp.ts';

/** What an application has to send. */
type Load =
  | { readonly kind: 'bulk' }
  /** A share of the line's rate, in writes every 20 ms. */
  | { readonly kind: 'paced'; readonly share: number }
  /** Bulk with a pause. */
  | { readonly kind: 'idle'; readonly from: number; readonly until: number };

/** One tunnel, which carries one connection. */
export interface TunnelPlan {
  /** When its connection is opened, ms. */
  readonly at: number;
  readonly load: Load;
  /** Receive window of the end that gets the data, in segments; absent: the default. */
  readonly window?: number;
  /** Mode of that end. */
  readonly peer: 'auto' | 'fast3' | 'normal';
  /** Whether both ends send parity: as `auto` chooses. */
  readonly fec: boolean;
}

/** A line and its use. Times in ms, rates in Mbit/s of UDP payload. */
export interface LinePlan {
  readonly kind: 'line';
  readonly seed: number;
  /** Which way the data go. */
  readonly way: 'up' | 'down';
  readonly rate: number;
  /** Name of a recorded capacity, and where in it the run begins; then `rate` is its mean. */
  readonly recorded?: { readonly name: string; readonly from: number };
  readonly roundTrip: number;
  /** Packets. */
  readonly queue: number;
  readonly policer?: { readonly rate: number; readonly burst: number };
  /** From a time on the line is another one. */
  readonly changes: readonly { readonly at: number; readonly rate?: number; readonly roundTrip?: number }[];
  /** Nothing arrives, either way. */
  readonly blackOuts: readonly { readonly at: number; readonly length: number }[];
  readonly loss: number;
  /** Mean length of a burst of losses; 1: they are independent. */
  readonly burst: number;
  readonly jitter: number;
  readonly reorder?: { readonly share: number; readonly by: number };
  readonly ackLoss: number;
  /** Rate of the way back. */
  readonly backRate?: number;
  /** Timers of the tunnels fire 1 to so many ms late. */
  readonly lateness: number;
  /** Each end has no processor for 20 to 150 ms, on average every so many ms. */
  readonly stalls?: number;
  /** Clocks of the ends, ms: 2^32 ms are 49 days. */
  readonly clocks?: readonly [client: number, server: number];
  readonly tunnels: readonly TunnelPlan[];
  readonly transfers: readonly { readonly at: number; readonly kind: TcpKind }[];
  /** When all that changes has changed. */
  readonly settledAt: number;
  /** What is judged, is judged from here on. */
  readonly judgedFrom: number;
  readonly until: number;
}

/** How long a sender may take to find a line, ms. */
const TIME_TO_FIND = 5000;
/** What is judged takes at least so many ms and round trips. */
const JUDGED_LEAST = 3000;
const JUDGED_ROUNDS = 12;
const WRAP = 2 ** 32;

interface Recorded {
  readonly binMs: number;
  readonly packet: number;
  readonly lines: Readonly<Record<string, string>>;
}

let recorded: Recorded | undefined;

/** The recorded capacities. */
export function recordedLines(): Recorded {
  recorded ??= JSON.parse(readFileSync(new URL('../../capacity.json', import.meta.url), 'utf8')) as Recorded;
  return recorded;
}

/** Draws the plan of a seed: the same one always. */
export function drawLine(seed: number): LinePlan {
  const random = new Random(seed ^ 0x11_4e5);
  const logarithmic = (least: number, most: number): number => least * (most / least) ** random.float();
  const rounded = (value: number): number => Number(value.toPrecision(3));
  const chance = (probability: number): boolean => random.chance(probability);

  const name = chance(0.08) ? random.pick(Object.keys(recordedLines().lines)) : undefined;
  const rate = name === undefined ? rounded(drawRate(random, logarithmic)) : meanOf(name);
  const roundTrip = rounded(logarithmic(4, 300));
  const bdp = (rate * roundTrip) / 8 / 1.35;
  const queue = Math.round(logarithmic(10, Math.max(20, 4 * bdp)));
  const policer =
    name === undefined && chance(0.1) ? { rate: rounded(Math.max(1, rate * (0.3 + 0.6 * random.float()))), burst: 0 } : undefined;
  const burst = policer === undefined ? undefined : Math.round(Math.max(10 * 1350, policer.rate * 125 * logarithmic(10, 200)));

  const count = chance(0.7) ? 1 : random.integer(2, 4);
  let settledAt = 0;
  const at = (from: number, most: number): number => {
    const time = Math.round(from + (most - from) * random.float());
    settledAt = Math.max(settledAt, time);
    return time;
  };
  const fec = chance(0.6);
  const tunnels = Array.from({ length: count }, (_, index): TunnelPlan => {
    const begins = index === 0 ? 0 : at(0, 3000);
    const load = drawLoad(random);
    if (load.kind === 'idle') settledAt = Math.max(settledAt, load.until);
    const peer = chance(0.6) ? 'auto' : random.pick(['fast3', 'normal'] as const);
    return { at: begins, load, peer, fec, ...(chance(0.15) ? { window: Math.round(logarithmic(32, 1024)) } : {}) };
  });
  const transfers = chance(0.2)
    ? Array.from({ length: random.integer(1, 2) }, () => ({ at: at(0, 3000), kind: random.pick(['cubic', 'cubic', 'reno'] as const) }))
    : [];

  const changes: { at: number; rate?: number; roundTrip?: number }[] = [];
  if (name === undefined && policer === undefined && chance(0.15))
    changes.push({ at: at(2000, 5000), rate: rounded(rate * logarithmic(0.2, 3)) });
  if (chance(0.12)) changes.push({ at: at(2000, 5000), roundTrip: rounded(Math.min(400, roundTrip * logarithmic(0.4, 3))) });
  changes.sort((a, b) => a.at - b.at);
  const blackOuts: { at: number; length: number }[] = [];
  if (chance(0.1)) {
    const from = Math.round(1000 + 3000 * random.float());
    const end = at(from + 50, from + 4000);
    blackOuts.push({ at: from, length: end - from });
  }

  const loss = chance(0.5) ? 0 : rounded(0.15 * random.float() ** 2);
  const slowest = Math.max(roundTrip, ...changes.map((change) => change.roundTrip ?? 0));
  const judgedFrom = settledAt + TIME_TO_FIND;
  return {
    kind: 'line',
    seed,
    way: chance(0.7) ? 'down' : 'up',
    rate,
    ...(name === undefined ? {} : { recorded: { name, from: random.integer(0, 100) * 1000 } }),
    roundTrip,
    queue,
    ...(policer === undefined ? {} : { policer: { ...policer, burst: burst as number } }),
    changes,
    blackOuts,
    loss,
    burst: loss > 0 && chance(0.4) ? rounded(1 + 9 * random.float()) : 1,
    jitter: chance(0.3) ? rounded(50 * random.float() ** 2) : 0,
    ...(chance(0.12) ? { reorder: { share: rounded(0.05 * random.float()), by: rounded(1 + 30 * random.float()) } } : {}),
    ackLoss: chance(0.6) ? loss : rounded(0.3 * random.float() ** 2),
    ...(chance(0.15) ? { backRate: rounded(Math.max(0.2, rate * logarithmic(0.06, 0.5))) } : {}),
    lateness: chance(0.6) ? 1 : rounded(1 + 14 * random.float()),
    ...(chance(0.12) ? { stalls: random.integer(300, 3000) } : {}),
    ...(chance(0.05) ? { clocks: [WRAP - random.integer(0, 15_000), WRAP - random.integer(0, 15_000)] } : {}),
    tunnels,
    transfers,
    settledAt,
    judgedFrom,
    until: Math.round(judgedFrom + Math.max(JUDGED_LEAST, JUDGED_ROUNDS * slowest)),
  };
}

function drawRate(random: Random, logarithmic: (least: number, most: number) => number): number {
  const kind = random.float();
  if (kind < 0.04) return logarithmic(50, 100);
  return kind < 0.08 ? logarithmic(0.4, 1) : logarithmic(1, 50);
}

function drawLoad(random: Random): Load {
  const kind = random.float();
  if (kind < 0.1) return { kind: 'paced', share: Number((0.05 + 0.6 * random.float()).toFixed(2)) };
  if (kind > 0.18) return { kind: 'bulk' };
  const from = random.integer(500, 3000);
  return { kind: 'idle', from, until: from + random.integer(300, 4000) };
}

/** Mean rate of a recorded capacity, Mbit/s. */
function meanOf(name: string): number {
  const { lines, binMs, packet } = recordedLines();
  const bins = lines[name] as string;
  let packets = 0;
  for (let index = 0; index < bins.length; index++) packets += bins.charCodeAt(index) - 48;
  return Number(((packets * packet * 8) / (bins.length * binMs * 1000)).toPrecision(3));
}
