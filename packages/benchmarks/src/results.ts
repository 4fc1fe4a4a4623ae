// Results on disk: one JSON file that runs of single rows are merged into, with what the machine is.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { dirname } from 'node:path';

/** Our programs with one stream in one session, in rows of many: what those keep of its speed. */
export const ONE_STREAM = 'ours, one stream';

/** Figures of one program in one scenario, medians. */
export interface Row {
  readonly program: string;
  readonly figures: Readonly<Record<string, number>>;
}

/** One scenario: rows, or the lines that a program printed. */
export interface Entry {
  readonly id: string;
  readonly name: string;
  readonly date: string;
  readonly rounds: number;
  readonly rows?: readonly Row[];
  readonly lines?: readonly string[];
  /** What has to be known to judge it. */
  readonly notes?: readonly string[];
}

/** All that was measured on one machine. */
export interface Results {
  readonly machine: Readonly<Record<string, string | number>>;
  readonly entries: readonly Entry[];
}

function thisMachine(): Record<string, string | number> {
  return {
    node: process.version,
    openssl: process.versions.openssl,
    system: `${process.platform} ${process.arch} ${release()}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
  };
}

/** Reads a file of results. */
export function readResults(file: string): Results {
  return JSON.parse(readFileSync(file, 'utf8')) as Results;
}

/** Puts entries in the place of older ones with the same id. */
export function mergeResults(file: string, entries: readonly Entry[]): void {
  const before = existsSync(file) ? readResults(file).entries : [];
  const kept = before.filter(({ id }) => !entries.some((entry) => entry.id === id));
  mkdirSync(dirname(file), { recursive: true });
  const results: Results = { machine: thisMachine(), entries: [...kept, ...entries] };
  writeFileSync(file, `${JSON.stringify(results, undefined, 1)}\n`);
}
