// With which shard counts sessions send to peers that send with others. `keepShards` is what a program in Go does.

import { FEC_TYPE_DATA, FEC_TYPE_PARITY } from '@kcptun/fec';
import { describe, expect, test } from 'vitest';
import { transfer, world } from './world.ts';

const LIMIT = 120_000;
const FAST = { nodelay: 1, interval: 10 };

interface End {
  readonly dataShards: number;
  readonly parityShards: number;
  readonly keepShards?: boolean;
}

/** Four MB each way over a path that loses 6 %, and what was decided. */
function run(client: End, server: End, seed = 1, loss = 0.06) {
  const sent = { client: [] as number[], server: [] as number[] };
  const record = (side: 'client' | 'server') => (bytes: Uint8Array) => {
    sent[side].push((bytes[4] ?? 0) | ((bytes[5] ?? 0) << 8));
  };
  const it = transfer(
    world(seed, (link) => link.setDelay(10).setLoss(loss)),
    {
      seed,
      upload: 4_000_000,
      download: 4_000_000,
      client: { crypt: 'null', parameters: { ...FAST, ...client }, onDatagram: record('client') },
      server: { crypt: 'null', parameters: { ...FAST, ...server }, onDatagram: record('server') },
    },
  );
  it.run(LIMIT);
  const end = (site: typeof it.client) => ({
    shards: site.events.filter(({ type }) => type === 'shards').map(({ dataShards, parityShards }) => `${dataShards}/${parityShards}`),
    recovered: site.endpoint.counters.snapshot().FECRecovered,
  });
  return { client: end(it.client), server: end(it.server), sent };
}

const [A, B] = [
  { dataShards: 10, parityShards: 3 },
  { dataShards: 20, parityShards: 5 },
] as const;

describe.each([1, 2, 3])('other counts than the peer has, seed %i', (seed) => {
  test('a client sends with those of a server that keeps its own', () => {
    const { client, server } = run(A, { ...B, keepShards: true }, seed);
    expect([client.shards, server.shards]).toEqual([['20/5'], []]);
    expect(client.recovered).toBeGreaterThan(20);
    expect(server.recovered).toBeGreaterThan(20);
  });

  test('a server sends with those of a client that keeps its own', () => {
    const { client, server } = run({ ...B, keepShards: true }, A, seed);
    expect([client.shards, server.shards]).toEqual([[], ['20/5']]);
    expect(client.recovered).toBeGreaterThan(20);
    expect(server.recovered).toBeGreaterThan(20);
  });

  test('of two that would follow, one does at most, and both recover', () => {
    const { client, server } = run(A, B, seed);
    expect(client.shards.length + server.shards.length).toBeLessThanOrEqual(1);
    // They wait for each other for some hundred packets.
    expect(client.recovered).toBeGreaterThan(0);
    expect(server.recovered).toBeGreaterThan(0);
  });

  test('to a peer without FEC no parity is sent', () => {
    const { client, server, sent } = run({ dataShards: 0, parityShards: 0 }, A, seed);
    expect([client.shards, server.shards]).toEqual([[], ['10/0']]);
    expect(sent.server.filter((type) => type === FEC_TYPE_PARITY)).toEqual([]);
    expect(sent.server.filter((type) => type === FEC_TYPE_DATA).length).toBeGreaterThan(1000);
  });
});

test('no parity is sent before the peer has shown its counts, with keepShards it is', () => {
  const firstParity = (keepShards: boolean): number => run({ ...A, keepShards }, B, 1, 0).sent.client.indexOf(FEC_TYPE_PARITY);
  expect(firstParity(true)).toBe(10);
  expect(firstParity(false)).toBeGreaterThan(20);
});

test('equal counts: both recover, and nothing is said', () => {
  const { client, server } = run(A, A);
  expect([client.shards, server.shards]).toEqual([[], []]);
  expect(client.recovered).toBeGreaterThan(20);
  expect(server.recovered).toBeGreaterThan(20);
});
