// The option table as yargs wants it: once for parsing (everything text, so that numbers keep their spelling), once for the help.

import yargs, { type Argv, type Options } from 'yargs';
import { canonicalArguments, type GivenFlag } from './argv.ts';
import { type OptionSpec, type Side, UNLIMITED } from './option-spec.ts';
import { optionsOf } from './options.ts';
import { SYSTEM_NAMES } from './rules.ts';
import { allowedValues, unitOf } from './values.ts';

const COLUMNS = 120;

const GROUP = 'Options:';
const OWN_GROUP = 'Options that the Go programs do not have:';

/** The last value of each flag that was given, as text. */
export function readFlags(side: Side, flags: readonly GivenFlag[]): Map<OptionSpec, string> {
  const parser = createParser(side, (option) => ({ string: true, requiresArg: true, hidden: option.hidden === true }));
  const parsed = parser.strict().parseSync(canonicalArguments(flags)) as Record<string, unknown>;
  const texts = new Map<OptionSpec, string>();
  for (const option of optionsOf(side)) {
    const text = parsed[option.name];
    if (typeof text === 'string') texts.set(option, text);
  }
  return texts;
}

/** The text of `--help`: flags in the order of the Go programs (PROTOCOL tunnel §2). */
export async function helpText(side: Side): Promise<string> {
  const parser = createParser(side, (option) => ({
    alias: [...option.aliases],
    describe: describe(option),
    default: option.defaults[side],
    // A switch is off, an empty text is none: not worth the space.
    ...(option.defaults[side] === '' || option.type === 'boolean' || option.bare !== undefined ? { default: undefined } : {}),
    ...(option.env === undefined ? {} : { defaultDescription: `${JSON.stringify(option.defaults[side])}, or $${option.env}` }),
    hidden: option.hidden === true,
    group: option.ours === true ? OWN_GROUP : GROUP,
  }));
  parser.options({
    help: { alias: 'h', describe: 'show this help', group: GROUP },
    version: { alias: 'v', describe: 'print the version', group: GROUP },
  });
  const role =
    side === 'client'
      ? 'accepts connections and carries them over KCP to a kcptun server'
      : 'takes connections from kcptun clients to a target';
  const example =
    side === 'client'
      ? 'kcptun-client -r server.example.com:29900 -l :12948 --key "our secret" --mode fast3'
      : 'kcptun-server -t 127.0.0.1:8080 -l :29900 --key "our secret" --mode fast3';
  return await parser
    .usage(`kcptun-${side}: ${role}\n\nUsage: kcptun-${side} [options]`)
    .epilogue(
      `Example: ${example}\n\nA -c file wins over flags, flags win over the environment. What is not marked as equal on both ends may differ.\n` +
        '--mode manual takes --nodelay, --interval, --resend and --nc; --acknodelay acknowledges at once.\n' +
        '-mode fast3, --mode fast3 and --mode=fast3 are the same.\n' +
        'JSON keys are the names of the flags, but qpp, qpp-count and qpp-gen.',
    )
    .getHelp();
}

/** What a line of the help says before the default. */
function describe(option: OptionSpec): string {
  const parts = [option.help];
  const unit = unitOf(option);
  if (option.range !== undefined && option.range[1] < UNLIMITED) parts.push(allowedValues(option));
  else if (unit !== undefined) parts.push(`in ${unit}`);
  if (option.equal === true) parts.push('equal on both ends');
  if (option.systems !== undefined) parts.push(`on ${option.systems.on.map((each) => SYSTEM_NAMES[each]).join(', ')} only`);
  const choices = option.bare === undefined && option.choices !== undefined ? `: ${option.choices.join(', ')}` : '';
  const zero = option.zero === undefined ? '' : `; 0: ${option.zero}`;
  return `${parts.join(', ')}${choices}${zero}`;
}

function createParser(side: Side, describe: (option: OptionSpec) => Options): Argv {
  const parser = yargs([])
    .scriptName(`kcptun-${side}`)
    .locale('en')
    .help(false)
    .version(false)
    .exitProcess(false)
    .wrap(COLUMNS)
    .parserConfiguration({
      'short-option-groups': false,
      'camel-case-expansion': false,
      'boolean-negation': false,
      'duplicate-arguments-array': false,
      'dot-notation': false,
      'parse-numbers': false,
    });
  return parser.options(Object.fromEntries(optionsOf(side).map((option) => [option.name, describe(option)])));
}
