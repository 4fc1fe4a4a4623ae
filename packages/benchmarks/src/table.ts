// Results as Markdown, for docs/PERFORMANCE.md: node dist/table.js [results/loopback.json]

import { join } from 'node:path';
import { type Entry, ONE_STREAM, type Row, readResults } from './results.ts';
import { BULK } from './scenarios.ts';

const file = process.argv[2] ?? join(import.meta.dirname, '..', 'results', 'loopback.json');
const { machine, entries } = readResults(file);
const GO = 'go 2026';
const GO_ALONE = 'go 2026, GOMAXPROCS=1';

const cpu = (row: Row | undefined): number => (row?.figures['clientCpu'] ?? Number.NaN) + (row?.figures['serverCpu'] ?? Number.NaN);
const rate = (row: Row | undefined): number => row?.figures['mbps'] ?? Number.NaN;
const fixed = (value: number | undefined, digits: number): string =>
  value === undefined || Number.isNaN(value) ? '-' : value.toFixed(digits);

console.log(
  `Machine: ${Object.entries(machine)
    .map(([key, value]) => `${key} ${value}`)
    .join(', ')}.\n`,
);
console.log('| work | program | MB/s | client s/GB | server s/GB | peak RSS, MiB | throughput | CPU |');
console.log('|----|----|----|----|----|----|----|----|');
for (const { id } of BULK) {
  const entry = entries.find((each) => each.id === id);
  if (entry !== undefined) for (const line of bulkLines(entry)) console.log(line);
}
for (const entry of entries.filter(({ id, rows }) => rows !== undefined && !BULK.some((each) => each.id === id))) {
  console.log(`\n${entry.name}\n`);
  const keys = Object.keys(entry.rows?.[0]?.figures ?? {});
  console.log(`| program | ${keys.join(' | ')} |\n|----|${keys.map(() => '----|').join('')}`);
  for (const { program, figures } of entry.rows ?? [])
    console.log(`| ${program} | ${keys.map((key) => fixed(figures[key], 2)).join(' | ')} |`);
}
for (const { name, lines } of entries) {
  if (lines !== undefined) console.log(`\n${name}\n\n\`\`\`\n${lines.join('\n')}\n\`\`\``);
}

/** A line per program; ratios name both of Go's selves. */
function bulkLines({ name, rows = [] }: Entry): string[] {
  const [go, alone, one] = [GO, GO_ALONE, ONE_STREAM].map((wanted) => rows.find(({ program }) => program === wanted));
  return rows.map((row, index) => {
    const isGo = row === go || row === alone;
    const ofOne = one === undefined || row !== rows[0] ? '' : `, ${fixed((rate(row) / rate(one)) * 100, 0)} % of one stream`;
    const throughput = isGo ? '' : `${fixed(rate(row) / rate(go), 2)} x / ${fixed(rate(row) / rate(alone), 2)} x${ofOne}`;
    const spent = isGo ? '' : `${fixed(cpu(row) / cpu(go), 2)} x / ${fixed(cpu(row) / cpu(alone), 2)} x`;
    const { mbps, clientCpu, serverCpu, clientRss, serverRss } = row.figures;
    return (
      `| ${index === 0 ? name : ''} | ${row.program} | ${fixed(mbps, 0)} | ${fixed(clientCpu, 2)} | ${fixed(serverCpu, 2)} | ` +
      `${fixed(clientRss, 0)} / ${fixed(serverRss, 0)} | ${throughput} | ${spent} |`
    );
  });
}
