// Generated from the table: for every option the least, the greatest, the values just outside of them and nonsense, as a flag and as a key of
// the file. What is wrong gives one line that names flag or key, value, what is allowed and what to do, the exit code 2, and nothing else.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ClientOptions,
  clientOptions,
  EXIT_USAGE,
  OPTIONS,
  type OptionSpec,
  optionsOf,
  readSettings,
  type ServerOptions,
  type Settings,
  type Side,
  serverOptions,
} from '@kcptun/cli';
import { SILENT_LOGGER } from '@kcptun/common';
import { TunnelClient, TunnelServer } from '@kcptun/tunnel';
import { afterAll, describe, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'kcptun-bad-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Told {
  readonly result: unknown;
  readonly lines: readonly string[];
}

async function invoke(side: Side, argv: readonly string[]): Promise<Told> {
  const complained: string[] = [];
  const result = await readSettings(side, { argv, env: {}, print: () => {}, complain: (text) => complained.push(text) });
  return { result, lines: complained.join('').split('\n').slice(0, -1) };
}

let files = 0;

/** A command line with a file that holds this text. */
function withFile(text: string): string[] {
  const path = join(folder, `${files++}.json`);
  writeFileSync(path, text);
  return ['-c', path];
}

/** What must be set besides, so that rules between options allow the ends of a range. */
function companions(option: OptionSpec, value: number): string[] {
  if (option.name === 'mtu') return ['--crypt', 'null', '--parityshard', '0'];
  if (option.name === 'datashard' || option.name === 'parityshard') {
    return [`--${option.name === 'datashard' ? 'parityshard' : 'datashard'}`, String(256 - Math.max(1, value))];
  }
  if (option.group === 'retransmission') return ['--mode', 'manual'];
  if (option.name === 'smuxbuf') return ['--streambuf', String(Math.min(value, 1))];
  if (option.name === 'streambuf') return ['--smuxbuf', String(value)];
  return [];
}

function sideOf(option: OptionSpec): Side {
  return option.defaults.client === undefined ? 'server' : 'client';
}

const CURE = /: .*(; use |; write )/;

async function expectRefused(side: Side, argv: readonly string[], named: RegExp): Promise<void> {
  const { result, lines } = await invoke(side, argv);
  expect({ result, lines }).toEqual({ result: EXIT_USAGE, lines: [expect.stringMatching(named)] });
  expect(lines[0]).toMatch(CURE);
}

async function expectTaken(side: Side, argv: readonly string[], name: string, value: unknown): Promise<void> {
  const { result, lines } = await invoke(side, argv);
  expect(lines).toEqual([]);
  expect(result).toMatchObject({ options: { [name]: value } });
  // The tunnel below takes it as well: no range of the table is wider than its.
  const { options } = result as Settings<Side>;
  if (side === 'client') new TunnelClient(clientOptions(options as ClientOptions, SILENT_LOGGER));
  else new TunnelServer(serverOptions(options as ServerOptions, SILENT_LOGGER));
}

const named = (options: readonly OptionSpec[]) => options.map((option) => [option.name, option] as const);

describe('whole numbers', () => {
  test.each(named(OPTIONS.filter(({ type }) => type === 'integer')))('--%s', async (name, option) => {
    const side = sideOf(option);
    const [min, max] = option.range as readonly [number, number];
    const range = new RegExp(`${option.word === undefined ? '' : `${option.word}, or `}${min} (to|or) ${max}`);
    for (const value of [min, max]) {
      await expectTaken(side, [...companions(option, value), `--${name}=${value}`], name, value);
      if (option.jsonKey === undefined) continue;
      await expectTaken(side, [...companions(option, value), ...withFile(`{"${option.jsonKey}": ${value}}`)], name, value);
    }
    const { below, above } = option.instead ?? {};
    const outside = [...(below === undefined ? [min - 1] : []), ...(above === undefined ? [max + 1] : [])];
    // What is corrected as the Go programs do it is in go-numbers.test.ts.
    for (const value of outside) {
      const spelt = new RegExp(`^kcptun-${side}: --${name} ${value}: is out of range; use ${range.source}`);
      const qpp = name === 'QPPCount' ? ['--QPP'] : [];
      await expectRefused(side, [...qpp, `--${name}`, String(value)], spelt);
      if (option.jsonKey === undefined) continue;
      const inFile = [...qpp, ...withFile(`{"${option.jsonKey}": ${value}}`)];
      await expectRefused(side, inFile, new RegExp(`"${option.jsonKey}" ${value}: .*${range.source}`));
    }
    for (const nonsense of ['abc', '', '1.5', '1e3', '0x', '1 2', '4M', '99999999999999999999']) {
      const shown = nonsense === '' || nonsense.includes(' ') ? JSON.stringify(nonsense) : nonsense;
      await expectRefused(side, [`--${name}=${nonsense}`], new RegExp(`^kcptun-${side}: --${name} ${shown}: is .*; use ${range.source}`));
    }
    if (option.jsonKey === undefined) return;
    for (const nonsense of ['"abc"', '""', '1.5', 'true', '1e400', '99999999999999999999']) {
      await expectRefused(
        side,
        withFile(`{"${option.jsonKey}": ${nonsense}}`),
        new RegExp(`"${option.jsonKey}" ${nonsense}: is .*${range.source}`),
      );
    }
  });
});

describe('switches', () => {
  test.each(named(OPTIONS.filter(({ type }) => type === 'boolean')))('--%s', async (name, option) => {
    const side = sideOf(option);
    for (const nonsense of ['maybe', '2', 'yes', '']) {
      const line = new RegExp(
        `^kcptun-${side}: --${name} ${nonsense === '' ? '""' : nonsense}: is neither true nor false; write --${name}`,
      );
      await expectRefused(side, [`--${name}=${nonsense}`], line);
    }
    for (const nonsense of ['"maybe"', '2', '""']) {
      const line = new RegExp(`"${option.jsonKey}" ${nonsense}: is neither true nor false; write "${option.jsonKey}": true or`);
      await expectRefused(side, withFile(`{"${option.jsonKey}": ${nonsense}}`), line);
    }
  });
});

describe('texts with choices', () => {
  test.each(named(OPTIONS.filter(({ choices }) => choices !== undefined)))('--%s', async (name, option) => {
    const side = sideOf(option);
    const choices = option.choices as readonly string[];
    for (const nonsense of ['', 'nonsense', `${choices[0]} `, choices[0]?.toUpperCase() as string]) {
      const line = new RegExp(
        `^kcptun-${side}: --${name} (""|"?${nonsense}"?): is not known; use one of ${choices.join(', ')}( \\(was it a variable that is not set\\?\\))?$`,
      );
      await expectRefused(side, [`--${name}=${nonsense}`], line);
      if (option.jsonKey === undefined) continue;
      const inFile = new RegExp(`"${option.jsonKey}" "${nonsense}": is not known; use one of ${choices[0]}, `);
      await expectRefused(side, withFile(JSON.stringify({ [option.jsonKey]: nonsense })), inFile);
    }
  });
});

describe('addresses', () => {
  const nonsense = [
    '',
    'host',
    '12948',
    'host:',
    'host:http',
    'host:65536',
    'host:99999',
    '::1:29900',
    '[::1]',
    'host:5-3',
    ' ',
    'host:-1',
  ];
  test.each(named(OPTIONS.filter(({ group }) => group === 'addresses')))('--%s', async (name, option) => {
    const side = sideOf(option);
    // The Go programs look the name of a service up where the address is one of TCP.
    const services = name === 'localaddr' || name === 'target';
    for (const value of nonsense) {
      if (services && value === 'host:http') continue;
      const { result, lines } = await invoke(side, [`--${name}`, value]);
      expect([value, result, lines.length]).toEqual([value, EXIT_USAGE, 1]);
      expect(lines[0]).toMatch(/^kcptun-\w+: --\w+ .*(write|use) /);
    }
  });
});

test.each<Side>(['client', 'server'])('%s: lists and objects are no values', async (side) => {
  const keys = optionsOf(side).flatMap(({ jsonKey }) => jsonKey ?? []);
  const { result, lines } = await invoke(side, withFile(JSON.stringify(Object.fromEntries(keys.map((key) => [key, [key]])))));
  expect(result).toBe(EXIT_USAGE);
  // All of them, in the order of the file, and nothing else.
  expect(lines.map((line) => /: "([^"]+)" is a list, but must be /.exec(line)?.[1])).toEqual(keys);
});

test.each<Side>(['client', 'server'])('%s: everything wrong at once is told at once', async (side) => {
  const options = optionsOf(side).filter(({ type, choices }) => type !== 'string' || choices !== undefined);
  const { result, lines } = await invoke(side, [...options.map(({ name }) => `--${name}=nonsense`), '--no-such-flag', 'word', 'another']);
  expect(result).toBe(EXIT_USAGE);
  expect(lines.length).toBe(options.length + 2);
  for (const { name } of options) expect(lines.filter((line) => line.includes(` --${name} nonsense: `)).length).toBe(1);
});
