// Client and server in this process, over real sockets.

import { startTarget, type Target, transfer, UdpRelay } from '@kcptun/testkit/node';
import { TunnelClient, type TunnelOptions, TunnelServer } from '@kcptun/tunnel';
import { afterEach, describe, expect, it } from 'vitest';

const undo: (() => unknown)[] = [];

afterEach(async () => {
  for (const step of undo.splice(0).reverse()) await step();
});

interface World {
  readonly client: TunnelClient;
  readonly server: TunnelServer;
  readonly target: Target;
}

async function startWorld(shared: Partial<TunnelOptions> = {}, connections = 1, relay?: (relay: UdpRelay) => void): Promise<World> {
  const target = await startTarget();
  undo.push(() => target.close());
  const common = { key: 'test', ...shared };
  const server = new TunnelServer({
    ...common,
    listen: { host: '127.0.0.1', minPort: 0, maxPort: 0 },
    target: { host: '127.0.0.1', port: target.port },
  });
  undo.push(() => server.stop());
  await server.start();
  let { port } = server;
  if (relay !== undefined) {
    const path = await UdpRelay.start({ upstreamPort: port, seed: 7 });
    undo.push(() => path.close());
    relay(path);
    port = path.port;
  }
  const client = new TunnelClient({
    ...common,
    listen: { host: '127.0.0.1', port: 0 },
    remote: { host: '127.0.0.1', minPort: port, maxPort: port },
    connections,
  });
  undo.push(() => client.stop());
  await client.start();
  return { client, server, target };
}

describe('a tunnel over real sockets', () => {
  it.each([
    ['the defaults', {}],
    ['no compression', { compression: false }],
    ['smux 1', { smux: { version: 1 } }],
    ['no FEC', { session: { dataShards: 0, parityShards: 0 } }],
    ['aes-128-gcm', { crypt: 'aes-128-gcm' }],
    ['null', { crypt: 'null' }],
  ] as const)('carries both directions with %s', async (_name, shared) => {
    const { client } = await startWorld(shared as Partial<TunnelOptions>);
    await transfer({ port: client.port, upload: 3_000_000, download: 3_000_000 });
    await transfer({ port: client.port, upload: 1, download: 1 });
    await transfer({ port: client.port, upload: 0, download: 0 });
  });

  it('lets a target answer after the end of the request', async () => {
    const { client } = await startWorld();
    for (let round = 0; round < 8; round++) await transfer({ port: client.port, upload: 50_000, download: 200_000, order: 'after-eof' });
  });

  it('spreads many streams over three sessions', async () => {
    const { client, server } = await startWorld({}, 3);
    await Promise.all(
      Array.from({ length: 60 }, (_, index) => transfer({ port: client.port, upload: 20_000 + index, download: 30_000, seed: index })),
    );
    expect(server.stats().links).toHaveLength(3);
  });

  it('repairs and retransmits over a path that loses 8 %', async () => {
    const { client, server } = await startWorld({ session: { nodelay: 1, interval: 10 } }, 1, (relay) => {
      relay.up.setLoss(0.08);
      relay.down.setLoss(0.08);
    });
    await transfer({ port: client.port, upload: 2_000_000, download: 2_000_000 });
    expect(server.stats().snmp.FECRecovered).toBeGreaterThan(0);
    expect(client.stats().snmp.FECRecovered).toBeGreaterThan(0);
  });
});
