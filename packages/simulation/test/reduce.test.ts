// Reducing: what is left fails in the same way and is as small as it can be.

import { expect, test } from 'vitest';
import { drawPlan, MAX_RUNS, type Outcome, type Plan, reducePlan, runPlan } from '../src/index.ts';

function outcome(oracle: string | undefined): Outcome {
  const violations = oracle === undefined ? [] : [{ oracle, text: 'planted', at: 0 }];
  return { violations, digest: '', elapsed: 0, datagrams: 0, delivered: 0 };
}

test('leaves what the failure needs, and nothing else', async () => {
  // Fails with a transfer of a thousand bytes or more over a path that loses.
  const fails = (plan: Plan): boolean => plan.flows.some(({ up }) => up >= 1000) && (plan.up.loss ?? 0) > 0;
  let seed = 0;
  while (!fails(drawPlan(seed)) || drawPlan(seed).flows.length < 5 || drawPlan(seed).faults.length < 2) seed += 1;
  const { plan, runs } = await reducePlan(drawPlan(seed), outcome('content'), async (candidate) =>
    outcome(fails(candidate) ? 'content' : undefined),
  );
  expect(runs).toBeLessThan(MAX_RUNS);
  expect(plan.flows).toHaveLength(1);
  const [flow] = plan.flows;
  expect(flow).toMatchObject({ at: 0, down: 0, app: { end: 'half' }, target: { end: 'half' } });
  expect(flow?.up).toBeLessThan(2000);
  expect(plan).toMatchObject({ faults: [], connections: 1, greeting: 0, calmAt: 1 });
  expect(Object.keys(plan.up).sort()).toEqual(['delay', 'loss']);
  expect(plan.serverSettings).toBeUndefined();
  expect(plan.settings).toMatchObject({ crypt: 'aes', compression: false, session: {} });
});

test('does not take another failure for the same', async () => {
  const original = drawPlan(5);
  const { plan } = await reducePlan(original, outcome('content'), async () => outcome('progress'));
  expect(plan).toEqual(original);
});

test('a reduced plan still runs', async () => {
  const small = await reducePlan(drawPlan(11), outcome('content'), async () => outcome('content'));
  expect(small.plan.flows).toHaveLength(0);
  expect((await runPlan(small.plan)).violations).toEqual([]);
});
