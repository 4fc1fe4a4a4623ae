// The words of a command line, cut into flags the way the Go programs do (PROTOCOL tunnel §2): one dash or two, `-x v` or `-x=v`, booleans
// without a value, the word behind a flag its value whatever it looks like. What Go drops in silence (a stray word with all that follows) is a problem here.
// The result is handed to yargs in one spelling, `--name=value`, in which it cannot misread anything.

import { findOddCharacter } from './odd-characters.ts';
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
  /** A flag whose value is a secret: a later word without a dash may be a part of it that nobody quoted. */
  let secret: string | undefined;
  /** The same of the flag given last, which may also be a misspelt one. */
  let last: string | undefined;

  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? '';
    const match = /^--?([^-=][^=]*)(?:=([\s\S]*))?$/.exec(word);
    const unknown = match !== null && findOption(side, match[1] ?? '') === undefined;
    const behindSecret = unknown && last !== undefined && last === secret;
    const hidden = match === null || behindSecret ? (last ?? secret) : undefined;
    if (hidden !== undefined && !isHelp(match)) {
      // Of the rest nothing is read or shown, whatever it looks like.
      problems.push(`${hidden}: more words follow than its value; put a value with blanks in quotes: ${hidden} "two words"`);
      break;
    }
    if (word === '--') {
      problems.push(...argv.slice(at + 1).map((extra) => explainWord(extra, undefined, side)));
      break;
    }
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
      const odd = findOddCharacter(flag ?? '');
      if (odd !== undefined) problems.push(`${flag}: there is no such flag; it ${odd}`);
      else problems.push(retired === undefined ? `${flag}: there is no such flag; ${suggest(side, name)}` : `--${name} ${retired}`);
      // The word behind it would be its value: one mistake, one line.
      if (text === undefined && at + 1 < argv.length && !argv[at + 1]?.startsWith('-')) at += 1;
      // It may be --key, misspelt.
      last = flag;
      if (findSimilar(side, name)?.secret === true) secret = flag;
      continue;
    }
    last = option.secret === true ? `--${option.name}` : undefined;
    secret = last ?? secret;
    text ??= option.type === 'boolean' ? 'true' : option.bare;
    if (text === undefined) {
      at += 1;
      text = argv[at];
      if (text === undefined) {
        problems.push(`--${option.name}: the value is missing; write --${option.name} VALUE`);
        break;
      }
      if (isFlag(side, text)) {
        const shown = option.secret === true ? 'the word behind it' : text;
        warnings.push(`--${option.name} takes ${shown} as its value, which looks like a flag`);
      }
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

function isHelp(match: RegExpExecArray | null): boolean {
  return match !== null && match[2] === undefined && ['help', 'h', 'version', 'v'].includes(match[1] ?? '');
}

function explainWord(word: string, before: string | undefined, side: Side): string {
  if (word === '') return '"": unexpected empty word; was it a variable that is not set?';
  const odd = findOddCharacter(word);
  if (odd !== undefined) return `${word}: ${odd}`;
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
