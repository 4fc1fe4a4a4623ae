// The two charts of docs/PERFORMANCE.md, from what was measured.

import { type ChartPanel, drawChart } from './chart.ts';
import { findContender } from './contenders.ts';
import type { WanResults } from './results.ts';
import { SERIES_STEP } from './run.ts';
import { SCENARIOS, type Scenario } from './scenarios.ts';

/** Rows whose course over time is drawn. */
const OVER_TIME = ['rate-changes', 'blackout', 'together-2', 'together-4', 'cubic-beside-1', 'bbr-beside-1'];
/** Mbit/s, the rate of those lines. */
const TOP = 100;

/** Whether the results keep the series of a scenario. */
export function isDrawnOverTime({ id }: Scenario): boolean {
  return OVER_TIME.includes(id);
}

/** Goodput over loss; a second panel with one core busy, when that was measured. */
export function lossChart({ rows }: WanResults): string {
  const scenarios = SCENARIOS.filter(({ group }) => group === 'loss');
  const panels = [false, true].flatMap((busy): ChartPanel[] => {
    const contenders = [...new Set(scenarios.flatMap((scenario) => scenario.contenders))];
    const series = contenders.map((name) => ({
      name: findContender(name).title,
      points: scenarios.flatMap(({ id }, index) => {
        const value = rows.find((row) => row.id === id && row.contender === name && row.busy === busy)?.figures.goodput;
        return value === undefined ? [] : [[index, value] as const];
      }),
    }));
    const measured = series.filter(({ points }) => points.length > 0);
    // Losses are spaced evenly: they are far from evenly spread.
    const ticks = scenarios.map(({ title }, index) => [index, title] as const);
    return measured.length === 0 ? [] : [{ title: busy ? 'one core busy' : '100 Mbit/s, RTT 100 ms', ticks, series: measured }];
  });
  return drawChart('Goodput over packet loss', panels, { top: TOP, below: 'Mbit/s over packets lost, each direction', columns: 2 });
}

/** Goodput over time, of lines that change and lines that are shared. */
export function timeChart({ rows }: WanResults): string {
  const panels = OVER_TIME.flatMap((id): ChartPanel[] => {
    const scenario = SCENARIOS.find((each) => each.id === id) as Scenario;
    const measured = rows.filter((row) => row.id === id && !row.busy && row.series !== undefined);
    // Where flows share the line, they are the lines; else the contenders are.
    const shown = scenario.others === undefined ? measured : measured.filter(({ contender }) => contender === 'auto');
    const series = shown.flatMap((row) =>
      (row.series ?? []).map((flow, index) => ({
        name: flowName(scenario, row.contender, index),
        points: flow.map((rate, at) => [((at + 0.5) * SERIES_STEP) / 1000, rate] as const),
      })),
    );
    const seconds = Math.max(...series.map(({ points }) => points.length)) * (SERIES_STEP / 1000);
    const ticks = Array.from({ length: Math.ceil(seconds / 4) + 1 }, (_, index) => [index * 4, `${index * 4} s`] as const);
    return series.length === 0 ? [] : [{ title: scenario.title.split(', from 10')[0] ?? '', ticks, series }];
  });
  return drawChart('Goodput over time', panels, { top: TOP, below: 'Mbit/s over time', columns: 2 });
}

function flowName({ others }: Scenario, contender: string, index: number): string {
  const other = others?.[index - 1]?.contender;
  if (other === undefined || other === 'same') return `${findContender(contender).title}${index === 0 ? '' : ` (${index + 1})`}`;
  return findContender(other).title;
}
