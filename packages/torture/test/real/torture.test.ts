// The short form of the torture, run once; a test for each of its cases. A system that cannot run them fails when CI=true, and skips loudly elsewhere.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Program } from '@kcptun/testkit/node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const COMMAND = fileURLToPath(new URL('../../dist/torture.js', import.meta.url));
const SEED = process.env['KCPTUN_TORTURE_SEED'] ?? `${Date.now() % 1_000_000}`;
const EXIT_IMPOSSIBLE = 3;

const list = spawnSync(process.execPath, [COMMAND, '--short', '--list'], { encoding: 'utf8' });
const names = list.stdout
  .trim()
  .split('\n')
  .map((line) => line.split(' ')[0] as string);

describe('torture', () => {
  let program: Program;
  let code: number | null;
  beforeAll(async () => {
    program = new Program(process.execPath, [COMMAND, '--short', '--seed', SEED], { name: 'torture' });
    ({ code } = await program.exited);
  }, 300_000);
  afterAll(() => program.stop());

  test('the command is built and has cases', () => {
    expect(list).toMatchObject({ status: 0, stderr: '' });
    expect(names.length).toBeGreaterThan(5);
  });

  for (const name of names) {
    test(name, ({ skip }) => {
      if (code === EXIT_IMPOSSIBLE && process.env['CI'] !== 'true') {
        const line = '*'.repeat(100);
        process.stderr.write(`${line}\n* SKIPPED: torture\n*   ${program.output}${line}\n`);
        skip(program.output);
      }
      if (!new RegExp(`^passed +${name} `, 'm').test(program.output)) expect.unreachable(program.output);
    });
  }
});
