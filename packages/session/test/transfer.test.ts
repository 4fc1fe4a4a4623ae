// Whole sessions over a simulated network: whatever the network does, every byte arrives, in order, in bounded time, and a run can
// be repeated byte for byte.

import type { CryptMethod } from '@kcptun/crypt';
import { createTestMemory, installPoolChecks, Random, type SimLink, takeFaults } from '@kcptun/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { SessionParameters } from '../src/index.ts';
import { transfer, world } from './world.ts';

let restorePools: () => void;
beforeAll(() => {
  restorePools = installPoolChecks();
});
afterEach(() => expect(takeFaults()).toEqual([]));
afterAll(() => restorePools());

const FAULTS: Readonly<Record<string, (link: SimLink) => unknown>> = {
  'a clean path': (link) => link.setDelay(10),
  'loss of 10 %': (link) => link.setDelay(20).setLoss(0.1),
  'loss of 40 %': (link) => link.setDelay(20).setLoss(0.4),
  'bursts of loss': (link) => link.setDelay(20).setBurstLoss(0.02, 0.2),
  jitter: (link) => link.setDelay(20).setJitter(60),
  reordering: (link) => link.setDelay(20).setReorder(0.2, 25),
  duplicates: (link) => link.setDelay(20).setJitter(10).setDuplicate(0.5),
  corruption: (link) => link.setDelay(20).setCorrupt(0.1),
  'a bottleneck with a queue': (link) => link.setDelay(20).setRate(250_000, 30_000),
  'a path that is cut for 3 s': (link) => link.setDelay(20).blackOut(60, 3060),
  everything: (link) =>
    link.setDelay(20).setLoss(0.05).setBurstLoss(0.01, 0.3).setJitter(20).setReorder(0.1, 30).setDuplicate(0.1).setCorrupt(0.05),
};

/** The named modes (PROTOCOL tunnel §3), and the one that finds its rate. */
const MODES: readonly Partial<SessionParameters>[] = [
  { nodelay: 0, interval: 40, resend: 2, nc: 1 },
  { nodelay: 0, interval: 30, resend: 2, nc: 1 },
  { nodelay: 1, interval: 20, resend: 2, nc: 1 },
  { nodelay: 1, interval: 10, resend: 2, nc: 1 },
  { nodelay: 0, interval: 100, resend: 0, nc: 0 },
  { nodelay: 1, interval: 10, resend: 2, nc: 1, auto: true },
];
const SHARDS: readonly Partial<SessionParameters>[] = [
  { dataShards: 10, parityShards: 3 },
  { dataShards: 0, parityShards: 0 },
  { dataShards: 3, parityShards: 2 },
  { dataShards: 1, parityShards: 1 },
  { dataShards: 70, parityShards: 30 },
];
const CRYPTS: readonly CryptMethod[] = ['aes', 'aes-128-gcm', 'none', 'xor'];
const MTUS = [500, 1350, 1500];
const LIMIT = 300_000;

describe.each(Object.keys(FAULTS))('over %s', (name) => {
  test.each(MODES.map((_, index) => index))('mode %i', (mode) => {
    const seed = 100 + mode;
    const side = (index: number) => ({
      crypt: CRYPTS[mode % CRYPTS.length] as CryptMethod,
      parameters: { ...MODES[mode], ...SHARDS[index % SHARDS.length], mtu: MTUS[mode % MTUS.length] as number },
    });
    const run = transfer(
      world(seed, (link) => FAULTS[name]?.(link)),
      { seed, upload: 60_000, download: 30_000, client: side(mode), server: side(mode * 2 + 1) },
    );
    run.run(LIMIT);
    expect(run.client.longest).toBeLessThanOrEqual(MTUS[mode % MTUS.length] as number);
    expect(run.server.longest).toBeLessThanOrEqual(MTUS[mode % MTUS.length] as number);
  });
});

describe('random paths and settings', () => {
  test.each(Array.from({ length: 30 }, (_, index) => index + 1))('seed %i', (seed) => {
    const random = new Random(seed);
    const crypt = random.pick([...CRYPTS, 'null'] as const);
    const side = () => ({
      crypt,
      parameters: {
        ...random.pick(MODES),
        ...random.pick(SHARDS),
        mtu: random.pick(MTUS),
        sndWnd: random.pick([2, 32, 1024]),
        rcvWnd: random.pick([8, 128, 1024]),
        ackNoDelay: random.chance(0.5),
        inflightFloor: random.pick([4, 64, 2048]),
      },
    });
    const configure = (link: SimLink): unknown => {
      link
        .setDelay(random.integer(0, 100))
        .setLoss(random.pick([0, 0.02, 0.2]))
        .setJitter(random.pick([0, 5, 50]));
      link.setReorder(random.pick([0, 0.1]), 40).setDuplicate(random.pick([0, 0.1]));
      // Without a checksum, changed bytes would be delivered.
      if (crypt !== 'null') link.setCorrupt(random.pick([0, 0.05]));
      return random.chance(0.3) ? link.setRate(200_000, 40_000) : link;
    };
    const options = { seed, upload: random.integer(0, 60_000) + 1, download: random.integer(0, 60_000), client: side(), server: side() };
    transfer(world(seed, configure), options).run(LIMIT);
  });
});

describe('repeatability', () => {
  const run = (seed: number): readonly number[] => {
    const path = world(seed, (link) => FAULTS['everything']?.(link));
    const parameters = { ...MODES[2], dataShards: 5, parityShards: 2 };
    const it = transfer(path, {
      seed,
      upload: 80_000,
      download: 80_000,
      client: { crypt: 'aes', parameters },
      server: { crypt: 'aes', parameters },
    });
    it.run(LIMIT);
    return [it.client.trace, it.server.trace, it.client.datagrams, it.server.datagrams, path.clock.now];
  };

  test('the same seed gives the same datagrams at the same times', () => {
    expect(run(7)).toEqual(run(7));
  });

  test('another seed does not', () => {
    expect(run(7)).not.toEqual(run(8));
  });
});

test('FEC repairs losses that would else wait for a retransmission', () => {
  const retransmitted = (parityShards: number): number => {
    const seed = 5;
    // Acknowledgements that wait for the interval come as late as the timeout here, whatever is lost.
    const parameters = { nodelay: 1, interval: 10, dataShards: 10, parityShards, keepShards: true, ackNoDelay: true };
    const it = transfer(
      world(seed, (link) => link.setDelay(100).setLoss(0.02)),
      { seed, upload: 2_000_000, download: 0, client: { parameters }, server: { parameters } },
    );
    it.run(LIMIT);
    if (parityShards > 0) expect(it.server.endpoint.counters.snapshot().FECRecovered).toBeGreaterThan(20);
    return it.client.endpoint.counters.snapshot().RetransSegs;
  };
  expect(retransmitted(4)).toBeLessThan(retransmitted(0) / 2);
});

test('a session without FEC learns the shard counts of its peer', () => {
  const seed = 6;
  const parameters = { nodelay: 1, interval: 10 };
  const path = world(seed, (link, from) => link.setDelay(10).setLoss(from === 2 ? 0.01 : 0));
  const it = transfer(path, {
    seed,
    upload: 2_000_000,
    download: 0,
    client: { parameters: { ...parameters, dataShards: 6, parityShards: 2, keepShards: true } },
    server: { parameters: { ...parameters, dataShards: 0, parityShards: 0 } },
  });
  it.run(LIMIT);
  expect(it.server.endpoint.counters.snapshot().FECRecovered).toBeGreaterThan(0);
});

test.each([...CRYPTS, 'salsa20', 'null'] as const)('a memory that is full costs speed and recovery, not bytes (%s)', (crypt) => {
  const seed = 9;
  const memory = createTestMemory(65_536);
  const side = { crypt, memory, parameters: { nodelay: 1, interval: 10, dataShards: 5, parityShards: 3 } };
  const path = world(seed, (link) => link.setDelay(10).setLoss(0.05));
  transfer(path, { seed, upload: 100_000, download: 100_000, client: side, server: side }).run(LIMIT);
});
