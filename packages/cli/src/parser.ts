// The option table as yargs wants it: once for parsing (everything text, so that numbers keep their spelling), once for the help.

import yargs, { type Argv, type Options } from 'yargs';
import { canonicalArguments, type GivenFlag } from './argv.ts';
import type { OptionSpec, Side } from './option-spec.ts';
import { optionsOf } from './options.ts';

const COLUMNS = 120;

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
    type: option.type === 'integer' ? 'number' : option.type,
    describe: `${option.help}${option.unit === undefined ? '' : ` [${option.unit}]`}${option.effective ? '' : ' (no effect yet)'}`,
    default: option.defaults[side],
    // A switch is off, an empty text is none: not worth the space.
    ...(option.defaults[side] === '' || option.type === 'boolean' ? { default: undefined } : {}),
    ...(option.env === undefined ? {} : { defaultDescription: `${JSON.stringify(option.defaults[side])}, or $${option.env}` }),
    hidden: option.hidden === true,
  }));
  parser.options({
    help: { alias: 'h', type: 'boolean', describe: 'show this help' },
    version: { alias: 'v', type: 'boolean', describe: 'print the version' },
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
      `Example: ${example}\n\nEqual on both ends: key, crypt, nocomp, smuxver, QPP, QPPCount. Everything else may differ.\n` +
        '-mode fast3, --mode fast3 and --mode=fast3 are the same. JSON keys are the names of the flags, but qpp and qpp-count.',
    )
    .getHelp();
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
