// Cases that the matrix does not have: a hundred streams at once, and a path that loses packets.

import { transfer } from '@kcptun/testkit/node';
import { type Settings, USUAL_SETTINGS } from './case.ts';
import type { Kind, Programs } from './programs.ts';
import { startTunnel } from './tunnel.ts';

/** The two ends of a tunnel. */
export interface Ends {
  readonly client: Kind;
  readonly server: Kind;
}

const STREAMS = 100;
const STREAM_BYTES = 64 * 1024;
const LOSS = 0.08;
const LOSSY_BYTES = 2 * 1024 * 1024;
const LOSSY_ROUNDS = 2;

/**
 * Opens a hundred streams, each with bytes of its own in both directions; none can end before all are open.
 * @returns the most streams that the target saw open at the same time
 * @throws {Error} with the output of the programs when a transfer fails
 */
export async function runManyStreams(programs: Programs, ends: Ends, settings: Partial<Settings> = {}): Promise<number> {
  const tunnel = await startTunnel({ programs, ...ends, settings: { ...USUAL_SETTINGS, ...settings } });
  try {
    const { port, target } = tunnel;
    const gate = target.opened(STREAMS);
    // The lengths differ, so no two streams end at the same place of a frame.
    const transfers = Array.from({ length: STREAMS }, (_, seed) => {
      const more = seed * 331;
      return transfer({ port, seed, order: 'at-once', upload: STREAM_BYTES + more, download: 2 * STREAM_BYTES - more, gate });
    });
    await tunnel.during(Promise.all(transfers));
    return target.stats.mostOpen;
  } finally {
    await tunnel.stop();
  }
}

/** What {@link runLossy} saw. */
export interface LossyResult {
  /** Datagrams that the path lost on their way up and down. */
  readonly lost: { readonly up: number; readonly down: number };
  /** Packets that each end rebuilt from parity. */
  readonly recovered: { readonly client: number; readonly server: number };
}

/**
 * Moves 2 MiB each way, twice, over a path that loses 8 % of the datagrams in both directions.
 * @throws {Error} with the output of the programs when a transfer fails
 */
export async function runLossy(programs: Programs, ends: Ends, settings: Partial<Settings> = {}): Promise<LossyResult> {
  const tunnel = await startTunnel({
    programs,
    ...ends,
    settings: { ...USUAL_SETTINGS, ...settings },
    relay(relay) {
      relay.up.setLoss(LOSS).setDelay(2);
      relay.down.setLoss(LOSS).setDelay(2);
    },
  });
  try {
    // No end sends parity before it knows the counts of the other one; a short upload can be over by then.
    for (let round = 0; round < LOSSY_ROUNDS; round++) {
      await tunnel.during(transfer({ port: tunnel.port, upload: LOSSY_BYTES, download: LOSSY_BYTES, order: 'at-once' }));
    }
    const { client, server } = await tunnel.counters();
    const stats = tunnel.relay?.stats;
    return {
      lost: { up: stats?.up.lost ?? 0, down: stats?.down.lost ?? 0 },
      recovered: { client: client.get('FECRecovered') ?? 0, server: server.get('FECRecovered') ?? 0 },
    };
  } finally {
    await tunnel.stop();
  }
}

const UNEQUAL_LOSS = 0.06;

/**
 * Moves 2 MiB each way while 6 % of the datagrams are lost in both directions, with other settings than usual.
 * @param seed - decides what is lost
 * @throws {Error} with the output of the programs when the transfer fails
 */
export async function runShards(programs: Programs, ends: Ends, settings: Partial<Settings>, seed: number): Promise<string> {
  const tunnel = await startTunnel({
    programs,
    ...ends,
    settings: { ...USUAL_SETTINGS, ...settings },
    relaySeed: seed,
    relay(relay) {
      relay.up.setLoss(UNEQUAL_LOSS).setDelay(2);
      relay.down.setLoss(UNEQUAL_LOSS).setDelay(2);
    },
  });
  try {
    await tunnel.during(transfer({ port: tunnel.port, upload: LOSSY_BYTES, download: LOSSY_BYTES, order: 'at-once', seed }));
    return tunnel.client.output + tunnel.server.output;
  } finally {
    await tunnel.stop();
  }
}
