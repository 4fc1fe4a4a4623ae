// A soak of seconds with real processes: both ends come to rest at every sample, and all connections end as they should.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const BUILT = new URL('../../dist/soak/run.js', import.meta.url);
const MIB = 2 ** 20;
/** Descriptors that a session of the client has: its socket, and what waits for it. */
const SOCKETS_OF_A_SESSION = 2;

test("a short soak: all connections end well, over changes of the client's port, and nothing is held", async () => {
  expect(existsSync(fileURLToPath(BUILT)), 'build first').toBe(true);
  // The ends are processes of their own, started from the built files.
  const { runSoak } = (await import(BUILT.href)) as typeof import('../../src/soak/run.ts');
  const rows = await runSoak({ samples: 3, interval: 4000, rate: 6e6, seed: Date.now() % 1_000_000, samplesPerRebind: 1 });
  expect(rows).toHaveLength(3);
  for (const { client, server } of rows) {
    expect([client, server]).toMatchObject([
      { streams: 0, chunks: 0 },
      { streams: 0, chunks: 0 },
    ]);
    // The client's two sessions, and those of the ports that it had before, unless they were followed.
    expect(server.sessions).toBe(client.sessions);
    expect(Math.max(client.used, server.used)).toBeLessThan(100 * MIB);
  }
  // A descriptor left by each connection, or by each change of ports and session, would show; a session opened late may.
  const [first, , last] = rows;
  const connections = (last?.churn.connections as number) - (first?.churn.connections as number);
  expect(connections).toBeGreaterThan(SOCKETS_OF_A_SESSION);
  expect(last?.client.fds).toBeLessThanOrEqual((first?.client.fds as number) + SOCKETS_OF_A_SESSION);
  expect(last?.server.fds).toBeLessThanOrEqual(first?.server.fds as number);
  expect(last?.churn.failures).toEqual([]);
});
