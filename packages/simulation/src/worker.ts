// A thread that runs plans for the pool, one after the other.

import { parentPort } from 'node:worker_threads';
import type { LinePlan } from './lines/plan.ts';
import { runLine } from './lines/run-line.ts';
import type { Plan } from './plan.ts';
import { runPlan } from './run-plan.ts';

parentPort?.on('message', async (plan: Plan | LinePlan) => {
  parentPort?.postMessage(await ('kind' in plan ? runLine(plan) : runPlan(plan)));
});
