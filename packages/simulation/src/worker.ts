// A thread that runs plans for the pool, one after the other.

import { parentPort } from 'node:worker_threads';
import type { Plan } from './plan.ts';
import { runPlan } from './run-plan.ts';

parentPort?.on('message', async (plan: Plan) => {
  parentPort?.postMessage(await runPlan(plan));
});
