// The rows of bench:wan, their tables, and that docs/PERFORMANCE.md says what was measured.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lossChart, timeChart } from '../src/wan/charts.ts';
import { CONTENDERS, findContender } from '../src/wan/contenders.ts';
import { writeSection } from '../src/wan/docs.ts';
import { readWanResults, type WanResults, type WanRow } from '../src/wan/results.ts';
import { SCENARIOS } from '../src/wan/scenarios.ts';
import { measuredOf, renderTables, verdict } from '../src/wan/tables.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const results = readWanResults(join(root, 'packages', 'benchmarks', 'results', 'wan.json'));

function row(id: string, contender: string, figures: WanRow['figures'], busy = false): WanRow {
  return { id, contender, busy, date: '2026-12-01', nice: 0, figures, runs: [] };
}

describe('rows of bench:wan', () => {
  it('have names of their own, and contenders and figures that exist', () => {
    expect(new Set(SCENARIOS.map(({ id }) => id)).size).toBe(SCENARIOS.length);
    expect(new Set(CONTENDERS.map(({ name }) => name)).size).toBe(CONTENDERS.length);
    for (const { id, contenders, figures, bars, others = [], recoveries = [] } of SCENARIOS) {
      for (const name of contenders) expect(findContender(name).name).toBe(name);
      for (const bar of bars) {
        expect(contenders, `${id}: a bar is for what is measured`).toContain(bar.contender);
        if (bar.ratioTo !== undefined) expect(contenders, id).toContain(bar.ratioTo);
        expect(figures, id).toContain(bar.figure);
        expect(bar.bar ?? bar.aim, id).toBeDefined();
      }
      for (const { figure } of recoveries) expect(figures, id).toContain(figure);
      // Flows are told apart by one digit.
      expect(others.length, id).toBeLessThan(10);
    }
  });

  it('have a tunnel with two ends, or TCP', () => {
    for (const { name, tcp, server, client } of CONTENDERS) {
      const isTunnel = server !== undefined && client !== undefined;
      expect(isTunnel, name).toBe(tcp === undefined);
    }
  });

  it('give auto no flag but its mode', () => {
    const { server, client } = findContender('auto');
    expect([server?.flags, client?.flags]).toEqual([
      ['--mode', 'auto'],
      ['--mode', 'auto'],
    ]);
  });

  it('refuse a contender that there is not', () => {
    expect(() => findContender('quic')).toThrow('no contender quic; there are auto, ');
  });
});

describe('what was reached', () => {
  it('is the aim, the bar or neither', () => {
    const least = { contender: 'auto', figure: 'goodput', bar: 90, aim: 95 } as const;
    expect([96, 95, 92, 89, undefined].map((value) => verdict(least, value))).toEqual(['aim', 'aim', 'bar', 'short', '-']);
    const most = { ...least, bar: 200, aim: 100, atMost: true } as const;
    expect([100, 150, 201].map((value) => verdict(most, value))).toEqual(['aim', 'bar', 'short']);
    expect(verdict({ contender: 'auto', figure: 'share', aim: 25 }, 24), 'an aim without a bar').toBe('short');
  });

  it('compares within the idle rows, and within those with a busy core', () => {
    const scenario = SCENARIOS.find(({ id }) => id === 'tmobile-lte-down-0.5');
    const bar = scenario?.bars[0];
    if (scenario === undefined || bar === undefined) throw new Error('the row is gone');
    const measured: WanResults = {
      machine: {},
      rows: [
        row(scenario.id, 'auto', { goodput: 12 }),
        row(scenario.id, 'bbr', { goodput: 10 }),
        row(scenario.id, 'auto', { goodput: 6 }, true),
      ],
    };
    expect(measuredOf(measured, scenario, bar, false)).toBeCloseTo(1.2);
    expect(measuredOf(measured, scenario, bar, true), 'the other is not measured').toBeUndefined();
  });

  it('shows a dash for what is not measured, and a busy core where it is', () => {
    const rows = [row('loss-5', 'auto', { goodput: 88.04 }), row('loss-5', 'auto', { goodput: 80 }, true)];
    const text = renderTables({ machine: {}, rows });
    expect(text).toContain('| 5 % | 88.0 | - | - |');
    expect(text).toContain('| 5 %, one core busy | 80.0 | - | - |');
    expect(text).toContain('| 5 % | auto, Mbit/s | ≥ 87.0 | ≥ 89.0 | 88.0 | bar | 80.0 | short |');
    expect(text).not.toContain('| 1 %, one core busy');
  });

  it('has a line for each contender where there are many figures, and names those that are not measured', () => {
    const rows = [
      row('blackout', 'auto', { goodput: 72.3, recovery: 0.3 }),
      row('message-1', 'bbr', { goodput: 91.7, p50: 101, p99: 252 }),
    ];
    const text = renderTables({ machine: {}, rows });
    expect(text).toContain('| nothing passes from 6 to 9 s | 72.3 / 0.3 | - | - | - |');
    expect(text).toContain('| a message every 50 ms, 1 % | TCP BBR | 91.7 | 101 | - | 252 | - | - |');
    expect(text).toContain('|  | not yet: auto, Go defaults, Go tuned, TCP cubic | - | - | - | - | - | - |');
  });
});

describe('docs/PERFORMANCE.md', () => {
  const hint = 'run: npm run bench:wan -- --docs';

  it('has the tables of results/wan.json', () => {
    const page = readFileSync(join(root, 'docs', 'PERFORMANCE.md'), 'utf8');
    expect(writeSection(page, results), hint).toBe(page);
  });

  it('has the charts of results/wan.json', () => {
    expect(readFileSync(join(root, 'docs', 'wan-loss.svg'), 'utf8'), hint).toBe(lossChart(results));
    expect(readFileSync(join(root, 'docs', 'wan-time.svg'), 'utf8'), hint).toBe(timeChart(results));
  });
});
