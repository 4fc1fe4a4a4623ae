// What `--print-config` prints: every setting, its value and where it came from.

import type { Settings } from './command-line.ts';
import type { OptionSpec, Side } from './option-spec.ts';
import { optionsOf } from './options.ts';
import type { Origin } from './rules.ts';

/** Settings that say what to do now, and not how the tunnel is set. */
const NOT_SHOWN: readonly string[] = ['print-config', 'completion'];

const HIDDEN = '(hidden)';

/** One setting in the form for programs. */
export interface PrintedSetting {
  /** Absent for what is secret. */
  readonly value?: string | number | boolean;
  readonly origin: Origin;
}

/** The text of `--print-config`: a line per setting, with its flag, value and origin. */
export function configText<S extends Side>({ side, options, origins }: Settings<S>): string {
  const values = options as unknown as Readonly<Record<string, string | number | boolean>>;
  const rows = shownOptions(side).map((option) => ({
    name: option.name,
    value: option.secret === true ? HIDDEN : JSON.stringify(values[option.name]),
    origin: explainOrigin(option, origins[option.name] ?? 'default', values),
  }));
  const nameWidth = Math.max(...rows.map(({ name }) => name.length));
  const valueWidth = Math.max(...rows.map(({ value }) => value.length));
  return rows.map(({ name, value, origin }) => `${name.padEnd(nameWidth)}  ${value.padEnd(valueWidth)}  ${origin}\n`).join('');
}

/** The text of `--print-config=json`: an object with {@link PrintedSetting} by the name of the flag. */
export function configJson<S extends Side>({ side, options, origins }: Settings<S>): string {
  const values = options as unknown as Readonly<Record<string, string | number | boolean>>;
  const printed = shownOptions(side).map((option): [string, PrintedSetting] => {
    const origin = origins[option.name] ?? 'default';
    return [option.name, option.secret === true ? { origin } : { value: values[option.name] as string | number | boolean, origin }];
  });
  return `${JSON.stringify(Object.fromEntries(printed), undefined, 2)}\n`;
}

function shownOptions(side: Side): readonly OptionSpec[] {
  return optionsOf(side).filter(({ name }) => !NOT_SHOWN.includes(name));
}

function explainOrigin(option: OptionSpec, origin: Origin, values: Readonly<Record<string, unknown>>): string {
  switch (origin) {
    case 'default':
      return 'default';
    case 'flag':
      return 'flag';
    case 'environment':
      return `environment ${option.env}`;
    case 'file':
      return `file ${values['c']}`;
    case 'mode':
      return `mode ${values['mode']}`;
  }
}
