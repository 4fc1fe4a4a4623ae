// What people paste and forget: keys without quotes, typographic characters, values of variables that are not
// set, files of another system. The reason is named, and no part of a secret is.

import { ConfigError, type Environment, parseCommandLine, type Side } from '@kcptun/cli';
import { describe, expect, test } from 'vitest';

const SIDES: readonly Side[] = ['client', 'server'];

interface Told {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

function tell(side: Side, argv: readonly string[], file = '', env: Environment = {}): Told {
  try {
    const line = parseCommandLine(side, argv, env, () => file);
    return { problems: [], warnings: line.action === 'run' ? line.settings.warnings : [] };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { problems: error.problems, warnings: error.warnings };
  }
}

describe.each(SIDES)('a secret is not quoted by kcptun-%s', (side) => {
  const SECRET = ['--key', 'SESAME1', 'SESAME2', 'SESAME3'];
  const cases: readonly (readonly string[])[] = [
    SECRET,
    ['-key', 'SESAME1', 'SESAME2'],
    ['--key=SESAME1', 'SESAME2', '--mtu', '1350'],
    ['--key', 'SESAME1', '-SESAME2'],
    ['--key', 'SESAME1', '--SESAME2=SESAME3'],
    ['--key', 'SESAME1', '--', 'SESAME2'],
    ['--key', 'SESAME1', 'SESAME2', '--mtu', 'SESAME3'],
    ['--key', 'SESAME1', '--mtu', '1350', 'SESAME2'],
    ['--kye', 'SESAME1', 'SESAME2'],
    ['--kye', 'SESAME1', '-SESAME2'],
    ['--password', 'SESAME1', 'SESAME2'],
    ['--passphrase', 'SESAME1', 'SESAME2'],
    ['--password=SESAME1', 'SESAME2', '-SESAME3'],
    ['--key', '\u201CSESAME1', 'SESAME2\u201D'],
  ];
  test.each(cases)('%s %s %s', (...argv) => {
    const { problems, warnings } = tell(side, argv);
    expect(problems.length).toBeGreaterThan(0);
    expect([...problems, ...warnings].join('\n')).not.toContain('SESAME');
    expect(problems.at(-1)).toMatch(/^--?\w+: more words follow than its value; put a value with blanks in quotes: --?\w+ "two words"$/);
  });

  test('nor when it looks like a flag, and a file or a variable holds it', () => {
    expect(tell(side, ['--key', '-mtu=SESAME']).warnings.join('\n')).not.toContain('SESAME');
    const files = [
      '{"key": "SESAME" "mtu": 1}',
      '{"key": ["SESAME"]}',
      '{"key": "SESAME',
      '{"key": SESAME}',
      '{"kye": "SESAME"}',
      '{key: SESAME}',
    ];
    for (const text of files) {
      const { problems, warnings } = tell(side, ['-c', 'x.json'], text, { KCPTUN_KEY: 'SESAME0' });
      expect([...problems, ...warnings].join('\n')).not.toContain('SESAME');
    }
  });

  test('other stray words are, and so are all mistakes before it', () => {
    expect(tell(side, ['--mtuu', '1', '--mtu', '1350', 'word', '--key', 'SESAME1', 'SESAME2']).problems).toEqual([
      '--mtuu: there is no such flag; did you mean --mtu?',
      'word: unexpected word; flags begin with a dash',
      expect.stringMatching(/^--key: more words follow/),
    ]);
  });
});

describe('characters that only look right', () => {
  test.each([
    [['\u2013mode', 'fast3'], /^\u2013mode: begins with a typographic dash: type a plain - or --$/],
    [['\u2014mode=fast3'], /^\u2014mode=fast3: begins with a typographic dash/],
    [['\u2212\u2212mode'], /begins with a typographic dash/],
    [['--mode\u00A0fast3'], /there is no such flag; it has a no-break space in it: type a plain blank$/],
    [['--mode', '\u201Cfast3\u201D'], /^--mode \u201Cfast3\u201D: is not known; .* \(it has typographic quotes in it: type plain ones\)$/],
    [['--mtu', '1350\u00A0'], /^--mtu "1350\u00A0": is not a whole number; .* \(it has a no-break space in it: type a plain blank\)$/],
    [['--interval', '\u221220'], /\(it begins with a typographic dash: type a plain - or --\)$/],
    [['-r', '1.2.3.4\uFF1A29900'], /\(it has a full-width colon or comma in it: type a plain one\)$/],
    [['-r', '1.2.3.4: 29900'], /^--remoteaddr "1\.2\.3\.4: 29900": /],
    [['-r', ' 1.2.3.4:29900x'], /^--remoteaddr " 1\.2\.3\.4:29900x": /],
    [['-r', ''], /^--remoteaddr "": .* \(was it a variable that is not set\?\)$/],
    [[''], /^"": unexpected empty word; was it a variable that is not set\?$/],
  ])('%j', (argv, line) => {
    expect(tell('client', argv).problems[0]).toMatch(line);
  });

  test('are a part of the key, with a warning', () => {
    const { problems, warnings } = tell('client', ['--key', '\u201CSESAME\u201D']);
    expect(problems).toEqual([]);
    expect(warnings).toEqual(['--key has typographic quotes around it, which are part of the value; plain ones are not']);
  });
});

describe('files of another system', () => {
  test.each([
    [`\uFFFD\uFFFD${[...'{"mtu": 1350}'].join('\0')}\0`, /is UTF-16, not UTF-8; save it again as UTF-8$/],
    [`${[...'{"mtu": 1350}'].join('\0')}\0`, /is UTF-16, not UTF-8/],
    [String.raw`{"log": "C:\kcptun.log"}`, /line 1, column \d+ \(a backslash in a string is written twice, like "C:\\\\kcptun"\)$/],
    ['{\u201Cmtu\u201D: 1350}', /column 2 \(the place has typographic quotes in it: type plain ones\)$/],
    ['{"mtu":\u00A01350}', /column 8 \(the place has a no-break space in it: type a plain blank\)$/],
  ])('%j', (text, line) => {
    expect(tell('client', ['-c', 'x.json'], text).problems).toEqual([expect.stringMatching(line)]);
  });

  test('a backslash that means a tab', () => {
    const { warnings } = tell('client', ['-c', 'x.json', '--key', 'k'], String.raw`{"snmplog": "C:\temp.log"}`);
    expect(warnings[0]).toMatch(/"snmplog" has a control character in it: a backslash in a string is written twice/);
  });
});
