// Where a start begins: with a first flight that most lines can take, or with half of what was known
// of the path a while ago. Half, because the line may be slower now, shared, or another one. What comes
// of it is measured within a round trip, and only the measurement counts from there on.

/** What is known of a path; see `PathMemory` in `@kcptun/session`. */
export interface KnownPath {
  /** Full datagrams per ms that it took. */
  readonly rate: number;
  /** Round-trip time without a queue, ms. */
  readonly roundTrip: number;
  /** Share that was lost, 0..1. */
  readonly loss: number;
}

/** Datagrams of the first flight on an unknown path, and over how many ms they leave. */
const FIRST_FLIGHT = 256;
const FIRST_FLIGHT_MS = 32;
/** Loss that is expected where nothing is known. */
const FIRST_LOSS = 0.01;
/** How much of what was known is believed. */
const TRUST = 0.5;
/** The bounds of a flight that relies on it, in datagrams: a wrong entry makes twice the queue of an unknown path at most. */
const KNOWN_FLIGHT_LEAST = 16;
const KNOWN_FLIGHT_MOST = 512;
/** Slowest pace that is begun with, in datagrams per ms, and the most of it, 10 Gbit/s. */
const KNOWN_PACE_LEAST = 0.05;
const KNOWN_PACE_MOST = 1000;
const KNOWN_LOSS_MOST = 0.2;

/** How a start begins. */
export interface FirstFlight {
  /** Datagrams per ms. */
  readonly pacing: number;
  /** Datagrams before anything was acknowledged. */
  readonly flight: number;
  /** The loss that is expected. */
  readonly loss: number;
}

/** The first flight on a path of which nothing, or something, is known. Values that make no sense are brought into bounds. */
export function firstFlight(known?: KnownPath): FirstFlight {
  if (known === undefined || !(known.rate > 0 && known.roundTrip > 0)) {
    return { pacing: FIRST_FLIGHT / FIRST_FLIGHT_MS, flight: FIRST_FLIGHT, loss: FIRST_LOSS };
  }
  const pacing = clamp(TRUST * known.rate, KNOWN_PACE_LEAST, KNOWN_PACE_MOST);
  return {
    pacing,
    flight: Math.ceil(clamp(pacing * known.roundTrip, KNOWN_FLIGHT_LEAST, KNOWN_FLIGHT_MOST)),
    loss: clamp(TRUST * known.loss, FIRST_LOSS, KNOWN_LOSS_MOST),
  };
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value || 0));
}
