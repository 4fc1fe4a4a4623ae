// Completion of flags: the files that are published are those of the table, and the shells make of them what was meant.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { completionScript, EXIT_OK, optionsOf, readSettings, SHELLS, type Side } from '@kcptun/cli';
import { describe, expect, test } from 'vitest';

const SIDES: readonly Side[] = ['client', 'server'];

function has(program: string): boolean {
  return spawnSync(program, ['--version']).status === 0;
}

function fileOf(side: Side, shell: string): string {
  const name = { bash: `kcptun-${side}.bash`, zsh: `_kcptun-${side}`, fish: `kcptun-${side}.fish` }[shell] ?? '';
  return fileURLToPath(new URL(`../share/completion/${name}`, import.meta.url));
}

describe.each(SIDES)('kcptun-%s', (side) => {
  test.each(SHELLS)('%s: the published file is in step, and printed by --completion', async (shell) => {
    expect(readFileSync(fileOf(side, shell), 'utf8')).toBe(completionScript(side, shell));
    const printed: string[] = [];
    const argv = ['--completion', shell];
    const result = await readSettings(side, { argv, env: {}, print: (text) => printed.push(text), complain: (text) => printed.push(text) });
    expect(result).toBe(EXIT_OK);
    expect(printed.join('')).toBe(completionScript(side, shell));
  });

  test.each(SHELLS.filter(has))('%s can read it', (shell) => {
    const { status, stderr } = spawnSync(shell, ['-n', fileOf(side, shell)], { encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });
});

describe.skipIf(!has('bash'))('bash', () => {
  /** What is offered for the last of the words. */
  function complete(...words: readonly string[]): string[] {
    const script = `source "$1"; shift; COMP_WORDS=(kcptun-client "$@"); COMP_CWORD=$#; _kcptun_client; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = spawnSync('bash', ['-c', script, 'bash', fileOf('client', 'bash'), ...words], {
      encoding: 'utf8',
      cwd: '/',
    });
    expect(stderr).toBe('');
    return stdout.trim() === '' ? [] : stdout.trim().split('\n');
  }

  test('flags, with one dash or two', () => {
    const shown = optionsOf('client').filter((option) => option.hidden !== true);
    expect(complete('--').length).toBeGreaterThan(shown.length);
    expect(complete('--sndw')).toEqual(['--sndwnd']);
    expect(complete('-sndw')).toEqual(['-sndwnd']);
    expect(complete('--mtu', '1300', '--no')).toContain('--nocomp');
    expect(complete('--acknodelay')).toEqual([]);
  });

  test('words where there are some, files where they are meant, nothing elsewhere', () => {
    expect(complete('--crypt', 'aes-1')).toEqual(['aes-128', 'aes-128-gcm', 'aes-192']);
    expect(complete('-mode', 'fast')).toEqual(['fast3', 'fast2', 'fast']);
    expect(complete('--log-format', '=', 'js')).toEqual(['json']);
    expect(complete('--log-format', '=')).toEqual(['go', 'json']);
    expect(complete('-c', '/et')).toEqual(['/etc']);
    expect(complete('--mtu', '1')).toEqual([]);
    expect(complete('--nocomp', '--mt')).toEqual(['--mtu']);
  });
});
