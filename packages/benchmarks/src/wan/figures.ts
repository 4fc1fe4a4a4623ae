// From what the peers say to the figures of a row. Pure.

import { quantile } from '@kcptun/testkit';
import type { PeerLine, RoundTrip } from './peer.ts';

/** What has arrived of a flow by when: ms, bytes. */
export type Arrivals = readonly (readonly [at: number, bytes: number])[];

/** Recovered is a line that carries this share of what it could, for {@link RECOVERY_WINDOW}. */
const RECOVERED_SHARE = 0.8;
/** ms */
const RECOVERY_WINDOW = 500;

/** Arrivals of each flow by its number. */
export function arrivalsOf(lines: readonly PeerLine[]): Map<number, Arrivals> {
  const flows = new Map<number, (readonly [number, number])[]>();
  for (const line of lines) {
    if (line.kind !== 'bytes') continue;
    const flow = flows.get(line.flow) ?? [];
    flows.set(line.flow, flow);
    flow.push([line.at, line.bytes]);
  }
  return flows;
}

/** Bytes that had arrived at a time; between two reports, as if they came evenly. */
function bytesAt(arrivals: Arrivals, at: number): number {
  const next = arrivals.findIndex(([time]) => time >= at);
  if (next < 0) return arrivals.at(-1)?.[1] ?? 0;
  const [time, bytes] = arrivals[next] ?? [0, 0];
  const [timeBefore, bytesBefore] = arrivals[next - 1] ?? [time, 0];
  return time === timeBefore ? bytes : bytesBefore + ((bytes - bytesBefore) * (at - timeBefore)) / (time - timeBefore);
}

/** Mbit/s between two times, ms. */
export function rateOf(arrivals: Arrivals, from: number, to: number): number {
  return ((bytesAt(arrivals, to) - bytesAt(arrivals, from)) * 8) / 1e3 / (to - from);
}

/** Mbit/s in each interval of `step` ms from `from` on. */
export function seriesOf(arrivals: Arrivals, from: number, to: number, step: number): number[] {
  const count = Math.floor((to - from) / step);
  return Array.from({ length: count }, (_, index) => rateOf(arrivals, from + index * step, from + (index + 1) * step));
}

/** Jain's index of rates: 1 where all are equal, 1/n where one has it all. */
export function jain(rates: readonly number[]): number {
  const sum = rates.reduce((total, rate) => total + rate, 0);
  return sum ** 2 / (rates.length * rates.reduce((total, rate) => total + rate ** 2, 0));
}

/** How long after a time a flow has most of a limit (Mbit/s) again, s; the time until `to` if it does not. */
export function recoveryOf(arrivals: Arrivals, from: number, to: number, limit: number): number {
  for (let at = from; at + RECOVERY_WINDOW <= to; at += 50) {
    if (rateOf(arrivals, at, at + RECOVERY_WINDOW) >= limit * RECOVERED_SHARE) return (at - from) / 1000;
  }
  return (to - from) / 1000;
}

/** Mean and 95th percentile of what round trips took beyond the least that they can, ms. */
export function queueOf(probes: readonly RoundTrip[], from: number, rtt: number): { mean: number; p95: number } {
  const waits = probes.filter(([at]) => at >= from).map(([, ms]) => Math.max(0, ms - rtt));
  return { mean: waits.reduce((sum, wait) => sum + wait, 0) / waits.length, p95: quantile(waits, 0.95) };
}
