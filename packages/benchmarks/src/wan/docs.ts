// The part of docs/PERFORMANCE.md that is made from results/wan.json.

import type { WanResults } from './results.ts';
import { SCENARIOS } from './scenarios.ts';
import { renderTables } from './tables.ts';

const BEGIN = '<!-- begin of what `npm run bench:wan -- --docs` writes -->';
const END = '<!-- end of what `npm run bench:wan -- --docs` writes -->';

/** Puts the tables into a page. @throws {Error} when it does not have the two marks */
export function writeSection(page: string, results: WanResults): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`the page has no "${BEGIN}" and "${END}"`);
  return `${page.slice(0, begin + BEGIN.length)}\n\n${introduce(results)}\n\n${renderTables(results)}\n\n${page.slice(end)}`;
}

function introduce({ machine, rows }: WanResults): string {
  const dates = rows.map(({ date }) => date.slice(0, 10)).sort();
  const measured = SCENARIOS.filter(({ id }) => rows.some((row) => row.id === id)).length;
  const loads = rows.flatMap((row) => row.runs.map(({ load }) => load)).sort((a, b) => a - b);
  const rounds = rows.map(({ runs }) => runs.length);
  if (loads.length === 0) return 'Nothing is measured yet.';
  return [
    `Measured from ${dates[0]} to ${dates.at(-1)}: ${Object.entries(machine)
      .map(([key, value]) => `${key} ${value}`)
      .join(', ')}.`,
    `${measured} of ${SCENARIOS.length} rows have figures; a dash is not measured yet.`,
    `A figure is the median of its runs, of which there are ${Math.min(...rounds)} to ${Math.max(...rounds)}.`,
    `The load average when they began was ${loads[0]?.toFixed(1)} to ${loads.at(-1)?.toFixed(1)},`,
    `in the middle ${loads[Math.floor(loads.length / 2)]?.toFixed(1)}. Each run is in the file with its own.`,
  ].join('\n');
}
