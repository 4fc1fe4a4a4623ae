// From text to values, as the Go programs read them (PROTOCOL tunnel §2), and the ranges of the option table.

import type { OptionSpec, OptionValue } from './option-spec.ts';

const TRUE = ['1', 't', 'T', 'true', 'TRUE', 'True'];
const FALSE = ['0', 'f', 'F', 'false', 'FALSE', 'False'];

const UNITS = { s: 'seconds', ms: 'milliseconds', bytes: 'bytes', 'bytes/s': 'bytes per second', packets: 'packets' } as const;

/** Where a value was written, which decides what an example of it looks like. */
export type Notation = 'flag' | 'file';

/** A value, or what is wrong with its text; a warning may come with a value. */
export type ParsedValue =
  | { readonly value: OptionValue; readonly warning?: string }
  | { readonly value?: undefined /** What is wrong and what to do, without the flag. */; readonly problem: string };

/** Reads the text of a flag, an environment variable or a value of the file, without checking its range. */
export function parseValue(option: OptionSpec, text: string, notation: Notation = 'flag'): ParsedValue {
  if (option.type === 'string' || text === option.word) return { value: text };
  if (option.type === 'boolean') {
    if (TRUE.includes(text)) return { value: true };
    return FALSE.includes(text)
      ? { value: false }
      : { problem: `is neither true nor false; write ${exampleOf(option, true, notation)} or ${exampleOf(option, false, notation)}` };
  }
  return parseInteger(option, text, notation);
}

/** What is wrong with a value by itself, or `undefined`. Rules between options are in rules.ts. */
export function checkRange(option: OptionSpec, value: OptionValue): string | undefined {
  if (option.choices !== undefined && !option.choices.includes(String(value))) return `is not known; use ${allowedValues(option)}`;
  if (option.range === undefined || value === option.word) return undefined;
  const [min, max] = option.range;
  if (typeof value === 'number' && value >= min && value <= max) return undefined;
  return `is out of range; use ${allowedValues(option)}`;
}

/** The allowed values of an option with choices or a range, in words: `25 to 1500 bytes`, `one of a, b, c`. */
export function allowedValues(option: OptionSpec): string {
  if (option.choices !== undefined) return `one of ${option.choices.join(', ')}`;
  const [min, max] = option.range ?? [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER];
  const word = option.word === undefined ? '' : `${option.word}, or `;
  return `${word}${min} ${max - min === 1 ? 'or' : 'to'} ${max}${unitOf(option) === undefined ? '' : ` ${unitOf(option)}`}`;
}

/** What an option counts, in words. */
export function unitOf(option: OptionSpec): string | undefined {
  return option.unit === undefined ? undefined : UNITS[option.unit];
}

/** How a value is written: `--mtu 1350`, `"mtu": 1350`. */
export function exampleOf(option: OptionSpec, value: OptionValue, notation: Notation): string {
  if (notation === 'file') return `${JSON.stringify(option.jsonKey ?? option.name)}: ${JSON.stringify(value)}`;
  if (option.type !== 'boolean') return `--${option.name} ${value}`;
  return value === true ? `--${option.name}` : `--${option.name}=false`;
}

/** A whole number as Go reads it with base 0: prefixes, an octal number behind a leading zero, and `_` between digits. */
const GO_INTEGER = /^([+-]?)(?:(0[xX](?:_?[0-9a-fA-F])+|0[oO](?:_?[0-7])+|0[bB](?:_?[01])+)|0((?:_?[0-9])+)|([0-9](?:_?[0-9])*))$/;

function parseInteger(option: OptionSpec, text: string, notation: Notation): ParsedValue {
  const match = GO_INTEGER.exec(text);
  if (match === null) {
    const example = option.defaults.client ?? option.defaults.server ?? 0;
    return { problem: `is not a whole number; use ${allowedValues(option)}, like ${exampleOf(option, example, notation)}` };
  }
  const [, sign = '', prefixed, behindZero, decimal] = match.map((part) => part?.replaceAll('_', ''));
  if (behindZero !== undefined && /[89]/.test(behindZero)) {
    return {
      problem: `has a leading zero, which makes it octal, and is no octal number; write ${sign}${behindZero.replace(/^0+(?=.)/, '')}`,
    };
  }
  const magnitude = BigInt(prefixed ?? (behindZero === undefined ? (decimal ?? '') : `0o${behindZero}`));
  const value = toInteger(sign === '-' ? -magnitude : magnitude);
  if (value === undefined) return { problem: `is out of range; use ${allowedValues(option)}` };
  if (behindZero === undefined) return { value };
  return { value, warning: `has a leading zero, which makes it octal, as in the Go programs: it is read as ${value}` };
}

/** An integer of Go as a number of ours, which is not exact far beyond all ranges; `undefined` when it is none. */
export function toInteger(value: bigint): number | undefined {
  return BigInt.asIntN(64, value) === value ? Number(value) : undefined;
}
