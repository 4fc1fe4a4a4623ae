// The command lines of the tools, by a tool of one line: help, mistakes, values.

import { fileURLToPath } from 'node:url';
import { Program } from '@kcptun/testkit/node';
import { expect, onTestFinished, test } from 'vitest';

const MODULE = new URL('../../dist/node/index.js', import.meta.url).href;
const SCRIPT = `const { parseToolFlags } = await import(${JSON.stringify(MODULE)});
  const flags = { rounds: { type: 'string', default: '5' }, size: { type: 'string' }, quick: { type: 'boolean' } };
  console.log(JSON.stringify(parseToolFlags('usage: tool', flags, ['rounds', 'size'])));`;

async function run(...args: string[]): Promise<[code: number | null, output: string]> {
  const program = new Program(process.execPath, ['--input-type=module', '-e', SCRIPT, '--', ...args], {
    cwd: fileURLToPath(new URL('.', MODULE)),
  });
  onTestFinished(() => void program.stop(0));
  const { code } = await program.exited;
  return [code, program.output];
}

test('values, help and mistakes', async () => {
  expect(
    await Promise.all([
      run('--quick', '--size', '2.5'),
      run('--help'),
      run('--nonsense'),
      run('word'),
      run('--rounds', 'x'),
      run('--rounds'),
    ]),
  ).toEqual([
    [0, '{"quick":true,"size":"2.5","rounds":"5","help":false}\n'],
    [0, 'usage: tool\n'],
    [2, "Unknown option '--nonsense'\nusage: tool\n"],
    [2, "Unexpected argument 'word'\nusage: tool\n"],
    [2, '--rounds x: a number above 0 is needed\nusage: tool\n'],
    [2, "Option '--rounds <value>' argument missing\nusage: tool\n"],
  ]);
});
