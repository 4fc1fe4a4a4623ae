// The JSON file of `-c` (PROTOCOL tunnel §3): the first value of the file, one object, keys in any case, null for "not given", the later of two
// equal keys wins. Where the Go programs say nothing (unknown keys, text behind the object) there is a warning; where they give up on a
// value of the wrong type (`"mtu": "1350"`) there is a warning too if it can mean only one thing.

import { type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';
import { findOddCharacter } from './odd-characters.ts';
import type { OptionSpec, OptionValue, Side } from './option-spec.ts';
import { findOption, optionsOf } from './options.ts';
import { wellFormed } from './raw-words.ts';
import { explainRetired, findSimilar } from './suggestions.ts';
import { allowedValues, exampleOf, parseValue, toInteger } from './values.ts';

/** What a file says. */
export interface ConfigFile {
  /** Values of the right type, by option; ranges are not checked. */
  readonly values: ReadonlyMap<OptionSpec, OptionValue>;
  readonly warnings: readonly string[];
  readonly problems: readonly string[];
}

/** The key that editors look at to find the schema. */
const SCHEMA_KEY = '$schema';

/**
 * Reads the text of a configuration file.
 * @param side - whose options the keys are
 * @param path - for the messages
 */
export function parseConfigFile(side: Side, path: string, text: string): ConfigFile {
  const values = new Map<OptionSpec, OptionValue>();
  const warnings: string[] = [];
  const problems: string[] = [];

  // A byte order mark is nothing; a blank keeps the columns.
  const source = text.replace(/^\uFEFF/, ' ');
  const { root, rest, problem } = parseFirstValue(source);
  if (problem !== undefined) return { values, warnings, problems: [`${path}: ${problem}`] };
  if (root?.type !== 'object') return { values, warnings, problems: [`${path}: must hold one JSON object, like {"key": "..."}`] };
  if (rest !== '') warnings.push(`${path}: what follows the JSON object is ignored`);

  for (const { key, value } of membersOf(root)) {
    const label = `${path}: ${JSON.stringify(key)}`;
    const option = findByKey(side, key);
    if (option === undefined) {
      const retired = explainRetired(key);
      if (retired !== undefined) problems.push(`${label} ${retired}`);
      else if (key !== SCHEMA_KEY) warnings.push(`${label} is ignored: ${explainKey(side, key)}`);
      continue;
    }
    if (value.type === 'null') continue;
    const read = readValue(option, value, source);
    if (read.warning !== undefined) warnings.push(`${label}${read.warning}`);
    if (read.value === undefined) {
      problems.push(`${label}${read.problem}`);
      continue;
    }
    if (option.secret !== true && /[\b\f\n\r\t]/.test(String(read.value))) {
      warnings.push(`${label} has a control character in it: a backslash in a string is written twice, like "C:\\\\temp"`);
    }
    if (values.has(option)) warnings.push(`${label} is given more than once: the last one wins`);
    values.set(option, read.value);
  }
  return { values, warnings, problems };
}

interface Member {
  readonly key: string;
  readonly value: Node;
}

function membersOf(root: Node): Member[] {
  return (root.children ?? []).flatMap(({ children }) => {
    const [key, value] = children ?? [];
    return key === undefined || value === undefined ? [] : [{ key: String(key.value), value }];
  });
}

function findByKey(side: Side, key: string): OptionSpec | undefined {
  return optionsOf(side).find((option) => option.jsonKey?.toLowerCase() === key.toLowerCase());
}

function explainKey(side: Side, key: string): string {
  if (findByKey(side === 'client' ? 'server' : 'client', key) !== undefined) {
    return `it is a key of the ${side === 'client' ? 'server' : 'client'}`;
  }
  const flag = findOption(side, key);
  if (flag !== undefined) {
    return flag.jsonKey === undefined
      ? `${flag.name.length === 1 ? '-' : '--'}${flag.name} cannot be set in a file, only on the command line`
      : `the key is called ${JSON.stringify(flag.jsonKey)}`;
  }
  const similar = findSimilar(side, key)?.jsonKey;
  return similar === undefined ? 'there is no such key' : `there is no such key; did you mean ${JSON.stringify(similar)}?`;
}

/** A value, or a problem; texts go behind the key. */
interface ReadValue {
  readonly value?: OptionValue;
  readonly warning?: string;
  readonly problem?: string;
}

function readValue(option: OptionSpec, node: Node, source: string): ReadValue {
  const written = source.slice(node.offset, node.offset + node.length);
  // The key of the tunnel is never shown, not even a part of it.
  const shown = option.secret === true ? '' : ` ${written.length > 40 ? `${written.slice(0, 40)}...` : written}`;
  if (node.type === 'array' || node.type === 'object') {
    return { problem: ` is ${node.type === 'array' ? 'a list' : 'an object'}, but must be ${describeType(option)}` };
  }
  if (node.type === 'string' && node.value === option.word) return { value: option.word as string };
  if (node.type === 'string' && option.type === 'string') return readText(option, node.value as string);
  if (node.type === 'boolean' && option.type === 'boolean') return { value: node.value };
  if (node.type === 'number' && option.type === 'integer') return readNumber(option, written, shown);
  // A value of the wrong type, which ends the Go programs: it is taken for what its text means as a flag.
  const parsed = parseValue(option, node.type === 'number' ? written : String(node.value), 'file');
  if (parsed.value === undefined) return { problem: `${shown}: ${parsed.problem}` };
  const warning = `${shown} should be ${describeType(option)}`;
  return { value: parsed.value, warning: option.secret === true ? warning : `${warning}; it is read as ${JSON.stringify(parsed.value)}` };
}

/** A text as Go reads it: an escaped half of a surrogate pair is U+FFFD. */
function readText(option: OptionSpec, text: string): ReadValue {
  const value = wellFormed(text);
  if (option.secret !== true || !value.includes('\uFFFD')) return { value };
  return { value, warning: ' is not UTF-8: what is none is taken as U+FFFD, as by the Go programs' };
}

function readNumber(option: OptionSpec, written: string, shown: string): ReadValue {
  if (/^-?[0-9]+$/.test(written)) {
    const value = toInteger(BigInt(written));
    return value === undefined ? { problem: `${shown}: is out of range; use ${allowedValues(option)}` } : { value };
  }
  const value = Number(written);
  if (Number.isSafeInteger(value)) {
    return { value, warning: `${shown} should be a whole number without point or exponent; it is read as ${value}` };
  }
  const example = exampleOf(option, option.defaults.client ?? option.defaults.server ?? 0, 'file');
  return { problem: `${shown}: is not a whole number; use ${allowedValues(option)}, like ${example}` };
}

function describeType(option: OptionSpec): string {
  if (option.type === 'string') return 'a string in quotes';
  return option.type === 'integer' ? 'a whole number without quotes' : 'true or false without quotes';
}

interface FirstValue {
  readonly root?: Node;
  /** What stands behind it. */
  readonly rest: string;
  readonly problem?: string;
}

/** What is wrong at the place of an error, by the parser's name for it. The engine's own text may quote the file, and with it the key. */
const SYNTAX_TEXT: Readonly<Record<string, string>> = {
  InvalidCommentToken: 'JSON has no comments',
  PropertyNameExpected: 'a comma too many, or a key without quotes',
  CommaExpected: 'a comma is missing before it',
  ColonExpected: 'a colon is missing before it',
  CloseBraceExpected: 'the closing brace is missing',
  CloseBracketExpected: 'the closing bracket is missing',
  UnexpectedEndOfString: 'the closing quote is missing',
  InvalidEscapeCharacter: String.raw`a backslash in a string is written twice, like "C:\\kcptun"`,
};

/** The first JSON value of a text: upstream looks no further, and files with a tail exist. */
function parseFirstValue(text: string): FirstValue {
  // Read as UTF-8, UTF-16 has a zero behind each plain letter.
  if (/^\uFFFD?\uFFFD?.?\0/su.test(text)) return { rest: '', problem: 'is UTF-16, not UTF-8; save it again as UTF-8' };
  if (text.trim() === '') return { rest: '', problem: 'the file is empty; it must hold one JSON object' };
  const errors: ParseError[] = [];
  let root: Node | undefined;
  try {
    root = parseTree(text, errors, { disallowComments: true });
  } catch (error) {
    // The parser goes as deep as the text does, until its stack is full.
    if (!(error instanceof RangeError)) throw error;
    return { rest: '', problem: 'is nested too deeply; it must hold one JSON object, like {"key": "..."}' };
  }
  const end = root === undefined ? text.length : root.offset + root.length;
  const error = errors.find(({ offset, error: code }) => offset < end || printParseErrorCode(code).startsWith('Close'));
  if (root !== undefined && error === undefined) return { root, rest: text.slice(end).trim() };
  return { rest: '', problem: `is not valid JSON${error === undefined ? '' : explainSyntax(text, error)}` };
}

function explainSyntax(text: string, { offset, error }: ParseError): string {
  const lines = text.slice(0, offset).split('\n');
  const odd = findOddCharacter(text.slice(offset, offset + 1));
  const what = odd === undefined ? SYNTAX_TEXT[printParseErrorCode(error)] : `the place ${odd}`;
  return `: see line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}${what === undefined ? '' : ` (${what})`}`;
}
