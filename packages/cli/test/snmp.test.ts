// The counters in a file and in a log line: columns, names and order are those that the Go program of 2026 wrote.

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { appendSnmpLine, guardLine, snmpLine } from '@kcptun/cli';
import { TunnelClient } from '@kcptun/tunnel';
import { expect, onTestFinished, test } from 'vitest';

const VECTORS = JSON.parse(readFileSync(new URL('../../testkit/vectors/snmp.json', import.meta.url), 'utf8')) as {
  readonly csv: Readonly<Record<string, { readonly header: string }>>;
  readonly sigusr1: Readonly<Record<string, string>>;
};

const { snmp, guards } = new TunnelClient({
  key: 'k',
  listen: { host: '', port: 0 },
  remote: { host: '', minPort: 1, maxPort: 1 },
}).stats();

test('the file: a header where it is empty, one line each time, a new file when the name changes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'kcptun-2006-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'snmp-15.csv');
  const first = new Date(2026, 10, 25, 13, 59, 59, 900);
  const later = new Date(2026, 10, 25, 14, 0, 0, 0);
  const row = (time: Date): string => [Math.floor(time.getTime() / 1000), ...Object.values(snmp)].join(',');
  appendSnmpLine(path, first, snmp);
  appendSnmpLine(path, first, { ...snmp, BytesSent: 7 });
  appendSnmpLine(path, later, snmp);
  const header = VECTORS.csv['20260314']?.header;
  expect(readFileSync(join(folder, 'snmp-13.csv'), 'utf8')).toBe(`${header}\n${row(first)}\n${row(first).replace(',0,', ',7,')}\n`);
  expect(readFileSync(join(folder, 'snmp-14.csv'), 'utf8')).toBe(`${header}\n${row(later)}\n`);
  expect(existsSync(path)).toBe(false);
});

test('the line of SIGUSR1', () => {
  const names = (line: string | undefined): string[] =>
    [...(line ?? '').replace(/^.*&/, '').matchAll(/(\w+):\d+/g)].map((match) => match[1] ?? '');
  expect(names(snmpLine(snmp))).toEqual(names(VECTORS.sigusr1['20260314 (SELFBUILD)']));
  expect(snmpLine({ ...snmp, FECFullShards: 3 })).toMatch(/^KCP SNMP:&\{BytesSent:0 .*FECFullShardSet:3 .*OOBPackets:0\}$/);
});

test('the line with what the Go program does not count', () => {
  expect(guardLine({ ...guards, Replayed: 3 })).toBe('guards:&{Dropped:0 Replayed:3 CrowdedOut:0 Moves:0 SendRefused:0}');
});
