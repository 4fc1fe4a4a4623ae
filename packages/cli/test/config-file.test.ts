// The JSON file: keys of any case, types, and the files people really have.

import { ConfigError, optionsOf, parseCommandLine, parseConfigFile } from '@kcptun/cli';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

function read(text: string, side: 'client' | 'server' = 'client') {
  const { values, warnings, problems } = parseConfigFile(side, 'f.json', text);
  return { values: Object.fromEntries([...values].map(([option, value]) => [option.name, value])), warnings, problems };
}

test('a whole file, as the samples of the Go program look', () => {
  const file = {
    localaddr: ':12948',
    remoteaddr: 'vps:29900',
    key: 'it is a secret',
    crypt: 'aes',
    qpp: true,
    'qpp-count': 61,
    mode: 'fast3',
    mtu: 1300,
    ratelimit: 0,
    sndwnd: 128,
    rcvwnd: 1024,
    datashard: 10,
    parityshard: 0,
    dscp: 46,
    nocomp: true,
    acknodelay: false,
    nodelay: 1,
    interval: 20,
    resend: 2,
    nc: 1,
    sockbuf: 16_777_217,
    smuxver: 2,
    smuxbuf: 16_777_217,
    streambuf: 4_194_304,
    keepalive: 10,
    autoexpire: 600,
    quiet: false,
    tcp: false,
  };
  const { qpp, 'qpp-count': count, ...same } = file;
  expect(read(JSON.stringify(file))).toEqual({ values: { ...same, QPP: qpp, QPPCount: count }, warnings: [], problems: [] });
});

test('keys in any case, null is not given, a byte order mark is nothing', () => {
  expect(read('\uFEFF{"MTU": 1400, "SmuxVer": null, "QPP-Count": 7}').values).toEqual({ mtu: 1400, QPPCount: 7 });
});

test('every option but -c has a key of its own', () => {
  for (const side of ['client', 'server'] as const) {
    const keys = optionsOf(side).map((option) => option.jsonKey?.toLowerCase());
    expect(new Set(keys).size).toBe(keys.length);
    expect(
      optionsOf(side)
        .filter((option) => option.jsonKey === undefined)
        .map((option) => option.name),
    ).toEqual(['c']);
  }
});

describe('warnings', () => {
  test.each([
    ['{"conm": 2}', '"conm" is ignored: there is no such key'],
    ['{"listen": ":1"}', '"listen" is ignored: it is a key of the server'],
    ['{"QPPCount": 5}', '"QPPCount" is ignored: the key is called "qpp-count"'],
    ['{"ds": 5}', '"ds" is ignored: the key is called "datashard"'],
    ['{"__proto__": 5}', '"__proto__" is ignored: there is no such key'],
    ['{"mtu": 1400} tail', 'what follows the JSON object is ignored'],
    ['{"log": "}{\\\\\\""} {"mtu": 1}', 'what follows the JSON object is ignored'],
  ])('%s', (text, warning) => {
    expect(read(text)).toMatchObject({ warnings: [`f.json: ${warning}`], problems: [] });
  });
});

describe('problems', () => {
  test.each([
    ['', 'the file is empty; it must hold one JSON object'],
    [' \n', 'the file is empty; it must hold one JSON object'],
    ['[1]', 'must hold one JSON object, like {"key": "..."}'],
    ['"x"', 'must hold one JSON object, like {"key": "..."}'],
    ['null', 'must hold one JSON object, like {"key": "..."}'],
    ['{"mtu": "1400"}', '"mtu" must be a whole number (without quotes), not a string'],
    ['{"mtu": 13.5}', '"mtu" must be a whole number (without quotes), not 13.5'],
    ['{"nocomp": "true"}', '"nocomp" must be true or false (without quotes), not a string'],
    ['{"mode": ["fast"]}', '"mode" must be a string, not a list'],
    ['{"mode": {}}', '"mode" must be a string, not an object'],
    ['{"quiet": 1}', '"quiet" must be true or false (without quotes), not 1'],
  ])('%s', (text, problem) => {
    expect(read(text).problems).toEqual([`f.json: ${problem}`]);
  });

  test('a syntax error says where', () => {
    expect(read('{\n  "mtu": 1400,\n  "conn": 1,\n}').problems).toEqual(['f.json: is not valid JSON: see line 4, column 1']);
    expect(read('{"mtu": 1400').problems[0]).toMatch(/^f.json: is not valid JSON/);
  });

  test.each([
    ['ENOENT', '-c f.json: there is no such file'],
    ['EACCES', '-c f.json: no permission to read the file'],
    ['EISDIR', '-c f.json: is a directory, not a JSON file'],
    ['EIO', '-c f.json: can not be read: broken'],
  ])('%s', (code, line) => {
    const fail = (): string => {
      throw Object.assign(new Error('broken'), { code });
    };
    expect(() => parseCommandLine('client', ['-c', 'f.json'], {}, fail)).toThrow(new ConfigError([line]));
  });

  test('a value out of range is named with its file', () => {
    expect(() => parseCommandLine('client', ['-c', 'f.json'], {}, () => '{"mtu": 9000, "crypt": "rc4"}')).toThrow(
      /^f.json: "mtu" 9000: is out of range; use 25 to 1500 \(bytes\)\nf.json: "crypt" "rc4": is not known; use one of aes/,
    );
  });
});

test('any text is read or refused', () => {
  const text = fc.oneof(fc.string(), fc.json(), fc.string({ unit: fc.constantFrom('{', '}', '"', '\\', ':', ',', 'a', '1', '[') }));
  fc.assert(
    fc.property(text, (input) => {
      const { problems } = read(input);
      expect(problems.every((line) => line.startsWith('f.json: ') && !line.includes('\n'))).toBe(true);
    }),
    { numRuns: 200 },
  );
});
