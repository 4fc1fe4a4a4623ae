// The short form of `npm run sim`: the plans that once failed, a fixed set of seeds, and fresh ones, which are printed.

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { drawPlan, type Plan, runPlan } from '../src/index.ts';

const REGRESSIONS = new URL('../regressions/', import.meta.url);
const FIXED_SEEDS = 24;
const FRESH_SEEDS = 10;
/** For tests that run many plans, in ms of real time. */
const PATIENCE = 120_000;

async function expectWell(plan: Plan): Promise<string> {
  const { violations, digest } = await runPlan(plan);
  expect(violations, `seed ${plan.seed}`).toEqual([]);
  return digest;
}

describe('what once failed', () => {
  for (const name of readdirSync(REGRESSIONS).filter((file) => file.endsWith('.json'))) {
    const plan = JSON.parse(readFileSync(new URL(name, REGRESSIONS), 'utf8')) as Plan;
    test(`${name}: ${plan.note ?? ''}`, async () => {
      await expectWell(plan);
    });
  }
});

describe('seeds', () => {
  test(
    `0 to ${FIXED_SEEDS - 1}`,
    async () => {
      for (let seed = 0; seed < FIXED_SEEDS; seed++) await expectWell(drawPlan(seed));
    },
    PATIENCE,
  );

  const fresh = Math.floor(Math.random() * 2 ** 31);
  test(
    `${FRESH_SEEDS} from ${fresh} on`,
    async () => {
      for (let seed = fresh; seed < fresh + FRESH_SEEDS; seed++) await expectWell(drawPlan(seed));
    },
    PATIENCE,
  );
});

describe('a client whose ports or address change in mid-transfer goes on', () => {
  const MIB = 2 ** 20;
  const cases = ['aes', 'aes-128-gcm', 'salsa20', 'blowfish'].flatMap((crypt) =>
    [0, 3].flatMap((parityShards) => ['up', 'down', 'both'].map((way) => ({ crypt, parityShards, way }))),
  );
  test.each(cases)('$crypt, $parityShards parity shards, $way', async ({ crypt, parityShards, way }) => {
    const end = { chunk: 65_536, end: 'half' } as const;
    const flow = { at: 0, up: way === 'down' ? 4 : MIB, down: way === 'up' ? 0 : MIB, app: end, target: end };
    const path = { delay: 40, rate: [300_000, 100_000] } as const;
    const plan: Plan = {
      seed: 1,
      settings: {
        key: 'k',
        crypt: crypt as 'aes',
        compression: false,
        session: { mode: 'fast', dataShards: parityShards === 0 ? 0 : 10, parityShards },
      },
      connections: 1,
      greeting: 0,
      up: path,
      down: path,
      calmAt: 60_000,
      faults: [
        { kind: 'rebind', at: 700, roam: false },
        { kind: 'rebind', at: 1500, roam: true },
        { kind: 'rebind', at: 2200, roam: false },
      ],
      flows: [flow],
    };
    const { violations, delivered } = await runPlan(plan);
    expect(violations).toEqual([]);
    expect(delivered).toBe(flow.up + flow.down);
  });
});

describe('a seed', () => {
  test('gives the same plan and the same run, datagram for datagram, with and without WebAssembly', async () => {
    for (const seed of [3, 14, 15, 92]) {
      const plan = drawPlan(seed);
      expect(JSON.parse(JSON.stringify(drawPlan(seed)))).toEqual(plan);
      const first = await runPlan(plan);
      expect(await runPlan(JSON.parse(JSON.stringify(plan)) as Plan)).toEqual(first);
      expect(await runPlan(plan, { wasm: false })).toEqual(first);
      expect((await runPlan({ ...plan, seed: seed + 1 })).digest).not.toBe(first.digest);
    }
  });

  test('draws everything that can go wrong', () => {
    const plans = Array.from({ length: 1500 }, (_, seed) => drawPlan(seed));
    const kinds = new Set(plans.flatMap(({ faults }) => faults.map(({ kind }) => kind)));
    expect([...kinds].sort()).toEqual([
      'black-out',
      'congestion',
      'freeze',
      'jump',
      'rebind',
      'restart',
      'route',
      'stranger',
      'suspend',
      'target-down',
    ]);
    const roaming = plans.filter(({ faults }) => faults.some(({ kind }) => kind === 'rebind'));
    const withoutFec = roaming.filter(({ settings }) => settings.session?.dataShards === 0);
    expect(withoutFec.some(({ flows }) => flows.some(({ up, down }) => up === 4 && down > 100_000))).toBe(true);
    expect(withoutFec.some(({ flows }) => flows.some(({ up, down }) => up > 100_000 && down === 0))).toBe(true);
    expect(new Set(plans.map(({ secondAddress }) => secondAddress))).toEqual(new Set([undefined, 'called', 'first']));
    const paths = new Set(plans.flatMap(({ up }) => Object.keys(up)));
    expect([...paths].sort()).toEqual(['burst', 'corrupt', 'delay', 'duplicate', 'jitter', 'loss', 'rate', 'reorder']);
    const ends = new Set(plans.flatMap(({ flows }) => flows.flatMap(({ app, target }) => [app.end, target.end])));
    expect([...ends].sort()).toEqual(['close', 'half', 'hold', 'late', 'reset']);
    expect(Math.max(...plans.map(({ flows }) => flows.length))).toBeGreaterThan(1500);
    expect(Math.max(...plans.flatMap(({ flows }) => flows.map(({ up }) => up)))).toBeGreaterThan(10_000_000);
    for (const name of ['key', 'crypt', 'compression', 'smux', 'session'] as const) {
      expect(
        plans.some(({ serverSettings }) => serverSettings?.[name] !== undefined),
        name,
      ).toBe(true);
    }
  });
});
