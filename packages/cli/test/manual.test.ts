// Command lines and files of the original's manuals mean here what those manuals say.

import { ConfigError, parseCommandLine, type Side } from '@kcptun/cli';
import { describe, expect, test } from 'vitest';
import { MANUAL_LINES } from './manual-lines.ts';

function optionsOfLine(side: Side, argv: readonly string[], env = {}, file = '') {
  const commandLine = parseCommandLine(side, argv, env, () => file, 'linux');
  if (commandLine.action !== 'run') throw new Error(`asks for ${commandLine.action}`);
  return commandLine.settings;
}

test.each(MANUAL_LINES)('$from: $side $line', ({ side, line, means }) => {
  const { options, warnings } = optionsOfLine(side, line.split(' '), { KCPTUN_KEY: 'k' });
  expect(options).toMatchObject(means);
  // Nothing is said about them but what everyone should hear, whatever the manual.
  expect(warnings.filter((each) => !/hides nothing|QPP Warning/.test(each))).toEqual([]);
});

/** The samples that the original ships: every key they have, whatever its place. */
const SAMPLE = {
  key: 'PASSWORD',
  crypt: 'aes-128',
  qpp: true,
  'qpp-count': 64,
  mode: 'fast3',
  mtu: 1400,
  ratelimit: 0,
  datashard: 10,
  parityshard: 3,
  dscp: 46,
  nocomp: true,
  acknodelay: false,
  nodelay: 1,
  interval: 40,
  resend: 2,
  nc: 1,
  sockbuf: 16_777_217,
  smuxver: 1,
  smuxbuf: 16_777_217,
  streambuf: 2_097_152,
  keepalive: 10,
  quiet: false,
  tcp: false,
};

describe('sample files', () => {
  test.each<[Side, Record<string, unknown>]>([
    ['client', { localaddr: ':2000', remoteaddr: '11.22.33.44:2000', sndwnd: 128, rcvwnd: 1024, autoexpire: 1800 }],
    ['server', { listen: ':2000', target: '127.0.0.1:9999', sndwnd: 2048, rcvwnd: 2048, pprof: false }],
  ])('%s', (side, own) => {
    const { options, warnings } = optionsOfLine(side, ['-c', 'f.json'], {}, JSON.stringify({ ...SAMPLE, ...own }));
    const { qpp, 'qpp-count': count, interval, ...same } = SAMPLE;
    // fast3 wins over the interval that stands beside it, as there.
    expect(interval).toBe(40);
    expect(options).toMatchObject({ ...same, ...own, QPP: qpp, QPPCount: count, interval: 10 });
    expect(warnings.every((line) => /QPP Warning/.test(line))).toBe(true);
  });
});

describe('2016', () => {
  test.each<Side>(['client', 'server'])('%s --tuncrypt names the option of today', (side) => {
    for (const argv of [['--tuncrypt'], ['-tuncrypt'], ['-tuncrypt=true'], ['-tuncrypt', 'true']]) {
      expect(() => optionsOfLine(side, argv)).toThrow(ConfigError);
      expect(() => optionsOfLine(side, argv)).toThrow(/^--tuncrypt is an option of 2016 .* --crypt aes$/);
    }
  });

  test('the environment variable', () => {
    expect(optionsOfLine('server', [], { KCPTUN_KEY: 'k' }).options.key).toBe('k');
  });
});
