// `npm run bench:loopback`: bulk through real client and server processes over loopback, ours and others in one interleaved run.

import { median } from '@kcptun/testkit';
import { endWithMistake, parseToolFlags } from '@kcptun/testkit/node';
import { type BulkResult, measureBulk } from './bulk.ts';
import { SAMPLE_KINDS } from './traffic.ts';
import { findPrograms, PROGRAMS } from './tunnel-programs.ts';

const USAGE = `usage: npm run bench:loopback -- [--peer NAME]... [--rounds 5] [--size 300] [--streams 1] [--conn 1] [--direction up|down]
       [--crypt aes] [--ds 10] [--ps 3] [--mode fast3] [--wnd 8192] [--smuxver 2] [--comp] [--data random|text|repeat] [--json]

Prints MB/s, CPU seconds per GB and peak RSS of each end, medians of the rounds, and the ratio ours / other. The size is in MB.
Peers: ${Object.keys(PROGRAMS).join(', ')}.`;

const values = parseToolFlags(
  USAGE,
  {
    peer: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '5' },
    size: { type: 'string', default: '300' },
    streams: { type: 'string', default: '1' },
    direction: { type: 'string', default: 'up' },
    crypt: { type: 'string', default: 'aes' },
    ds: { type: 'string', default: '10' },
    ps: { type: 'string', default: '3' },
    conn: { type: 'string', default: '1' },
    smuxver: { type: 'string', default: '2' },
    comp: { type: 'boolean', default: false },
    data: { type: 'string', default: 'random' },
    mode: { type: 'string', default: 'fast3' },
    wnd: { type: 'string', default: '8192' },
    json: { type: 'boolean', default: false },
  },
  ['rounds', 'size', 'streams', 'conn', 'wnd'],
);
const unknown = values.peer.find((name) => PROGRAMS[name] === undefined);
if (unknown !== undefined) endWithMistake(USAGE, `--peer ${unknown}: no such program`);

const data = SAMPLE_KINDS.find((kind) => kind === values.data);
if (data === undefined) endWithMistake(USAGE, `--data ${values.data}: no such kind; there are ${SAMPLE_KINDS.join(', ')}`);

const flags = [
  ...['--key', 'benchmark', '--crypt', values.crypt, '--mode', values.mode, '--sndwnd', values.wnd, '--rcvwnd', values.wnd],
  ...['--datashard', values.ds, '--parityshard', values.ps, '--smuxver', values.smuxver, '--quiet'],
  ...(values.comp ? [] : ['--nocomp']),
];
const programs = findPrograms(['ours', ...values.peer]);
const results = new Map<string, BulkResult[]>(programs.map(({ name }) => [name, []]));
for (let round = 0; round < Number(values.rounds); round++) {
  for (const program of programs) {
    const result = await measureBulk(program, {
      flags,
      megabytes: Number(values.size),
      direction: values.direction === 'down' ? 'down' : 'up',
      data,
      streams: Number(values.streams),
      sessions: Number(values.conn),
    });
    results.get(program.name)?.push(result);
  }
}

const rows = programs.map(({ name }) => {
  const list = results.get(name) ?? [];
  const of = (key: keyof BulkResult): number => median(list.map((result) => result[key]));
  return {
    name,
    mbps: of('mbps'),
    client: of('clientCpu'),
    server: of('serverCpu'),
    clientRss: of('clientRss'),
    serverRss: of('serverRss'),
  };
});
if (values.json) {
  console.log(JSON.stringify(rows));
} else {
  const compression = values.comp ? `compression of ${values.data}` : 'nocomp';
  console.log(
    `${values.crypt}, FEC ${values.ds}/${values.ps}, ${values.mode}, windows ${values.wnd}, smux ${values.smuxver}, ${compression}, ${values.direction}, ` +
      `${values.streams} streams, ${values.size} MB, medians of ${values.rounds}`,
  );
  for (const row of rows) {
    console.log(
      `${row.name.padEnd(26)} ${row.mbps.toFixed(1).padStart(7)} MB/s   CPU s/GB client ${row.client.toFixed(2).padStart(6)} server ${row.server.toFixed(2).padStart(6)}` +
        ` both ${(row.client + row.server).toFixed(2).padStart(6)}   peak RSS MiB ${row.clientRss.toFixed(0)} / ${row.serverRss.toFixed(0)}`,
    );
  }
  const [own, ...others] = rows;
  for (const other of others) {
    if (own === undefined) break;
    const cpu = (own.client + own.server) / (other.client + other.server);
    console.log(`ours / ${other.name}: throughput ${(own.mbps / other.mbps).toFixed(2)} x, CPU per GB ${cpu.toFixed(2)} x`);
  }
}
