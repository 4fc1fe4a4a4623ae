// Client and server in this process, over real sockets.

import { transfer } from '@kcptun/testkit/node';
import type { TunnelOptions } from '@kcptun/tunnel';
import { describe, expect, it } from 'vitest';
import { startWorld } from './world.ts';

describe('a tunnel over real sockets', () => {
  it.each([
    ['the defaults', {}],
    ['no compression', { compression: false }],
    ['smux 1', { smux: { version: 1 } }],
    ['no FEC', { session: { dataShards: 0, parityShards: 0 } }],
    ['aes-128-gcm', { crypt: 'aes-128-gcm' }],
    ['null', { crypt: 'null' }],
  ] as const)('carries both directions with %s', async (_name, shared) => {
    const { client } = await startWorld({ shared: shared as Partial<TunnelOptions> });
    await transfer({ port: client.port, upload: 3_000_000, download: 3_000_000 });
    await transfer({ port: client.port, upload: 1, download: 1 });
    await transfer({ port: client.port, upload: 0, download: 0 });
  });

  it('lets a target answer after the end of the request', async () => {
    const { client } = await startWorld();
    for (let round = 0; round < 8; round++) await transfer({ port: client.port, upload: 50_000, download: 200_000, order: 'after-eof' });
  });

  it('spreads many streams over three sessions', async () => {
    const { client, server } = await startWorld({ client: { connections: 3 } });
    await Promise.all(
      Array.from({ length: 60 }, (_, index) => transfer({ port: client.port, upload: 20_000 + index, download: 30_000, seed: index })),
    );
    expect(server.stats().links).toHaveLength(3);
  });

  it('repairs and retransmits over a path that loses 8 %', async () => {
    const { client, server } = await startWorld({
      shared: { session: { nodelay: 1, interval: 10 } },
      relay: (relay) => {
        relay.up.setLoss(0.08);
        relay.down.setLoss(0.08);
      },
    });
    await transfer({ port: client.port, upload: 8_000_000, download: 8_000_000 });
    expect(server.stats().snmp.FECRecovered).toBeGreaterThan(0);
    expect(client.stats().snmp.FECRecovered).toBeGreaterThan(0);
  });
});
