// Results as Markdown: the figures of each group of scenarios, and what had to be reached.

import { findContender } from './contenders.ts';
import type { WanResults, WanRow } from './results.ts';
import { type Bar, FIGURES, type FigureName, GROUPS, SCENARIOS, type Scenario } from './scenarios.ts';

const BUSY = ', one core busy';
const NONE = '-';

function findRow({ rows }: WanResults, { id }: Scenario, contender: string, busy: boolean): WanRow | undefined {
  return rows.find((row) => row.id === id && row.contender === contender && row.busy === busy);
}

function text(name: FigureName, value: number | null | undefined): string {
  // JSON has no NaN: what a run could not have is null there.
  return value === undefined || value === null || Number.isNaN(value) ? NONE : value.toFixed(FIGURES[name].digits);
}

/** The tables of some scenarios. */
export function renderTables(results: WanResults, scenarios: readonly Scenario[] = SCENARIOS): string {
  const parts: string[] = [];
  for (const [group, title] of Object.entries(GROUPS)) {
    const members = scenarios.filter((scenario) => scenario.group === group);
    if (members.length === 0) continue;
    parts.push(`### ${title}`);
    // A table has one list of figures and one of contenders.
    const kinds = [...new Set(members.map(kindOf))];
    for (const kind of kinds)
      parts.push(
        figureTable(
          results,
          members.filter((scenario) => kindOf(scenario) === kind),
        ),
      );
    const bars = barTable(results, members);
    if (bars !== undefined) parts.push(bars);
  }
  return parts.join('\n\n');
}

function kindOf({ figures, contenders }: Scenario): string {
  return `${figures.join()} ${contenders.join()}`;
}

/** A line for each contender where there are many figures, else a column. */
function figureTable(results: WanResults, scenarios: readonly Scenario[]): string {
  const { figures, contenders } = scenarios[0] as Scenario;
  if (figures.length > 2) return longTable(results, scenarios, figures);
  const lines = [
    `| ${figures.map((name) => FIGURES[name].title).join(' / ')} | ${contenders.map((name) => findContender(name).title).join(' | ')} |`,
    `|----|${contenders.map(() => '----|').join('')}`,
  ];
  for (const scenario of scenarios) {
    for (const busy of [false, true]) {
      const rows = contenders.map((name) => findRow(results, scenario, name, busy));
      if (busy && rows.every((row) => row === undefined)) continue;
      const cells = rows.map((row) => (row === undefined ? NONE : figures.map((name) => text(name, row.figures[name])).join(' / ')));
      lines.push(`| ${scenario.title}${busy ? BUSY : ''} | ${cells.join(' | ')} |`);
    }
  }
  return lines.join('\n');
}

function longTable(results: WanResults, scenarios: readonly Scenario[], figures: readonly FigureName[]): string {
  const lines = [`| | | ${figures.map(figureTitle).join(' | ')} |`, `|----|----|${figures.map(() => '----|').join('')}`];
  for (const scenario of scenarios) {
    for (const busy of [false, true]) {
      const rows = scenario.contenders.map((name) => ({ name, row: findRow(results, scenario, name, busy) }));
      const measured = rows.flatMap(({ name, row }) => (row === undefined ? [] : [{ title: findContender(name).title, row }]));
      const missing = rows.filter(({ row }) => row === undefined).map(({ name }) => findContender(name).title);
      for (const [index, { title, row }] of measured.entries()) {
        const cells = figures.map((name) => text(name, row.figures[name]));
        lines.push(`| ${index === 0 ? `${scenario.title}${busy ? BUSY : ''}` : ''} | ${title} | ${cells.join(' | ')} |`);
      }
      if (missing.length > 0 && !busy)
        lines.push(
          `| ${measured.length === 0 ? scenario.title : ''} | not yet: ${missing.join(', ')} |${` ${NONE} |`.repeat(figures.length)}`,
        );
    }
  }
  return lines.join('\n');
}

/** The value that a bar is about. */
export function measuredOf(results: WanResults, scenario: Scenario, bar: Bar, busy: boolean): number | undefined {
  const own = findRow(results, scenario, bar.contender, busy)?.figures[bar.figure] ?? undefined;
  if (bar.ratioTo === undefined) return own;
  const other = findRow(results, scenario, bar.ratioTo, busy)?.figures[bar.figure] ?? undefined;
  return own === undefined || other === undefined ? undefined : own / other;
}

/** How far a value gets: to the aim, to the bar, or not. */
export function verdict(bar: Bar, value: number | undefined): 'aim' | 'bar' | 'short' | '-' {
  if (value === undefined || Number.isNaN(value)) return NONE;
  const reaches = (limit: number | undefined): boolean => limit !== undefined && (bar.atMost === true ? value <= limit : value >= limit);
  if (reaches(bar.aim)) return 'aim';
  return reaches(bar.bar) ? 'bar' : 'short';
}

function barTable(results: WanResults, scenarios: readonly Scenario[]): string | undefined {
  const lines = scenarios.flatMap((scenario) => scenario.bars.map((bar) => barLine(results, scenario, bar)));
  if (lines.length === 0) return undefined;
  return [
    '| row | what | bar | aim | idle | reached | one core busy | reached |',
    '|----|----|----|----|----|----|----|----|',
    ...lines,
  ].join('\n');
}

function barLine(results: WanResults, scenario: Scenario, bar: Bar): string {
  const show = (value: number | undefined): string => {
    if (value === undefined) return NONE;
    return bar.ratioTo === undefined ? text(bar.figure, value) : `${value.toFixed(2)} x`;
  };
  const limit = (value: number | undefined): string => (value === undefined ? NONE : `${bar.atMost === true ? '≤' : '≥'} ${show(value)}`);
  const of = bar.ratioTo === undefined ? '' : ` over ${findContender(bar.ratioTo).title}`;
  const what = `${findContender(bar.contender).title}${of}, ${figureTitle(bar.figure)}`;
  // What is shown is what is judged.
  const digits = bar.ratioTo === undefined ? FIGURES[bar.figure].digits : 2;
  const values = [false, true].map((busy) => measuredOf(results, scenario, bar, busy));
  const cells = values.map((value) => `${show(value)} | ${verdict(bar, value === undefined ? value : Number(value.toFixed(digits)))}`);
  return `| ${scenario.title} | ${what} | ${limit(bar.bar)} | ${limit(bar.aim)} | ${cells.join(' | ')} |`;
}

function figureTitle(name: FigureName): string {
  const { title } = FIGURES[name];
  return title.startsWith('p9') ? `${name.startsWith('queue') ? 'queue' : 'message'} ${title}, ms` : title;
}
