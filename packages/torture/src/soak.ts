// `npm run soak`: hours of connections that come and go, and whether anything is held for good. A line per sample, taken with nothing open and
// garbage collected, then a verdict.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseToolFlags } from '@kcptun/testkit/node';
import { drawPanels } from './soak/plot.ts';
import { runSoak, type SoakRow } from './soak/run.ts';
import { judge } from './soak/verdict.ts';

const USAGE = `usage: npm run soak -- [--hours 1] [--interval 60] [--rate 4] [--seed N] [--out FOLDER] [--snapshots]

A sample every --interval seconds, --rate MB a second. Writes soak.csv and soak.svg to the folder (default soak), with --snapshots also heap snapshots
of both ends, at the end of the warm-up and behind the last sample. Exit code 1 when memory or file descriptors grew, or a connection did not end
as it should.`;

const values = parseToolFlags(
  USAGE,
  {
    hours: { type: 'string', default: '1' },
    interval: { type: 'string', default: '60' },
    rate: { type: 'string', default: '4' },
    seed: { type: 'string', default: `${Date.now() % 1_000_000}` },
    out: { type: 'string', default: 'soak' },
    snapshots: { type: 'boolean', default: false },
  },
  ['hours', 'interval', 'rate', 'seed'],
);

const MIB = 2 ** 20;
const interval = Number(values.interval) * 1000;
const samples = Math.round((Number(values.hours) * 3_600_000) / interval);
console.log(`seed ${values.seed}, ${samples} samples, one every ${values.interval} s`);
mkdirSync(values.out, { recursive: true });

const rows = await runSoak({
  samples,
  interval,
  rate: Number(values.rate) * 1e6,
  seed: Number(values.seed),
  ...(values.snapshots ? { snapshots: values.out } : {}),
  onRow: (row) => console.log(describe(row)),
});

const SIDES = ['client', 'server'] as const;
const COLUMNS = [
  'rss',
  'used',
  'heap',
  'external',
  'arena',
  'fds',
  'handles',
  'delayP99',
  'delayMax',
  'sessions',
  'streams',
  'chunks',
] as const;
const header = ['minutes', ...SIDES.flatMap((side) => COLUMNS.map((name) => `${side}_${name}`)), 'connections', 'bytes', 'failures'];
const lines = rows.map((row) => {
  const cells = SIDES.flatMap((side) => COLUMNS.map((name) => row[side][name]));
  return [row.minutes.toFixed(2), ...cells, row.churn.connections, row.churn.bytes, row.churn.failures.length].join(',');
});
writeFileSync(join(values.out, 'soak.csv'), `${[header.join(','), ...lines].join('\n')}\n`);

const series = (pick: (sample: SoakRow['client']) => number): { name: string; values: number[] }[] =>
  SIDES.map((name) => ({ name, values: rows.map((row) => pick(row[name])) }));
writeFileSync(
  join(values.out, 'soak.svg'),
  drawPanels(
    rows.map(({ minutes }) => minutes),
    [
      { title: 'resident memory, MiB', series: series(({ rss }) => rss / MIB) },
      { title: 'heap + external + arena in use, MiB', series: series(({ used }) => used / MIB) },
      { title: 'file descriptors', series: series(({ fds }) => fds) },
      { title: 'event-loop delay p99, ms', series: series(({ delayP99 }) => delayP99) },
    ],
  ),
);

const verdict = judge(rows);
for (const line of verdict.lines) console.log(line);
process.exit(verdict.passed ? 0 : 1);

function describe(row: SoakRow): string {
  const end = (name: 'client' | 'server'): string => {
    const { rss, used, fds, delayP99 } = row[name];
    return `${name} rss ${(rss / MIB).toFixed(1)} used ${(used / MIB).toFixed(2)} MiB fds ${fds} delay p99 ${delayP99.toFixed(1)} ms`;
  };
  const { connections, bytes, failures } = row.churn;
  return `${row.minutes.toFixed(1)} min  ${end('client')}  ${end('server')}  ${connections} connections ${(bytes / 1e6).toFixed(0)} MB ${failures.length} failed`;
}
