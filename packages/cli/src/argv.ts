// The words of a command line, cut into flags the way the Go programs do (PROTOCOL tunnel §2): one dash or two, `-x v` or `-x=v`, booleans
// without a value, the word behind a flag its value whatever it looks like. What Go drops in silence (a stray word with all that follows) is a problem here.
// The result is handed to yargs in one spelling, `--name=value`, in which it can not misread anything.

import type { OptionSpec, Side } from './option-spec.ts';
import { findOption } from './options.ts';
import { explainRetired, findSimilar } from './suggestions.ts';

/** A flag that was given. */
export interface GivenFlag {
  readonly option: OptionSpec;
  /** Its value as text; what it stands for when it was given without one. */
  readonly text: string;
}

/** What a command line says. */
export interface ScannedArguments {
  /** In the order given; a later one wins. */
  readonly flags: readonly GivenFlag[];
  readonly help: boolean;
  readonly version: boolean;
  readonly warnings: readonly string[];
  readonly problems: readonly string[];
}

/** Cuts the words behind the program's name into flags. */
export function scanArguments(side: Side, argv: readonly string[]): ScannedArguments {
  const flags: GivenFlag[] = [];
  const warnings: string[] = [];
  const problems: string[] = [];
  let help = false;
  let version = false;

  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? '';
    if (word === '--') {
      problems.push(...argv.slice(at + 1).map((extra) => explainWord(extra, undefined, side)));
      break;
    }
    const match = /^--?([^-=][^=]*)(?:=([\s\S]*))?$/.exec(word);
    if (match === null) {
      if (word === 'help' || word === 'h') help = true;
      else problems.push(explainWord(word, argv[at - 1], side));
      continue;
    }
    const name = match[1] ?? '';
    let text = match[2];
    if (text === undefined && (name === 'help' || name === 'h')) {
      help = true;
      continue;
    }
    if (text === undefined && (name === 'version' || name === 'v')) {
      version = true;
      continue;
    }
    const option = findOption(side, name);
    if (option === undefined) {
      const retired = explainRetired(name);
      // Without its value, which may be the secret of a misspelt --key.
      const [flag] = word.split('=', 1);
      problems.push(retired === undefined ? `${flag}: there is no such flag; ${suggest(side, name)}` : `--${name} ${retired}`);
      // The word behind it would be its value: one mistake, one line.
      if (text === undefined && at + 1 < argv.length && !argv[at + 1]?.startsWith('-')) at += 1;
      continue;
    }
    text ??= option.type === 'boolean' ? 'true' : option.bare;
    if (text === undefined) {
      at += 1;
      text = argv[at];
      if (text === undefined) {
        problems.push(`--${option.name}: the value is missing; write --${option.name} VALUE`);
        break;
      }
      if (isFlag(side, text)) warnings.push(`--${option.name} takes ${text} as its value, which looks like a flag`);
    }
    flags.push({ option, text });
  }
  return { flags, help, version, warnings, problems };
}

/** The same flags in the one spelling that leaves nothing to interpret. */
export function canonicalArguments(flags: readonly GivenFlag[]): string[] {
  return flags.map(({ option, text }) => `--${option.name}=${text}`);
}

function isFlag(side: Side, word: string): boolean {
  const name = /^--?([^-=][^=]*)/.exec(word)?.[1];
  return name !== undefined && findOption(side, name) !== undefined;
}

function explainWord(word: string, before: string | undefined, side: Side): string {
  const previous = findOption(side, before?.replace(/^--?/, '') ?? '');
  if (before?.startsWith('-') && previous !== undefined && (previous.type === 'boolean' || previous.bare !== undefined)) {
    return `${word}: unexpected word; --${previous.name} takes no separate value, write --${previous.name}=${word}`;
  }
  return `${word}: unexpected word; flags begin with a dash`;
}

/** The flag that was probably meant, or where the name belongs. */
function suggest(side: Side, name: string): string {
  const similar = findSimilar(side, name);
  if (similar !== undefined) return `did you mean ${similar.name.length === 1 ? '-' : '--'}${similar.name}?`;
  const other: Side = side === 'client' ? 'server' : 'client';
  return findOption(other, name) === undefined ? 'see --help' : `it is one of kcptun-${other}`;
}
