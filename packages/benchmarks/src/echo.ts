// `npm run bench:echo`: round-trip time of 64 bytes through an idle tunnel over loopback, ours and others interleaved.

import { median } from '@kcptun/testkit';
import { endWithMistake, parseToolFlags } from '@kcptun/testkit/node';
import { type EchoResult, measureEcho } from './echo-measure.ts';
import { findPrograms, PROGRAMS } from './tunnel-programs.ts';

const USAGE = `usage: npm run bench:echo -- [--peer NAME]... [--rounds 5] [--count 2000] [--crypt aes]

Prints p50, p99 and the worst in ms, medians over the rounds, and the ratio ours / other. Peers: ${Object.keys(PROGRAMS).join(', ')}.`;

const values = parseToolFlags(
  USAGE,
  {
    peer: { type: 'string', multiple: true, default: [] },
    rounds: { type: 'string', default: '5' },
    count: { type: 'string', default: '2000' },
    crypt: { type: 'string', default: 'aes' },
  },
  ['rounds', 'count'],
);
const unknown = values.peer.find((name) => PROGRAMS[name] === undefined);
if (unknown !== undefined) endWithMistake(USAGE, `--peer ${unknown}: no such program`);

const flags = ['--key', 'benchmark', '--crypt', values.crypt, '--mode', 'fast3', '--nocomp', '--smuxver', '2', '--quiet'];
const programs = findPrograms(['ours', ...values.peer]);
const results = new Map<string, EchoResult[]>(programs.map(({ name }) => [name, []]));
for (let round = 0; round < Number(values.rounds); round++) {
  for (const program of programs) results.get(program.name)?.push(await measureEcho(program, flags, Number(values.count)));
}
const rows = programs.map(({ name }) => {
  const list = results.get(name) ?? [];
  return {
    name,
    p50: median(list.map(({ p50 }) => p50)),
    p99: median(list.map(({ p99 }) => p99)),
    worst: median(list.map(({ worst }) => worst)),
  };
});
for (const { name, p50, p99, worst } of rows) {
  console.log(`${name.padEnd(26)} p50 ${p50.toFixed(3)} ms   p99 ${p99.toFixed(3)} ms   worst ${worst.toFixed(2)} ms`);
}
const [own, ...others] = rows;
for (const other of others) {
  if (own !== undefined)
    console.log(`ours / ${other.name}: p50 ${(own.p50 / other.p50).toFixed(2)} x, p99 ${(own.p99 / other.p99).toFixed(2)} x`);
}
