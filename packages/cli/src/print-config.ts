// What `--print-config` prints: every setting, its value and where it came from; in mode `auto` also what
// is a limit only, because the line decides, and what has no effect.

import type { Settings } from './command-line.ts';
import type { OptionSpec, Side } from './option-spec.ts';
import { optionsOf } from './options.ts';
import type { Origin } from './rules.ts';

/** Settings that say what to do now, and not how the tunnel is set. */
const NOT_SHOWN: readonly string[] = ['print-config', 'completion'];

const HIDDEN = '(hidden)';

/** What a setting is in mode `auto` where it does not simply hold; see {@link PrintedSetting}. */
interface AutoMeaning {
  readonly meaning: 'limit' | 'found' | 'unused';
  readonly text: string;
}

const UNUSED: AutoMeaning = { meaning: 'unused', text: 'no effect: losses are found from what arrives' };

const AUTO_MEANINGS: Readonly<Record<string, AutoMeaning>> = {
  conn: { meaning: 'found', text: 'as many as are needed, up to 4, which share one rate' },
  nodelay: UNUSED,
  resend: UNUSED,
  nc: UNUSED,
  interval: { meaning: 'limit', text: 'a limit: acknowledgements wait no longer' },
  sndwnd: { meaning: 'limit', text: 'a limit: what is in flight comes from the line' },
  rcvwnd: { meaning: 'limit', text: 'a limit: what the other end may have in flight' },
  parityshard: { meaning: 'limit', text: 'a limit: how much of it is sent comes from the losses' },
  ratelimit: { meaning: 'limit', text: 'a limit, 0 is none: the rate comes from the line' },
  smuxbuf: { meaning: 'limit', text: 'a limit of memory' },
  streambuf: { meaning: 'limit', text: 'a limit of memory' },
};

/** One setting in the form for programs. */
export interface PrintedSetting {
  /** Absent for what is secret. */
  readonly value?: string | number | boolean;
  readonly origin: Origin;
  /** In mode `auto`: `limit`, the line decides within it; `found`, decided as needed; `unused`, without effect. */
  readonly auto?: 'limit' | 'found' | 'unused';
}

/** The text of `--print-config`: a line per setting, with its flag, value and origin. */
export function configText<S extends Side>({ side, options, origins }: Settings<S>): string {
  const values = options as unknown as Readonly<Record<string, string | number | boolean>>;
  const rows = shownOptions(side).map((option) => ({
    name: option.name,
    value: option.secret === true ? HIDDEN : JSON.stringify(values[option.name]),
    origin: explainOrigin(option, origins[option.name] ?? 'default', values) + explainAuto(option, values),
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
    const auto = autoMeaning(option, values)?.meaning;
    const value = option.secret === true ? {} : { value: values[option.name] as string | number | boolean };
    return [option.name, { ...value, origin, ...(auto === undefined ? {} : { auto }) }];
  });
  return `${JSON.stringify(Object.fromEntries(printed), undefined, 2)}\n`;
}

function shownOptions(side: Side): readonly OptionSpec[] {
  return optionsOf(side).filter(({ name }) => !NOT_SHOWN.includes(name));
}

/** What a setting means in mode `auto`; a number of sessions that was given holds. */
function autoMeaning({ name }: OptionSpec, values: Readonly<Record<string, unknown>>): AutoMeaning | undefined {
  if (values['mode'] !== 'auto' || (name === 'conn' && values['conn'] !== 'auto')) return undefined;
  return AUTO_MEANINGS[name];
}

function explainAuto(option: OptionSpec, values: Readonly<Record<string, unknown>>): string {
  const meaning = autoMeaning(option, values);
  return meaning === undefined ? '' : `; ${meaning.text}`;
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
