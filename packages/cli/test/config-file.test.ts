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

test('every option of the Go programs but -c has a key', () => {
  for (const side of ['client', 'server'] as const) {
    const without = optionsOf(side).filter((option) => option.jsonKey === undefined && option.ours !== true);
    expect(without.map((option) => option.name)).toEqual(['c']);
  }
});

test('the later of two equal keys wins whatever its case, and null takes nothing away', () => {
  const text = '{"mtu": 1, "MTU": 2, "mtu": 1300, "conn": 2, "conn": null, "$schema": "client.schema.json"}';
  expect(read(text)).toEqual({
    values: { mtu: 1300, conn: 2 },
    warnings: ['f.json: "MTU" is given more than once: the last one wins', 'f.json: "mtu" is given more than once: the last one wins'],
    problems: [],
  });
});

describe('warnings', () => {
  test.each([
    ['{"windows": 2}', '"windows" is ignored: there is no such key'],
    ['{"conm": 2}', '"conm" is ignored: there is no such key; did you mean "conn"?'],
    ['{"data_shard": 2}', '"data_shard" is ignored: there is no such key; did you mean "datashard"?'],
    ['{"c": "x"}', '"c" is ignored: -c cannot be set in a file, only on the command line'],
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

describe('a value of the wrong type that can mean only one thing is used, with a warning', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['{"mtu": "1400"}', { mtu: 1400 }, '"mtu" "1400" should be a whole number without quotes; it is read as 1400'],
    ['{"mtu": 1.4e3}', { mtu: 1400 }, '"mtu" 1.4e3 should be a whole number without point or exponent; it is read as 1400'],
    ['{"nocomp": "true"}', { nocomp: true }, '"nocomp" "true" should be true or false without quotes; it is read as true'],
    ['{"quiet": 1}', { quiet: true }, '"quiet" 1 should be true or false without quotes; it is read as true'],
    ['{"log": 20060102}', { log: '20060102' }, '"log" 20060102 should be a string in quotes; it is read as "20060102"'],
    ['{"key": 12345}', { key: '12345' }, '"key" should be a string in quotes'],
  ])('%s', (text, values, warning) => {
    expect(read(text)).toEqual({ values, warnings: [`f.json: ${warning}`], problems: [] });
  });
});

describe('problems', () => {
  test.each<[string, string | RegExp]>([
    ['', 'the file is empty; it must hold one JSON object'],
    [' \n', 'the file is empty; it must hold one JSON object'],
    ['[1]', 'must hold one JSON object, like {"key": "..."}'],
    ['"x"', 'must hold one JSON object, like {"key": "..."}'],
    ['null', 'must hold one JSON object, like {"key": "..."}'],
    ['{"mtu": 13.5}', '"mtu" 13.5: is not a whole number; use 25 to 1500 bytes, like "mtu": 1350'],
    ['{"mtu": 1e400}', '"mtu" 1e400: is not a whole number; use 25 to 1500 bytes, like "mtu": 1350'],
    ['{"mtu": "many"}', '"mtu" "many": is not a whole number; use 25 to 1500 bytes, like "mtu": 1350'],
    ['{"mtu": true}', '"mtu" true: is not a whole number; use 25 to 1500 bytes, like "mtu": 1350'],
    ['{"nocomp": "maybe"}', '"nocomp" "maybe": is neither true nor false; write "nocomp": true or "nocomp": false'],
    ['{"quiet": 2}', '"quiet" 2: is neither true nor false; write "quiet": true or "quiet": false'],
    ['{"mode": ["fast"]}', '"mode" is a list, but must be a string in quotes'],
    ['{"mtu": {}}', '"mtu" is an object, but must be a whole number without quotes'],
    ['{"key": ["hush"]}', '"key" is a list, but must be a string in quotes'],
    ['{"tuncrypt": false}', /^f.json: "tuncrypt" is an option of 2016 .* --crypt aes$/],
  ])('%s', (text, problem) => {
    expect(read(text).problems).toEqual([problem instanceof RegExp ? expect.stringMatching(problem) : `f.json: ${problem}`]);
  });

  test.each([
    ['{\n  "mtu": 1400,\n  "conn": 1,\n}', 'line 4, column 1 (a comma too many, or a key without quotes)'],
    ['{\n  "mtu": 1400 "conn": 1\n}', 'line 2, column 15 (a comma is missing before it)'],
    ['{\n  // the size\n  "mtu": 1400\n}', 'line 2, column 3 (JSON has no comments)'],
    ['{"mtu": 1400', 'line 1, column 13 (the closing brace is missing)'],
    ['{"log": {}', 'line 1, column 11 (the closing brace is missing)'],
    ['{"key": "hush}', 'line 1, column 9 (the closing quote is missing)'],
    ['{"mtu" 1400}', 'line 1, column 8 (a colon is missing before it)'],
    ['{"key": hush}', 'line 1, column 9'],
    ['nothing', 'line 1, column 1'],
  ])('%j is a syntax error that says where', (text, place) => {
    expect(read(text).problems).toEqual([`f.json: is not valid JSON: see ${place}`]);
  });

  test('brackets without end are a mistake, not the end of the stack', () => {
    expect(read(`{"key":${'['.repeat(200_000)}`).problems).toEqual([expect.stringMatching(/^f\.json: is nested too deeply/)]);
  });

  test.each([
    ['ENOENT', '-c f.json: there is no such file'],
    ['EACCES', '-c f.json: no permission to read the file'],
    ['EISDIR', '-c f.json: is a directory, not a JSON file'],
    ['EIO', '-c f.json: cannot be read: broken'],
  ])('%s', (code, line) => {
    const fail = (): string => {
      throw Object.assign(new Error('broken'), { code });
    };
    expect(() => parseCommandLine('client', ['-c', 'f.json'], {}, fail)).toThrow(new ConfigError([line]));
  });

  test('a value out of range is named with its file', () => {
    expect(() => parseCommandLine('client', ['-c', 'f.json'], {}, () => '{"framesize": 0, "crypt": "rc4"}')).toThrow(
      /^f.json: "crypt" "rc4": is not known; use one of aes.*\nf.json: "framesize" 0: is out of range; use 1 to 65535 bytes$/,
    );
  });
});

const anyText = fc.oneof(fc.string(), fc.json(), fc.string({ unit: fc.constantFrom('{', '}', '"', '\\', ':', ',', 'a', '1', '[', ' ') }));

test('any text is read or refused', () => {
  fc.assert(
    fc.property(anyText, (input) => {
      const { problems } = read(input);
      expect(problems.every((line) => line.startsWith('f.json: ') && !line.includes('\n'))).toBe(true);
    }),
    { numRuns: 200 },
  );
});

test('what the engine takes for an object is read, and nothing else without a word', () => {
  const object = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }).map((value) => JSON.stringify(value));
  const damaged = fc.tuple(object, fc.nat(), fc.constantFrom('', ',', '}', '"', '\\', '1', ' ')).map(([text, at, mark]) => {
    const place = at % text.length;
    return text.slice(0, place) + mark + text.slice(place + 1);
  });
  fc.assert(
    fc.property(fc.oneof(object, damaged, anyText), (text) => {
      const { problems, warnings } = read(text);
      const complaints = [...problems, ...warnings].filter((line) => /is not valid JSON|what follows|must hold|is empty/.test(line));
      expect(complaints.length === 0).toBe(isObjectText(text));
    }),
    { numRuns: 400 },
  );
});

function isObjectText(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
