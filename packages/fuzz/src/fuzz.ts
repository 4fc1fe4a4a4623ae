// `npm run fuzz`: fuzzes everything that reads what others wrote. Each target runs in a process of its own, because coverage is that of a process.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { endWithMistake, parseToolFlags } from '@kcptun/testkit/node';
import { readCorpus, writeCorpus } from './corpus.ts';
import { Coverage } from './coverage.ts';
import { fuzz } from './engine.ts';
import { TARGETS } from './targets/index.ts';

const USAGE = `usage: npm run fuzz -- [--target NAME]... [--executions 100000] [--guided 50000] [--seed N] [--jobs 2] [--keep]

Executions are per target (the slow ones of command lines and JSON get a part of that), and so is --guided: those that coverage watches. --jobs
targets run at a time. With --keep what reaches new code is added to the corpus. A failure is shortened, printed as a line for the corpus, and
makes the exit code 1.
Targets: ${TARGETS.map(({ name }) => name).join(', ')}.`;

const values = parseToolFlags(USAGE, {
  target: { type: 'string', multiple: true, default: [] },
  executions: { type: 'string', default: '100000' },
  guided: { type: 'string', default: '50000' },
  seed: { type: 'string', default: `${Date.now() % 1_000_000_000}` },
  jobs: { type: 'string', default: '2' },
  keep: { type: 'boolean', default: false },
  // Set by this program for the process of a target.
  child: { type: 'boolean', default: false },
});
const wrong =
  (['executions', 'guided', 'seed', 'jobs'] as const)
    .filter((name) => !/^[0-9]+$/.test(values[name]) || (name === 'jobs' && Number(values[name]) === 0))
    .map((name) => `--${name} ${values[name]}: a whole number is needed`)[0] ??
  values.target.filter((name) => !TARGETS.some((target) => target.name === name)).map((name) => `--target ${name}: no such target`)[0];

/** What a process reports of its target. */
interface Report {
  readonly executions: number;
  readonly failed: boolean;
}

/** Our own modules, built or not; not the fuzzer itself. */
const MODULES = /\/packages\/(?!fuzz|testkit)[a-z-]+\/(dist|src)\//;

if (wrong !== undefined) endWithMistake(USAGE, wrong);
if (values.child) {
  process.send?.(fuzzOne(values.target[0] ?? ''));
} else {
  const names = values.target.length > 0 ? values.target : TARGETS.map(({ name }) => name);
  console.log(`seed ${values.seed}`);
  const reports: Report[] = [];
  const queue = [...names];
  const job = async (): Promise<void> => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) reports.push(await startChild(name));
  };
  await Promise.all(Array.from({ length: Number(values.jobs) }, job));
  const failed = reports.filter((report) => report.failed).length;
  const executions = reports.reduce((sum, report) => sum + report.executions, 0);
  console.log(`${executions} executions, ${names.length} targets, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

async function startChild(name: string): Promise<Report> {
  const { executions, guided, seed, keep } = values;
  const args = ['--child', '--target', name, '--executions', executions, '--guided', guided, '--seed', seed, ...(keep ? ['--keep'] : [])];
  const child = fork(import.meta.filename, args);
  // A process that ends without a word has failed, whatever its exit code.
  let report: Report = { executions: 0, failed: true };
  child.once('message', (message) => {
    report = message as Report;
  });
  await once(child, 'close');
  return report;
}

function fuzzOne(name: string): Report {
  const target = TARGETS.find((each) => each.name === name);
  if (target === undefined) return { executions: 0, failed: true };
  const started = performance.now();
  const coverage = new Coverage(MODULES);
  const { executions, corpus, failure } = fuzz({
    target,
    coverage,
    corpus: readCorpus(name),
    seed: Number(values.seed),
    executions: Number(values.executions) * target.share,
    guided: Number(values.guided) * target.share,
  });
  const { user, system } = process.cpuUsage();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `${name}: ${executions} executions in ${seconds} s (${((user + system) / 1e6).toFixed(1)} s of the processor), ${coverage.size} characters of code, corpus ${corpus.length}`,
  );
  if (values.keep && failure === undefined) writeCorpus(name, corpus);
  if (failure !== undefined) {
    console.log(`${name} FAILS: ${failure.error instanceof Error ? failure.error.stack : String(failure.error)}`);
    console.log(`${name} FAILS for this line of its corpus: ${Buffer.from(failure.input).toString('base64')}`);
  }
  return { executions, failed: failure !== undefined };
}
