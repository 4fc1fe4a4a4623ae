// Keys that are not UTF-8: their bytes come through from the command line and the environment, and
// from a file what Go makes of them.

import { ConfigError, decodeAsGo, keyOf, parseCommandLine, rawArguments, rawEnvironment } from '@kcptun/cli';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

const GBK = Uint8Array.of(0xc3, 0xdc, 0xd4, 0xbf);

/** What the kernel shows of a process with these words. */
function shown(words: readonly Uint8Array[]): (path: string) => Uint8Array {
  const node = [Buffer.from('/usr/bin/node'), Buffer.from('--title=x'), Buffer.from('/opt/main.js')];
  return () => Buffer.concat([...node, ...words].flatMap((word) => [word, Buffer.of(0)]));
}

const none = (): Uint8Array => {
  throw new Error('ENOENT');
};

function key(argv: readonly string[], env = {}): string | Uint8Array {
  const commandLine = parseCommandLine('client', argv, env);
  if (commandLine.action !== 'run') throw new Error(commandLine.action);
  return keyOf(commandLine.settings.options.key);
}

const word = fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => bytes.map((byte) => byte || 1));

test('bytes of a key on the command line', () => {
  const property = fc.property(word, fc.array(word, { maxLength: 3 }), (bytes, others) => {
    const words = [...others.map((each) => Buffer.from(each)), Buffer.from('--key'), Buffer.from(bytes)];
    const argv = rawArguments(
      words.map((each) => each.toString()),
      shown(words),
      'linux',
    );
    const got = keyOf(argv.at(-1) as string);
    expect(Buffer.from(got as Uint8Array)).toEqual(Buffer.from(bytes));
  });
  fc.assert(property, { numRuns: 200 });
});

test('of a key in the form --key=, beside other words', () => {
  const words = [Buffer.from('-conn'), Buffer.from('2'), Buffer.concat([Buffer.from('--key='), GBK])];
  const argv = rawArguments(
    words.map((each) => each.toString()),
    shown(words),
    'linux',
  );
  expect(key(argv)).toEqual(GBK);
});

test('of a key in the environment', () => {
  const environ = Buffer.concat([Buffer.from('KCPTUN_KEYS=x\0KCPTUN_KEY='), GBK, Buffer.from('\0PATH=/bin\0')]);
  const env = rawEnvironment({ KCPTUN_KEY: Buffer.from(GBK).toString(), PATH: '/bin' }, 'KCPTUN_KEY', () => environ, 'linux');
  expect(env.PATH).toBe('/bin');
  expect(key([], env)).toEqual(GBK);
});

test('U+FFFD that was written stays what it is', () => {
  const words = [Buffer.from('--key'), Buffer.from('\uFFFD')];
  expect(key(rawArguments(['--key', '\uFFFD'], shown(words), 'linux'))).toBe('\uFFFD');
  expect(key(rawArguments(['--key', '\uFFFD'], none, 'win32'))).toBe('\uFFFD');
});

describe('where the bytes cannot be had, a key is refused', () => {
  const line = 'is not UTF-8, and its bytes cannot be read here; use a key in UTF-8, or write it into the file of -c';

  function problems(argv: readonly string[], env = {}): readonly string[] {
    try {
      parseCommandLine('client', argv, env);
    } catch (error) {
      if (error instanceof ConfigError) return error.problems;
      throw error;
    }
    return [];
  }

  test.each([
    ['no /proc', none],
    ['another command line', shown([Buffer.from('--key'), Buffer.from('other')])],
  ])('%s', (_, read) => {
    expect(problems(rawArguments(['--key', 'a\uFFFD'], read, 'darwin'))).toEqual([`--key: ${line}`]);
    expect(problems([], rawEnvironment({ KCPTUN_KEY: '\uFFFD' }, 'KCPTUN_KEY', read, 'darwin'))).toEqual([`KCPTUN_KEY: ${line}`]);
  });
});

describe('a file', () => {
  test.each<[string, number[], string]>([
    // A truncated sequence is one character for Node and one a byte for Go.
    ['three bytes, cut', [0x61, 0xe4, 0xbd, 0x62], 'a\uFFFD\uFFFDb'],
    ['four bytes, cut', [0xf0, 0x9f, 0x98], '\uFFFD\uFFFD\uFFFD'],
    ['GBK', [...GBK], '\uFFFD\uFFFD\u053F'],
    ['a surrogate', [0xed, 0xa0, 0x80], '\uFFFD\uFFFD\uFFFD'],
    ['too long', [0xc0, 0x80, 0xe0, 0x80, 0x80], '\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD'],
    ['beyond the last', [0xf4, 0x90, 0x80, 0x80, 0xf5], '\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD'],
    ['UTF-8', [...Buffer.from('\uFEFFa\u00e9\u4f60\u{1F600}')], '\uFEFFa\u00e9\u4f60\u{1F600}'],
  ])('%s', (_, bytes, text) => {
    expect(decodeAsGo(Uint8Array.from(bytes))).toBe(text);
  });

  test('has U+FFFD for a lone surrogate that is escaped, and a word about it', () => {
    const commandLine = parseCommandLine('client', ['-c', 'f.json'], {}, () => String.raw`{"key": "a\udc80\ud83d\ude00"}`);
    if (commandLine.action !== 'run') throw new Error(commandLine.action);
    expect(keyOf(commandLine.settings.options.key)).toBe('a\uFFFD\u{1F600}');
    expect(commandLine.settings.warnings).toEqual(['f.json: "key" is not UTF-8: what is none is taken as U+FFFD, as by the Go programs']);
  });
});
