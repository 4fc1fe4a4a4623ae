// What was measured over long links, on disk: rows are merged, so that the file can be filled in pieces.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { dirname } from 'node:path';
import { median } from '@kcptun/testkit';
import type { Run } from './run.ts';
import type { FigureName } from './scenarios.ts';

/** The runs of one contender in one scenario. */
export interface WanRow {
  readonly id: string;
  readonly contender: string;
  /** One core was busy with something else. */
  readonly busy: boolean;
  readonly date: string;
  /** Priority of all programs, -20 to 19. */
  readonly nice: number;
  /** Medians of the runs. */
  readonly figures: Run['figures'];
  readonly runs: readonly Pick<Run, 'figures' | 'load' | 'late' | 'waited'>[];
  /** Mbit/s of each flow over time, of the run in the middle; only where charts need it. */
  readonly series?: Run['series'];
}

/** All that was measured. */
export interface WanResults {
  readonly machine: Readonly<Record<string, string | number>>;
  readonly rows: readonly WanRow[];
}

/** Reads a file of results; a missing one has none. */
export function readWanResults(file: string): WanResults {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as WanResults) : { machine: {}, rows: [] };
}

/**
 * Makes a row of runs. There is at least one.
 * @param before - runs of the same row that count as well
 */
export function makeRow(
  key: Pick<WanRow, 'id' | 'contender' | 'busy' | 'nice'>,
  runs: readonly Run[],
  keepSeries: boolean,
  before: WanRow['runs'] = [],
): WanRow {
  const names = Object.keys(runs[0]?.figures ?? {}) as FigureName[];
  const [main] = names;
  const mainOf = (run: Run): number => (main === undefined ? 0 : (run.figures[main] ?? 0));
  const middle = [...runs].sort((a, b) => mainOf(a) - mainOf(b))[Math.floor(runs.length / 2)];
  const kept = runs.map(({ figures, load, late, waited }) => ({
    figures: Object.fromEntries(names.map((name) => [name, rounded(figures[name] ?? Number.NaN)])),
    load,
    late,
    ...(waited === undefined ? {} : { waited: rounded(waited) }),
  }));
  const all: WanRow['runs'] = [...before, ...kept];
  return {
    ...key,
    date: new Date().toISOString(),
    figures: Object.fromEntries(names.map((name) => [name, median(all.map((run) => run.figures[name] ?? Number.NaN))])),
    runs: all,
    ...(keepSeries && middle !== undefined ? { series: middle.series.map((flow) => flow.map((rate) => Math.round(rate * 10) / 10)) } : {}),
  };
}

/** Puts rows in the place of older ones of the same scenario and contender, busy or not. */
export function mergeWanResults(file: string, rows: readonly WanRow[]): WanResults {
  const isSame = (one: WanRow, other: WanRow): boolean =>
    one.id === other.id && one.contender === other.contender && one.busy === other.busy;
  const kept = readWanResults(file).rows.filter((before) => !rows.some((row) => isSame(row, before)));
  const machine = { node: process.version, system: `${process.platform} ${release()}`, cpu: cpus()[0]?.model ?? '', cores: cpus().length };
  const results: WanResults = { machine, rows: [...kept, ...rows] };
  mkdirSync(dirname(file), { recursive: true });
  const lines = results.rows.map((row) => ` ${JSON.stringify(row)}`);
  writeFileSync(file, `{"machine": ${JSON.stringify(machine)},\n"rows": [\n${lines.join(',\n')}\n]}\n`);
  return results;
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
