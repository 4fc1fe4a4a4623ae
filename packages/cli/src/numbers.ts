// What is used in place of numbers that are out of range: what the Go programs use, so that a file
// which works with them means the same here (PROTOCOL tunnel §2). Refused is what they refuse, and
// what can carry no data. This is decided when all sources have been read: a value that another
// source overrides does not matter, and some ranges depend on other options.

import { isNamedMode, MODE_NUMBERS } from './modes.ts';
import type { OptionSpec, Side, Substitute } from './option-spec.ts';
import { optionsOf } from './options.ts';
import { leastMtu, MAX_GROUP, type RuleProblem, type Values } from './rules.ts';
import { allowedValues, checkRange } from './values.ts';

/** Numbers that take the place of others, and what is to be said about it. */
export interface FittedNumbers {
  readonly used: ReadonlyMap<string, number>;
  readonly warnings: readonly string[];
  readonly problems: readonly RuleProblem[];
}

/**
 * Finds the numbers that are out of range and what is used instead.
 * @param label - how messages name an option with its value, for example `--mtu 9200`
 */
export function fitNumbers(side: Side, values: Readonly<Values>, label: (name: string) => string): FittedNumbers {
  const used = new Map<string, number>();
  const warnings: string[] = [];
  const problems: RuleProblem[] = [];
  for (const option of optionsOf(side)) {
    if (option.range === undefined || values[option.name] === option.word) continue;
    const { name } = option;
    const value = Number(values[name]);
    // What a mode overrides is its affair.
    if (MODE_NUMBERS.includes(name) && isNamedMode(values['mode'])) continue;
    const reason = problemOf(option, value, values);
    if (reason === undefined) continue;
    const idle = explainIdle(name, values);
    const instead = idle === undefined ? substitute(option, value) : fallback(option, side);
    if (instead === undefined) {
      problems.push({ name, text: `${checkRange(option, value)}${explainGroup(name, values)}` });
      continue;
    }
    used.set(name, instead);
    if (name === 'ratelimit' && value < 0)
      warnings.push(`ratelimit ${value} is negative, falling back to 0`); // the text of the Go programs
    else warnings.push(`${label(name)} ${idle ?? `${reason}: ${instead} is used${hint(name, value)}`}`);
  }
  return { used, warnings, problems };
}

/** Why a number cannot be used, behind its name. */
function problemOf(option: OptionSpec, value: number, values: Readonly<Values>): string | undefined {
  if (checkRange(option, value) !== undefined) return `is out of range (${allowedValues(option)})`;
  if (option.name !== 'mtu') return undefined;
  const least = leastMtu(values);
  return value >= least ? undefined : `leaves no room for payload behind the headers (${least} does)`;
}

function substitute({ range, instead }: OptionSpec, value: number): number | undefined {
  const [min, max] = range as readonly [number, number];
  const choice: Substitute | undefined = value > max ? instead?.above : value < 0 ? (instead?.negative ?? instead?.below) : instead?.below;
  if (choice !== 'low bits') return choice;
  // Both ranges that are stored in so many bits end with a power of two.
  const low = ((value % (max + 1)) + max + 1) % (max + 1);
  return low < min ? undefined : low;
}

/** Why an option has no effect, so that its value does not matter. */
function explainIdle(name: string, values: Readonly<Values>): string | undefined {
  if (name === 'QPPCount' && values['QPP'] !== true) return 'has no effect without --QPP';
  if (Number(values[name]) < 0) return undefined;
  if (name === 'datashard' && Number(values['parityshard']) <= 0) return `has no effect with --parityshard ${values['parityshard']}`;
  if (name === 'parityshard' && Number(values['datashard']) <= 0) return `has no effect with --datashard ${values['datashard']}`;
  return undefined;
}

function fallback(option: OptionSpec, side: Side): number {
  return Number(option.defaults[side]);
}

function explainGroup(name: string, values: Readonly<Values>): string {
  const other = name === 'datashard' ? 'parityshard' : name === 'parityshard' ? 'datashard' : undefined;
  return other === undefined ? '' : `, and at most ${MAX_GROUP} together with --${other} ${values[other]}`;
}

/** What was probably meant. */
function hint(name: string, value: number): string {
  if (name === 'dscp' && value > 63 && value < 256 && value % 4 === 0) return `; for the TOS byte ${value} write ${value / 4}`;
  return '';
}
