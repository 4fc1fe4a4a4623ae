// Inputs that are kept: a text file for each target, one input a line in base64, so that a change of the corpus is a readable diff of lines.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDER = join(import.meta.dirname, '..', 'corpus');

/** The inputs of a target, in the order of the file; none when there is no file yet. */
export function readCorpus(name: string): Uint8Array[] {
  let text: string;
  try {
    text = readFileSync(fileOf(name), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => Uint8Array.from(Buffer.from(line, 'base64')));
}

/** Writes the inputs of a target, sorted by length. */
export function writeCorpus(name: string, inputs: readonly Uint8Array[]): void {
  mkdirSync(FOLDER, { recursive: true });
  const lines = inputs.map((bytes) => Buffer.from(bytes).toString('base64'));
  const sorted = [...new Set(lines)].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  writeFileSync(fileOf(name), sorted.map((line) => `${line}\n`).join(''));
}

function fileOf(name: string): string {
  return join(FOLDER, `${name}.txt`);
}
