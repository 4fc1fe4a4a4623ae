// Help, version, mistakes, settings lines, log lines, signals: what a user sees.

import { EventEmitter } from 'node:events';
import { readFileSync } from 'node:fs';
import {
  EXIT_OK,
  EXIT_USAGE,
  helpText,
  integrityLine,
  memoryLine,
  optionsOf,
  parseCommandLine,
  parseStreamAddress,
  programVersion,
  readSettings,
  type Side,
  settingLines,
  stopOnSignals,
} from '@kcptun/cli';
import { CRYPT_METHODS } from '@kcptun/crypt';
import { memoryBound } from '@kcptun/tunnel';
import { describe, expect, test } from 'vitest';

async function invoke(side: Side, argv: readonly string[]) {
  const printed: string[] = [];
  const complained: string[] = [];
  const result = await readSettings(side, {
    argv,
    env: {},
    print: (text) => printed.push(text),
    complain: (text) => complained.push(text),
  });
  return { result, printed: printed.join(''), complained: complained.join('') };
}

describe('help', () => {
  const CLIENT =
    'localaddr remoteaddr key crypt mode QPP QPPCount conn autoexpire scavengettl mtu ratelimit sndwnd rcvwnd datashard parityshard dscp nocomp sockbuf smuxver smuxbuf framesize streambuf keepalive closewait snmplog snmpperiod log quiet tcp c pprof';
  const SERVER =
    'listen target key crypt QPP QPPCount mode mtu ratelimit sndwnd rcvwnd datashard parityshard dscp nocomp sockbuf smuxver smuxbuf framesize streambuf keepalive closewait snmplog snmpperiod pprof log quiet tcp c';

  test.each<[Side, string]>([
    ['client', CLIENT],
    ['server', SERVER],
  ])('%s: flags in the order of the Go program', async (side, order) => {
    const text = await helpText(side);
    const own = text.slice(0, text.indexOf('Options that the Go programs do not have:'));
    const names = [...own.matchAll(/^ +(?:-[a-z], )?(--?[A-Za-z]+)/gm)].map((match) => match[1]?.replace(/^--?/, ''));
    expect(names.join(' ')).toBe(`${order} help version`);
    expect(
      optionsOf(side)
        .filter((option) => option.hidden !== true && option.ours !== true)
        .map((option) => option.name)
        .join(' '),
    ).toBe(order);
  });

  test.each<Side>(['client', 'server'])('%s: the whole text', async (side) => {
    await expect(await helpText(side)).toMatchFileSnapshot(`help-${side}.txt`);
  });

  test.each([['--help'], ['-h'], ['help']])('%s: on standard output, exit code 0', async (word) => {
    const { result, printed, complained } = await invoke('client', [word]);
    expect(result).toBe(EXIT_OK);
    expect(printed).toBe(`${await helpText('client')}\n`);
    expect(complained).toBe('');
  });
});

test('version', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  expect(programVersion()).toBe(version);
  expect(await invoke('server', ['-v'])).toEqual({ result: EXIT_OK, printed: `kcptun version ${version}\n`, complained: '' });
});

test('mistakes: a line each on standard error, exit code 2', async () => {
  expect(await invoke('server', ['--framesize', '0', '--foo'])).toEqual({
    result: EXIT_USAGE,
    printed: '',
    complained:
      'kcptun-server: --foo: there is no such flag; see --help\n' + 'kcptun-server: --framesize 0: is out of range; use 1 to 65535 bytes\n',
  });
});

test('settings come back', async () => {
  const { result } = await invoke('client', ['--conn', '2']);
  expect(result).toMatchObject({ side: 'client', options: { conn: 2 } });
});

test('the line about memory names the flags that bound it', () => {
  const bound = memoryBound({ key: 'k', session: { sndWnd: 128, rcvWnd: 512 }, smux: {} });
  expect(memoryLine(bound, 3)).toBe(
    'memory at worst: 6.3 MB a session (sndwnd 0.4, rcvwnd 1.5, smuxbuf 4.2, compression 0.2), 4.5 MB more a connection; sessions: up to 3',
  );
});

describe('every cipher that is no aes-128-gcm is advised against', () => {
  test.each(CRYPT_METHODS)('%s', async (crypt) => {
    const { result } = await invoke('client', ['-r', 'h:1', '--key', 'k', '--crypt', crypt]);
    if (typeof result === 'number') throw new Error('not run');
    const lines = [...result.warnings, integrityLine(crypt) ?? ''].filter((line) => line.includes('use --crypt aes-128-gcm'));
    expect(lines).toHaveLength(crypt === 'aes-128-gcm' ? 0 : 1);
    for (const line of lines) expect(line).toContain(crypt);
    // Defaults start without a warning: what is a warning there is overlooked where it matters.
    expect(result.warnings).toHaveLength(['none', 'null', 'xor'].includes(crypt) ? 1 : 0);
  });
});

test('settings lines of the client', () => {
  const commandLine = parseCommandLine('client', ['-ps', '2', '-nocomp', '-dscp', '46']);
  if (commandLine.action !== 'run') throw new Error('not run');
  expect(settingLines('client', commandLine.settings.options, '[::]:12948')).toEqual([
    'smux version: 2',
    'listening on: [::]:12948',
    'encryption: aes',
    'QPP: false',
    'QPP Count: 61',
    'nodelay parameters: 0 30 2 1',
    'remote address: vps:29900',
    'sndwnd: 128 rcvwnd: 512',
    'compression: false',
    'mtu: 1350',
    'ratelimit: 0',
    'datashard: 10 parityshard: 2',
    'acknodelay: false',
    'dscp: 46',
    'sockbuf: 4194304',
    'smuxbuf: 4194304',
    'framesize: 8192',
    'streambuf: 2097152',
    'keepalive: 10',
    'conn: 1',
    'autoexpire: 0',
    'scavengettl: 600',
    'snmplog: ',
    'snmpperiod: 60',
    'quiet: false',
    'tcp: false',
    'pprof: false',
  ]);
});

test('settings lines of the server', () => {
  const commandLine = parseCommandLine('server', ['-key', 'hush']);
  if (commandLine.action !== 'run') throw new Error('not run');
  const lines = settingLines('server', commandLine.settings.options, ':29900');
  expect(lines.map((line) => line.slice(0, line.indexOf(':'))).join(', ')).toBe(
    'smux version, listening on, target, encryption, QPP, QPP Count, nodelay parameters, sndwnd, compression, mtu, ratelimit, datashard, ' +
      'acknodelay, dscp, sockbuf, smuxbuf, framesize, streambuf, keepalive, snmplog, snmpperiod, pprof, quiet, tcp',
  );
  expect(lines.slice(0, 3)).toEqual(['smux version: 2', 'listening on: :29900', 'target: 127.0.0.1:12948']);
  expect(lines.join()).not.toContain('hush');
});

test.each([
  [':12948', { host: '', port: 12_948 }],
  ['10.0.0.1:80', { host: '10.0.0.1', port: 80 }],
  ['[fe80::1%eth0]:80', { host: 'fe80::1%eth0', port: 80 }],
  ['name:0', { host: 'name', port: 0 }],
  ['/run/a:b.sock', { path: '/run/a:b.sock' }],
  ['./s:80x', { path: './s:80x' }],
])('address %s', (text, address) => {
  expect(parseStreamAddress(text)).toEqual({ address });
});

describe('signals', () => {
  test.each(['SIGINT', 'SIGTERM'])('%s stops and leaves with 0', async (signal) => {
    const source = new EventEmitter();
    const steps: string[] = [];
    const left = new Promise<number>((resolve) => {
      stopOnSignals({ stop: (cause) => void steps.push(cause), exit: resolve }, source);
    });
    source.emit(signal);
    expect(await left).toBe(0);
    expect(steps).toEqual([signal]);
  });

  test('a stop that fails leaves too, with 1', async () => {
    const source = new EventEmitter();
    const left = new Promise<number>((resolve) => {
      stopOnSignals({ stop: () => Promise.reject(new Error('stuck')), exit: resolve }, source);
    });
    source.emit('SIGTERM');
    expect(await left).toBe(1);
  });

  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ])('a second signal, %s, does not wait, and leaving happens once', async (second, code) => {
    const source = new EventEmitter();
    const codes: number[] = [];
    let finish = (): void => {};
    const stopped = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const off = stopOnSignals({ stop: () => stopped, exit: (given) => codes.push(given) }, source);
    source.emit('SIGTERM');
    expect(codes).toEqual([]);
    source.emit(second);
    expect(codes).toEqual([code]);
    finish();
    await stopped;
    await Promise.resolve();
    off();
    source.emit('SIGINT');
    expect(codes).toEqual([code]);
    expect(source.eventNames()).toEqual([]);
  });
});
