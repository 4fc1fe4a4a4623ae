/** A deterministic world in which the whole tunnel is tortured: plans drawn from seeds, run, judged, reduced and replayed. */
export { drawPlan } from './draw-plan.ts';
export type { Outcome, Violation } from './outcome.ts';
export type { Behaviour, End, EndSettings, Fault, FlowPlan, PathPlan, Plan } from './plan.ts';
export { MAX_RUNS, type Reduction, reducePlan } from './reduce.ts';
export { type RunOptions, runPlan } from './run-plan.ts';
export type { WrapHost } from './stage.ts';
