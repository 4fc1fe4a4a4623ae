// The JSON file of `-c` (PROTOCOL tunnel §3): one object, keys in any case, null for "not given". Where the Go programs say nothing
// (unknown keys, text behind the object) there is a warning.

import type { OptionSpec, OptionValue, Side } from './option-spec.ts';
import { findOption, optionsOf } from './options.ts';

/** What a file says. */
export interface ConfigFile {
  /** Values of the right type, by option; ranges are not checked. */
  readonly values: ReadonlyMap<OptionSpec, OptionValue>;
  readonly warnings: readonly string[];
  readonly problems: readonly string[];
}

/**
 * Reads the text of a configuration file.
 * @param side - whose options the keys are
 * @param path - for the messages
 */
export function parseConfigFile(side: Side, path: string, text: string): ConfigFile {
  const values = new Map<OptionSpec, OptionValue>();
  const warnings: string[] = [];
  const problems: string[] = [];

  const { value: root, rest, problem } = parseFirstValue(text.replace(/^\uFEFF/, ''));
  if (problem !== undefined) return { values, warnings, problems: [`${path}: ${problem}`] };
  if (typeof root !== 'object' || root === null || Array.isArray(root)) {
    return { values, warnings, problems: [`${path}: must hold one JSON object, like {"key": "..."}`] };
  }
  if (rest !== '') warnings.push(`${path}: what follows the JSON object is ignored`);

  for (const [key, value] of Object.entries(root)) {
    const option = findByKey(side, key);
    if (option === undefined) warnings.push(`${path}: ${JSON.stringify(key)} is ignored: ${explainKey(side, key)}`);
    else if (value === null) continue;
    else if (isOfType(value, option)) values.set(option, value);
    else problems.push(`${path}: ${JSON.stringify(key)} must be ${TYPE_TEXT[option.type]}, not ${typeOf(value)}`);
  }
  return { values, warnings, problems };
}

const TYPE_TEXT = { string: 'a string', integer: 'a whole number (without quotes)', boolean: 'true or false (without quotes)' } as const;

function findByKey(side: Side, key: string): OptionSpec | undefined {
  return optionsOf(side).find((option) => option.jsonKey?.toLowerCase() === key.toLowerCase());
}

function explainKey(side: Side, key: string): string {
  const other: Side = side === 'client' ? 'server' : 'client';
  if (findByKey(other, key) !== undefined) return `it is a key of the ${other}`;
  const flag = findOption(side, key);
  return flag?.jsonKey === undefined ? 'there is no such key' : `the key is called ${JSON.stringify(flag.jsonKey)}`;
}

function isOfType(value: unknown, option: OptionSpec): value is OptionValue {
  return option.type === 'integer' ? Number.isSafeInteger(value) : typeof value === option.type;
}

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'number') return String(value);
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

interface FirstValue {
  readonly value?: unknown;
  /** What stands behind it. */
  readonly rest: string;
  readonly problem?: string;
}

/** The first JSON value of a text: upstream looks no further, and files with a tail exist. */
function parseFirstValue(text: string): FirstValue {
  if (text.trim() === '') return { rest: '', problem: 'the file is empty; it must hold one JSON object' };
  const end = endOfObject(text);
  try {
    return { value: JSON.parse(text.slice(0, end)), rest: text.slice(end).trim() };
  } catch (error) {
    // The engine's text is not passed on: it may quote the file, and with it the key.
    const position = /at position ([0-9]+)/.exec((error as Error).message)?.[1];
    return { rest: '', problem: `is not valid JSON${position === undefined ? '' : placeOf(text, Number(position))}` };
  }
}

function placeOf(text: string, position: number): string {
  const lines = text.slice(0, position).split('\n');
  return `: see line ${lines.length}, column ${(lines.at(-1)?.length ?? 0) + 1}`;
}

/** Where the bracket that opens the text is closed; the whole length when it is not. */
function endOfObject(text: string): number {
  let depth = 0;
  let quoted = false;
  for (let at = 0; at < text.length; at++) {
    const letter = text[at];
    if (letter === '"') quoted = !quoted;
    else if (quoted && letter === '\\') at += 1;
    else if (!quoted && (letter === '{' || letter === '[')) depth += 1;
    else if (!quoted && (letter === '}' || letter === ']') && --depth === 0) return at + 1;
  }
  return text.length;
}
