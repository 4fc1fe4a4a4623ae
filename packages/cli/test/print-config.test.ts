// `--print-config`: every setting and where it came from, nothing started, nothing secret shown.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT_OK, EXIT_USAGE, optionsOf, readSettings, type Side } from '@kcptun/cli';
import { describe, expect, onTestFinished, test } from 'vitest';

async function invoke(side: Side, argv: readonly string[], env: Record<string, string> = {}) {
  const printed: string[] = [];
  const complained: string[] = [];
  const result = await readSettings(side, { argv, env, print: (text) => printed.push(text), complain: (text) => complained.push(text) });
  return { result, printed: printed.join(''), complained: complained.join('') };
}

function file(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'kcptun-print-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'c.json'), text);
  return join(folder, 'c.json');
}

test('a line per setting, with its value and its origin', async () => {
  const path = file('{ "sndwnd": 2048, "mode": "fast3", "keyy": 1 }');
  const argv = ['--mtu', '1300', '--sndwnd', '512', '-c', path, '--print-config'];
  const { result, printed, complained } = await invoke('client', argv, { KCPTUN_KEY: 'hush' });
  expect(result).toBe(EXIT_OK);
  const lines = printed.trimEnd().split('\n');
  const cells = lines.map((line) => line.split(/ {2,}/));
  const shown = optionsOf('client').filter(({ name }) => name !== 'print-config' && name !== 'completion');
  expect(cells.map(([name]) => name)).toEqual(shown.map(({ name }) => name));
  const of = (name: string) => cells.find(([each]) => each === name)?.slice(1);
  expect(of('mtu')).toEqual(['1300', 'flag']);
  expect(of('rcvwnd')).toEqual(['512', 'default']);
  expect(of('sndwnd')).toEqual(['2048', `file ${path}`]);
  expect(of('interval')).toEqual(['10', 'mode fast3']);
  expect(of('key')).toEqual(['(hidden)', 'environment KCPTUN_KEY']);
  expect(of('remoteaddr')).toEqual(['"vps:29900"', 'default']);
  expect(complained).toContain('kcptun-client: WARNING: ');
  expect(complained.split('\n').filter((line) => line !== '')).toEqual([
    `kcptun-client: WARNING: ${path}: "keyy" is ignored: there is no such key; did you mean "key"?`,
    `kcptun-client: WARNING: ${path} wins over the command line: "sndwnd": 2048 instead of --sndwnd`,
  ]);
  expect(printed + complained).not.toContain('hush');
});

describe.each<Side>(['client', 'server'])('%s', (side) => {
  test('as JSON for programs', async () => {
    const { result, printed } = await invoke(side, ['--key', 'hush', '--nocomp', '--print-config=json']);
    expect(result).toBe(EXIT_OK);
    const settings = JSON.parse(printed) as Record<string, unknown>;
    const shown = optionsOf(side).filter(({ name }) => name !== 'print-config' && name !== 'completion');
    expect(Object.keys(settings)).toEqual(shown.map(({ name }) => name));
    expect(settings).toMatchObject({
      key: { origin: 'flag' },
      nocomp: { value: true, origin: 'flag' },
      mtu: { value: 1350, origin: 'default' },
      nodelay: { value: 0, origin: 'mode' },
    });
    expect(settings['key']).not.toHaveProperty('value');
  });

  test('mistakes are mistakes', async () => {
    const { result, printed, complained } = await invoke(side, ['--print-config', '--smuxver', '5']);
    expect({ result, printed }).toEqual({ result: EXIT_USAGE, printed: '' });
    expect(complained).toMatch(/^kcptun-\w+: --smuxver 5: is out of range/);
  });
});

test('mode auto says what the line decides, what is a limit and what has no effect', async () => {
  const argv = ['--mode', 'auto', '--rcvwnd', '4096', '--key', 'k'];
  const { printed } = await invoke('client', [...argv, '--print-config']);
  const line = (name: string): string | undefined => printed.split('\n').find((each) => each.startsWith(`${name} `));
  expect(line('sndwnd')).toMatch(/65535 +mode auto; a limit: what is in flight comes from the line$/);
  expect(line('rcvwnd')).toMatch(/4096 +flag; a limit: what the other end may have in flight$/);
  expect(line('ratelimit')).toMatch(/ 0 +default; a limit, 0 is none: the rate comes from the line$/);
  expect(line('parityshard')).toMatch(/ 3 +default; a limit: how much of it is sent comes from the losses$/);
  expect(line('resend')).toMatch(/mode auto; no effect/);
  expect(line('conn')).toMatch(/"auto" +mode auto; as many as are needed/);
  expect(line('mtu')).toMatch(/default$/);
  const json = JSON.parse((await invoke('client', [...argv, '--print-config=json'])).printed) as Record<string, { auto?: string }>;
  expect(Object.entries(json).flatMap(([name, { auto }]) => (auto === undefined ? [] : [`${name} ${auto}`]))).toEqual([
    'conn found',
    'ratelimit limit',
    'sndwnd limit',
    'rcvwnd limit',
    'parityshard limit',
    'nodelay unused',
    'interval limit',
    'resend unused',
    'nc unused',
    'smuxbuf limit',
    'streambuf limit',
  ]);
  // A number that was given holds, and the other modes say nothing of this.
  expect((await invoke('client', [...argv, '--conn', '2', '--print-config'])).printed).toMatch(/^conn +2 +flag$/m);
  expect((await invoke('client', ['--key', 'k', '--print-config'])).printed).not.toContain('limit:');
});
