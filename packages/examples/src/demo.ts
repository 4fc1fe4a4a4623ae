// The main job end to end, in one process and without root: a target, our server, a bad path of real UDP sockets, our client. A file goes up
// and comes back down through the tunnel, twice: with forward error correction (10 data + 3 parity) and without.
//
//   file -> TCP -> TunnelClient ==UDP==> relay (loses, delays) ==UDP==> TunnelServer -> TCP -> target

import { endWithMistake, parseToolFlags } from '@kcptun/testkit/node';
import { type DemoResult, runDemo } from './demo-run.ts';

const USAGE = `usage: npm run demo -- [--megabytes 24] [--loss 3] [--delay 20] [--seed 1]

Carries a file up and down through a tunnel over a path that loses some percent of all datagrams and takes some ms each way, with and without
error correction, and shows what that took. Exit code 1 when something else arrived than was sent.`;

const values = parseToolFlags(
  USAGE,
  {
    megabytes: { type: 'string', default: '24' },
    loss: { type: 'string', default: '3' },
    delay: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
  },
  ['megabytes'],
);

const path = {
  bytes: Math.round(Number(values.megabytes) * 1e6),
  loss: Number(values.loss) / 100,
  delay: Number(values.delay),
  seed: Number(values.seed),
};
if (Object.values(path).some((value) => !Number.isFinite(value) || value < 0)) {
  endWithMistake(USAGE, '--loss, --delay and --seed take numbers from 0 up');
}
if (path.loss > 0.5) endWithMistake(USAGE, `--loss ${values.loss}: no more than half can be lost, or nobody waits for the end`);

console.log(
  `A file of ${values.megabytes} MB up and down over a path that loses ${values.loss} % of all datagrams, round trip ${path.delay * 2} ms.\n`,
);
const results: DemoResult[] = [];
for (const fec of [true, false]) {
  results.push(await runDemo({ ...path, fec, onProgress: showProgress }));
}
showTable(results);
const intact = results.every((result) => result.intact);
console.log(intact ? '\nSHA-256 of everything that arrived is right.' : '\nWhat arrived is NOT what was sent.');
process.exitCode = intact ? 0 : 1;

function showProgress(label: string, done: number, total: number): void {
  const share = total === 0 ? 1 : done / total;
  const finished = done === total;
  if (!process.stdout.isTTY) {
    if (finished) console.log(`${label}  done`);
    return;
  }
  const width = 32;
  const filled = Math.round(share * width);
  process.stdout.write(
    `\r${label}  [${'#'.repeat(filled)}${'.'.repeat(width - filled)}] ${(share * 100).toFixed(0).padStart(3)} %${finished ? '\n' : ''}`,
  );
}

function showTable(columns: readonly DemoResult[]): void {
  const percent = (part: number, whole: number): string => `${whole === 0 ? '0.0' : ((part / whole) * 100).toFixed(1)} %`;
  const rows: [string, (result: DemoResult) => string][] = [
    ['', (result) => (result.fec ? 'FEC 10/3' : 'FEC off')],
    ['goodput up', (result) => `${result.upMbps.toFixed(1)} MB/s`],
    ['goodput down', (result) => `${result.downMbps.toFixed(1)} MB/s`],
    ['round-trip time seen', (result) => `${result.rtt.toFixed(0)} ms`],
    ['datagrams sent', (result) => `${result.datagrams}`],
    ['lost on the path', (result) => `${result.lost} (${percent(result.lost, result.datagrams)})`],
    ['repaired by FEC', (result) => `${result.repaired}`],
    ['retransmitted', (result) => `${result.retransmitted}`],
    ['bytes on the wire per byte of file', (result) => result.overhead.toFixed(2)],
  ];
  console.log('');
  for (const [name, cell] of rows) console.log(`  ${name.padEnd(36)}${columns.map((column) => cell(column).padStart(20)).join('')}`);
}
