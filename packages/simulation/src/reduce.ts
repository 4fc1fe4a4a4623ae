// From a plan that fails to a small one that fails in the same way: flows and faults are left out, settings become the default, sizes and times
// are halved, as long as the same oracle is violated. Greedy and bounded; the result depends on the plan alone.

import type { Outcome } from './outcome.ts';
import type { Behaviour, EndSettings, FlowPlan, PathPlan, Plan } from './plan.ts';

/** Runs of a reduction at most. */
export const MAX_RUNS = 600;

/** The plainest thing that a party can do. */
const PLAIN: Behaviour = { chunk: 65_536, end: 'half' };

/** What a reduction came to. */
export interface Reduction {
  readonly plan: Plan;
  readonly outcome: Outcome;
  readonly runs: number;
}

/**
 * Reduces a plan.
 * @param plan - one that fails
 * @param outcome - how it fails: the first violation's oracle is what must be violated by the smaller one
 * @param run - runs a candidate
 */
export async function reducePlan(plan: Plan, outcome: Outcome, run: (plan: Plan) => Promise<Outcome>): Promise<Reduction> {
  const oracle = outcome.violations[0]?.oracle;
  let best = { plan, outcome };
  let runs = 0;
  for (let changed = true; changed && runs < MAX_RUNS; ) {
    changed = false;
    for (const candidates of [fewerFlows, fewerFaults, plainerPaths, plainerSettings, plainerFlows, smallerFlows, soonerCalm]) {
      // Candidates are made anew from each plan that is taken, until none of them fails.
      for (let index = 0; runs < MAX_RUNS; ) {
        const candidate = nth(candidates(best.plan), index);
        if (candidate === undefined) break;
        runs += 1;
        const result = await run(candidate);
        if (result.violations.some((violation) => violation.oracle === oracle)) {
          best = { plan: candidate, outcome: result };
          changed = true;
        } else {
          index += 1;
        }
      }
    }
  }
  return { ...best, runs };
}

function nth(plans: Iterable<Plan>, index: number): Plan | undefined {
  let left = index;
  for (const plan of plans) {
    if (left === 0) return plan;
    left -= 1;
  }
  return undefined;
}

/** The list without a half, a quarter, ... one of its items. */
function* without<T>(items: readonly T[]): Iterable<T[]> {
  for (let part = Math.ceil(items.length / 2); part >= 1; part = part === 1 ? 0 : Math.ceil(part / 2)) {
    for (let at = 0; at < items.length; at += part) yield [...items.slice(0, at), ...items.slice(at + part)];
  }
}

function* fewerFlows(plan: Plan): Iterable<Plan> {
  for (const flows of without(plan.flows)) yield { ...plan, flows };
}

function* fewerFaults(plan: Plan): Iterable<Plan> {
  for (const faults of without(plan.faults)) yield { ...plan, faults };
}

function* plainerPaths(plan: Plan): Iterable<Plan> {
  for (const way of ['up', 'down'] as const) {
    const path = plan[way];
    for (const name of Object.keys(path) as (keyof PathPlan)[]) {
      if (name !== 'delay') yield { ...plan, [way]: omit(path, name) };
      else if (path.delay > 1) yield { ...plan, [way]: { ...path, delay: 1 } };
    }
  }
}

function* plainerSettings(plan: Plan): Iterable<Plan> {
  if (plan.serverSettings !== undefined) yield omit(plan, 'serverSettings');
  if (plan.clientSettings !== undefined) yield omit(plan, 'clientSettings');
  if (plan.secondAddress !== undefined) yield omit(plan, 'secondAddress');
  if (plan.connections > 1) yield { ...plan, connections: 1 };
  if (plan.greeting > 0) yield { ...plan, greeting: 0 };
  for (const name of ['settings', 'serverSettings'] as const) {
    const settings = plan[name];
    if (settings === undefined) continue;
    for (const plainer of plainerEnd(settings)) yield { ...plan, [name]: plainer };
  }
}

function* plainerEnd<T extends Partial<EndSettings>>(settings: T): Iterable<T> {
  for (const name of ['qpp', 'closeWait', 'replayProtection'] as const) if (settings[name] !== undefined) yield omit(settings, name);
  if (settings.crypt !== undefined && settings.crypt !== 'aes') yield { ...settings, crypt: 'aes' };
  if (settings.compression === true) yield { ...settings, compression: false };
  for (const name of ['session', 'smux'] as const) {
    const group = settings[name];
    if (group === undefined) continue;
    for (const key of Object.keys(group) as never[]) {
      // The version is a choice, not an extra.
      if (key !== 'version') yield { ...settings, [name]: omit(group, key) };
    }
  }
}

function* plainerFlows(plan: Plan): Iterable<Plan> {
  for (const party of ['app', 'target'] as const) {
    for (const [index, flow] of plan.flows.entries()) {
      const behaviour = flow[party];
      if (JSON.stringify(behaviour) === JSON.stringify(PLAIN)) continue;
      yield withFlow(plan, index, { ...flow, [party]: PLAIN });
      for (const name of ['stall', 'readRate', 'pace'] as const) {
        if (behaviour[name] !== undefined) yield withFlow(plan, index, { ...flow, [party]: omit(behaviour, name) });
      }
      if (behaviour.chunk !== PLAIN.chunk) yield withFlow(plan, index, { ...flow, [party]: { ...behaviour, chunk: PLAIN.chunk } });
    }
  }
}

function* smallerFlows(plan: Plan): Iterable<Plan> {
  for (const [index, flow] of plan.flows.entries()) {
    if (flow.down > 0) yield withFlow(plan, index, { ...flow, down: 0 });
    if (flow.down > 8) yield withFlow(plan, index, { ...flow, down: flow.down >> 1 });
    if (flow.up > 4) yield withFlow(plan, index, { ...flow, up: Math.max(4, flow.up >> 1) });
    if (flow.at > 0) yield withFlow(plan, index, { ...flow, at: 0 });
    if (flow.at > 1) yield withFlow(plan, index, { ...flow, at: flow.at >> 1 });
  }
}

function* soonerCalm(plan: Plan): Iterable<Plan> {
  const last = Math.max(0, ...plan.flows.map(({ at }) => at), ...plan.faults.map(({ at }) => at));
  for (const calmAt of [last + 1, (plan.calmAt + last + 1) >> 1]) if (calmAt < plan.calmAt) yield { ...plan, calmAt };
}

function withFlow(plan: Plan, index: number, flow: FlowPlan): Plan {
  return { ...plan, flows: plan.flows.map((other, at) => (at === index ? flow : other)) };
}

function omit<T extends object>(from: T, name: keyof T): T {
  const copy = { ...from };
  delete copy[name];
  return copy;
}
