// Every number of the Go programs, below, at and above its bounds, as a flag and in the file: what
// they use is used, with one line that says what, and what they refuse is refused.

import {
  type ClientOptions,
  ConfigError,
  clientOptions,
  OPTIONS,
  type OptionSpec,
  parseCommandLine,
  type ServerOptions,
  type Settings,
  type Side,
  serverOptions,
} from '@kcptun/cli';
import { SILENT_LOGGER } from '@kcptun/common';
import { GO_NUMBERS, type GoNumber } from '@kcptun/testkit';
import { TunnelClient, TunnelServer } from '@kcptun/tunnel';
import { describe, expect, test } from 'vitest';

const numbers = OPTIONS.filter(({ type, ours }) => type === 'integer' && ours !== true);

function run(side: Side, argv: readonly string[], file: object): Settings<Side> {
  const commandLine = parseCommandLine(side, ['--key=k', ...argv], {}, () => JSON.stringify(file), 'linux');
  if (commandLine.action !== 'run') throw new Error(`asks for ${commandLine.action}`);
  return commandLine.settings;
}

function sidesOf({ defaults }: OptionSpec): Side[] {
  return (['client', 'server'] as const).filter((side) => defaults[side] !== undefined);
}

/** Lines that have nothing to do with the numbers. */
const ADVICE = /^scavengettl is bigger|less than two packets|^QPP|hides nothing/;

function expectUsed(
  side: Side,
  { name, jsonKey }: OptionSpec,
  row: GoNumber,
  argv: readonly string[],
  file: object,
  origin: 'flag' | 'file',
): void {
  const { options, warnings } = run(side, argv, file);
  const key = origin === 'flag' ? `--${name} ${row.value}` : `"${jsonKey}" ${row.value}`;
  expect((options as unknown as Record<string, unknown>)[name]).toBe(row.used);
  const lines = warnings.filter((line) => !ADVICE.test(line) && line.toLowerCase().includes(`${key.toLowerCase()} `));
  // A flag that a mode overrides gets its line whatever its value is.
  if (row.used === row.value) {
    if (!warnings.some((line) => line.includes('has no effect'))) expect(lines).toEqual([]);
  } else if (name === 'ratelimit' && row.value < 0) {
    // The text of the Go programs.
    expect(warnings).toEqual([`ratelimit ${row.value} is negative, falling back to 0`]);
  } else {
    expect(lines).toEqual([
      expect.stringMatching(new RegExp(`^${origin === 'flag' ? key : `f.json: ${key}`} .*(: ${row.used} is used|has no effect with)`)),
    ]);
  }
  // The tunnel below takes it as well; what bad-input.test.ts shows of the bounds need not be shown again.
  if (origin === 'file' || row.used === row.value) return;
  if (side === 'client') new TunnelClient(clientOptions(options as ClientOptions, SILENT_LOGGER));
  else new TunnelServer(serverOptions(options as ServerOptions, SILENT_LOGGER));
}

function expectRefused(side: Side, argv: readonly string[], file: object, named: string): void {
  try {
    run(side, argv, file);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.problems).toEqual([expect.stringContaining(named)]);
    return;
  }
  expect.unreachable(`${argv.join(' ')} ${JSON.stringify(file)} is taken`);
}

test('the table has every number that the Go programs have', () => {
  expect(Object.keys(GO_NUMBERS).sort()).toEqual(numbers.map(({ name }) => name).sort());
});

describe.each(numbers.map((option) => [option.name, option] as const))('--%s', (name, option) => {
  const rows = GO_NUMBERS[name] as readonly GoNumber[];

  test('is tried below, at and above both bounds', () => {
    const [min, max] = option.range as readonly [number, number];
    const values = rows.map(({ value }) => value);
    expect(values).toEqual(expect.arrayContaining([min, max]));
    expect(values.some((value) => value < min) && values.some((value) => value > max)).toBe(true);
  });

  test.each(rows.map((row) => [row.value, row.flags ?? [], row] as const))('%i %j', (value, flags, row) => {
    for (const side of sidesOf(option)) {
      const file = { [option.jsonKey as string]: value };
      if (row.used === undefined) {
        expectRefused(side, [...flags, `--${name}=${value}`], {}, name);
        expectRefused(side, [...flags, '-c', 'f.json'], file, option.jsonKey as string);
      } else {
        expectUsed(side, option, row, [...flags, `--${name}=${value}`], {}, 'flag');
        expectUsed(side, option, row, [...flags, '-c', 'f.json'], file, 'file');
      }
    }
  });
});

test('a number of the weaker source does not matter', () => {
  expect(run('client', ['--keepalive=99', '-c', 'f.json'], { keepalive: 5 }).options.keepalive).toBe(5);
});

test('what an installer writes', () => {
  const file = { mtu: 9200, interval: 5, dscp: 184, sndwnd: 100_000, rcvwnd: 0, sockbuf: 0, nodelay: 2, resend: -1, closewait: -1 };
  expect(run('client', ['-c', 'f.json'], file).warnings).toEqual([
    'f.json: "mtu" 9200 is out of range (25 to 1500 bytes): 1500 is used',
    'f.json: "sndwnd" 100000 is out of range (1 to 65535 packets): 65535 is used',
    'f.json: "rcvwnd" 0 is out of range (1 to 65535 packets): 32 is used',
    'f.json: "dscp" 184 is out of range (0 to 63): 56 is used; for the TOS byte 184 write 46',
    'f.json: "sockbuf" 0 is out of range (1 to 2147483647 bytes): 4194304 is used',
    'f.json: "closewait" -1 is out of range (0 to 2147483647 seconds): 0 is used',
    'f.json: "nodelay" 2 has no effect with --mode fast: 0 is used; --mode manual takes it',
    'f.json: "interval" 5 has no effect with --mode fast: 30 is used; --mode manual takes it',
    'f.json: "resend" -1 has no effect with --mode fast: 2 is used; --mode manual takes it',
  ]);
});
