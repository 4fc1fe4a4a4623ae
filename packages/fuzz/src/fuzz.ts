// Fuzzes everything that reads what others wrote:
//
//   node dist/fuzz.js [--target NAME] [--executions 100000] [--guided 50000] [--seed N] [--jobs 2] [--keep]
//
// `executions` is per target (the slow ones of command lines and JSON get a part of that), and so is `guided`: those that coverage watches. Each target runs in a process of its own, `jobs` at a time. With --keep what reaches new code is added to the
// corpus. A failure is shortened, printed as a line for the corpus, and ends the run with exit code 1.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { readCorpus, writeCorpus } from './corpus.ts';
import { Coverage } from './coverage.ts';
import { fuzz } from './engine.ts';
import { TARGETS } from './targets/index.ts';

const { values } = parseArgs({
  options: {
    target: { type: 'string', multiple: true, default: [] },
    executions: { type: 'string', default: '100000' },
    guided: { type: 'string', default: '50000' },
    seed: { type: 'string', default: `${Date.now() % 1_000_000_000}` },
    jobs: { type: 'string', default: '2' },
    keep: { type: 'boolean', default: false },
    child: { type: 'boolean', default: false },
  },
});

/** What a process reports of its target. */
interface Report {
  readonly executions: number;
  readonly failed: boolean;
}

/** Our own modules, built or not; not the fuzzer itself. */
const MODULES = /\/packages\/(?!fuzz|testkit)[a-z-]+\/(dist|src)\//;

if (values.child) {
  process.send?.(fuzzOne(values.target[0] ?? ''));
} else {
  const names = values.target.length > 0 ? values.target : TARGETS.map(({ name }) => name);
  const unknown = names.filter((name) => !TARGETS.some((target) => target.name === name));
  if (unknown.length > 0) {
    console.error(`no target ${unknown.join(', ')}; there are ${TARGETS.map(({ name }) => name).join(', ')}`);
    process.exit(2);
  }
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
  process.exit(failed === 0 ? 0 : 1);
}

async function startChild(name: string): Promise<Report> {
  const { executions, guided, seed, keep } = values;
  const args = ['--child', '--target', name, '--executions', executions, '--guided', guided, '--seed', seed, ...(keep ? ['--keep'] : [])];
  const child = fork(import.meta.filename, args);
  const [message] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => [{ executions: 0, failed: code !== 0 }]),
  ]);
  return message as Report;
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
    `${name}: ${executions} executions in ${seconds} s (${((user + system) / 1e6).toFixed(1)} s of the processor), ${coverage.size} blocks, corpus ${corpus.length}`,
  );
  if (values.keep && failure === undefined) writeCorpus(name, corpus);
  if (failure !== undefined) {
    console.log(`${name} FAILS: ${failure.error instanceof Error ? failure.error.stack : String(failure.error)}`);
    console.log(`${name} FAILS for this line of its corpus: ${Buffer.from(failure.input).toString('base64')}`);
  }
  return { executions, failed: failure !== undefined };
}
