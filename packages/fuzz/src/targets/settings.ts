// What users write: command lines, the environment and the JSON file. Mistakes are lines of text for them, never a crash.

import { ConfigError, OPTIONS, parseCommandLine, parseConfigFile, type Side, scanArguments } from '@kcptun/cli';
import { FuzzInput } from '../input.ts';
import { type FuzzTarget, insist } from '../target.ts';

const WORDS = [...OPTIONS.flatMap(({ name, aliases }) => [name, ...aliases]), 'help', 'h', 'version', 'v', '', '-'];

/** Each problem is one line that can be shown, whatever it quotes. */
function parse(side: Side, argv: readonly string[], env: Record<string, string>, file: string): void {
  try {
    const result = parseCommandLine(side, argv, env, () => file);
    if (result.action === 'run') for (const line of result.settings.warnings) insist(line.length > 0, 'a warning says something');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    insist(error.problems.length > 0, 'an error has a reason');
    for (const line of error.problems) insist(line.length > 0, 'a problem says something');
  }
}

function runWords(bytes: Uint8Array): void {
  const input = new FuzzInput(bytes);
  const side: Side = input.u8() % 2 === 0 ? 'client' : 'server';
  const argv: string[] = [];
  while (input.left > 0) {
    const kind = input.u8();
    const word = WORDS[input.u8() % WORDS.length] ?? '';
    const value = input.text(input.u8() % 24);
    if (kind % 4 === 0) argv.push(`--${word}`, value);
    else if (kind % 4 === 1) argv.push(`-${word}=${value}`);
    else if (kind % 4 === 2) argv.push(`${'-'.repeat((kind >> 2) % 4)}${value}`);
    else argv.push(`--${word}`);
  }
  scanArguments(side, argv);
  parse(side, argv, { KCPTUN_KEY: argv[0] ?? '' }, '{}');
}

function runJson(bytes: Uint8Array): void {
  const input = new FuzzInput(bytes);
  const side: Side = input.u8() % 2 === 0 ? 'client' : 'server';
  const text = input.text();
  const { values, warnings, problems } = parseConfigFile(side, 'x.json', text);
  insist(values.size <= OPTIONS.length, 'there are no more values than options');
  for (const line of [...warnings, ...problems]) insist(line.length > 0, 'a line says something');
  parse(side, ['-c', 'x.json'], {}, text);
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** The words of a command line. */
export const wordsTarget: FuzzTarget = {
  name: 'command-line',
  maxLength: 512,
  share: 0.04,
  seeds: [encode('\0\0\x05\x04fast'), encode('\x01\x01\x03\x041350\x02\x08\x05--mtu'), encode('\0\x03\x07\0\x01\x0c\x0512:34')],
  run: runWords,
};

/** The JSON file. */
export const jsonTarget: FuzzTarget = {
  name: 'json',
  maxLength: 2048,
  share: 0.04,
  seeds: [
    encode('\0{"localaddr":":12948","remoteaddr":"vps:29900","key":"k","mtu":1350,"nocomp":true,"mode":null}'),
    encode('\x01{"listen":":29900","target":"127.0.0.1:80","Crypt":"aes-128-gcm","mtu":1e3,"x":[1,{"y":"\\u00e9"}]} trailing'),
    encode('\0[]'),
    encode('\0{"mtu":1350,"mtu":99999999999999999999,"conn":-0.5,"sndwnd":"1024"}'),
  ],
  run: runJson,
};
