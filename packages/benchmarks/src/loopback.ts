// Bulk through real client and server processes over loopback, ours and others in one interleaved run:
//
//   node dist/loopback.js --peer go [--peer go1 …] [--rounds 5] [--size 300] [--direction up|down] [--crypt aes] [--ds 10] [--ps 3] [--comp] [--data random|text]
//
// Prints MB/s, CPU seconds per GB and peak RSS of each end, medians, and the ratio ours / other.

import { parseArgs } from 'node:util';
import { type BulkResult, measureBulk } from './bulk.ts';
import { median } from './traffic.ts';
import { findPrograms } from './tunnel-programs.ts';

const { values } = parseArgs({
  options: {
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
});

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
      data: values.data === 'text' ? 'text' : 'random',
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
