// From text to values, as the Go programs read them (PROTOCOL tunnel §2), and the ranges of the option table.

import type { OptionSpec, OptionValue } from './option-spec.ts';

const TRUE = ['1', 't', 'T', 'true', 'TRUE', 'True'];
const FALSE = ['0', 'f', 'F', 'false', 'FALSE', 'False'];

/** A value, or what is wrong with its text; a warning may come with a value. */
export type ParsedValue =
  | { readonly value: OptionValue; readonly warning?: string }
  | { readonly value?: undefined /** What is wrong and what to do, without the flag. */; readonly problem: string };

/** Reads the text of a flag or an environment variable, without checking its range. */
export function parseValue(option: OptionSpec, text: string): ParsedValue {
  if (option.type === 'string') return { value: text };
  if (option.type === 'boolean') {
    if (TRUE.includes(text)) return { value: true };
    return FALSE.includes(text)
      ? { value: false }
      : { problem: `is neither true nor false; write --${option.name} or --${option.name}=false` };
  }
  return parseInteger(option, text);
}

/** What is wrong with a value by itself, or `undefined`. Rules between options are in rules.ts. */
export function checkRange(option: OptionSpec, value: OptionValue): string | undefined {
  if (option.choices !== undefined && !option.choices.includes(String(value)))
    return `is not known; use one of ${option.choices.join(', ')}`;
  if (option.range === undefined) return undefined;
  const [min, max] = option.range;
  if (typeof value === 'number' && value >= min && value <= max) return undefined;
  return `is out of range; use ${min} to ${max}${option.unit === undefined ? '' : ` (${option.unit})`}`;
}

function parseInteger(option: OptionSpec, text: string): ParsedValue {
  const match = /^([+-]?)(?:(0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+)|([0-9]+))$/.exec(text);
  if (match === null) return { problem: `is not a whole number; write it like --${option.name} ${defaultOf(option)}` };
  const [, sign, prefixed, decimal] = match;
  const magnitude = Number(prefixed ?? decimal);
  const value = sign === '-' && magnitude !== 0 ? -magnitude : magnitude;
  if (decimal === undefined || decimal.length === 1 || !decimal.startsWith('0')) return { value };
  return { value, warning: `has a leading zero, which makes it octal for the Go programs; here it is read as ${value}` };
}

function defaultOf(option: OptionSpec): OptionValue {
  return option.defaults.client ?? option.defaults.server ?? '';
}
