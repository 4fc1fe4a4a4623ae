// Runs one case of the matrix: a large exchange, then the small ones, then a look at the counters of both programs.

import { touch, transfer } from '@kcptun/testkit/node';
import { type Settings, sizesFor } from './case.ts';
import type { PlannedCase } from './plan.ts';
import type { Kind, Programs, Role } from './programs.ts';
import { startTunnel, type Tunnel } from './tunnel.ts';

/**
 * Runs one case.
 * @param us - what stands opposite of the case's Go program
 * @param more - settings that no plan has
 * @throws {Error} with the output of the programs, when a byte is wrong, something takes too long or errors were counted
 */
export async function runCase(programs: Programs, planned: PlannedCase, us: Kind, more: Partial<Settings> = {}): Promise<void> {
  const [version, role] = planned.peer.split(' ') as [Kind, Role];
  const [clientFec, serverFec] = planned.fec.split(' ') as [string, string];
  const tunnel = await startTunnel({
    programs,
    client: role === 'client' ? version : us,
    server: role === 'server' ? version : us,
    settings: { ...planned, clientFec, serverFec, ...more },
  });
  try {
    await tunnel.during(exchange(tunnel, planned));
  } finally {
    await tunnel.stop();
  }
}

async function exchange(tunnel: Tunnel, planned: PlannedCase): Promise<void> {
  const { port } = tunnel;
  const { upload, download } = sizesFor(planned.crypt);
  // One transfer for each session of the client.
  const { conn, order } = planned;
  const parts = Array.from({ length: conn }, (_, seed) =>
    transfer({ port, seed, order, upload: Math.ceil(upload / conn), download: Math.ceil(download / conn) }),
  );
  await Promise.all(parts);
  await transfer({ port, upload: 1, download: 1 });
  await transfer({ port, upload: 0, download: 0 });
  await touch({ port });
  await checkCounters(tunnel, errorCounters(planned));
}

async function checkCounters(tunnel: Tunnel, names: readonly string[]): Promise<void> {
  for (const [role, counters] of Object.entries(await tunnel.counters())) {
    const errors = names.filter((name) => counters.get(name) !== 0);
    if (errors.length === 0) continue;
    throw new Error(`the ${role} counted ${errors.map((name) => `${name}=${counters.get(name)}`).join(' ')}`);
  }
}

/** Counters that stay 0 on a path without faults, unless the Go program is known to spoil them itself. */
function errorCounters(planned: PlannedCase): string[] {
  const names = ['InErrs', 'KCPInErrors'];
  // SM4 in Go is not safe for sending and receiving at the same time: two Go programs damage each other's packets, too. The
  // old version has that with every block cipher as soon as there are several sessions.
  const sharesBuffers = planned.crypt === 'sm4' || (planned.peer.startsWith('old') && planned.conn > 1);
  if (!sharesBuffers) names.push('InCsumErrors');
  // A decoder that was set to other shards than the packets have makes mistakes until it has noticed.
  const [clientFec, serverFec] = planned.fec.split(' ');
  if (clientFec === serverFec && !sharesBuffers) names.push('FECErrs');
  return names;
}
