// From the words of a command line, the environment and the JSON file to checked settings, each with its origin. Precedence is that of the
// Go programs: file, flag, environment, default (PROTOCOL tunnel §3). Everything that is wrong is reported at once.

import { readFileSync } from 'node:fs';
import { scanArguments } from './argv.ts';
import { parseConfigFile } from './config-file.ts';
import { ConfigError } from './errors.ts';
import { fitNumbers } from './numbers.ts';
import { findOddCharacter, showText } from './odd-characters.ts';
import type { OptionSpec, OptionValue, Side } from './option-spec.ts';
import { findOption, type OptionsOf, optionsOf, type Shell } from './options.ts';
import { readFlags } from './parser.ts';
import { decodeAsGo, isLost, wellFormed } from './raw-words.ts';
import { adviseOn, applyMode, checkRules, checkSystem, type Origin, type Values } from './rules.ts';
import { checkRange, parseValue } from './values.ts';

/** What a program runs with. */
export interface Settings<S extends Side> {
  readonly side: S;
  readonly options: OptionsOf<S>;
  /** Where each option's value came from. */
  readonly origins: Readonly<Record<string, Origin>>;
  /** Lines to log at start: what was probably not meant. */
  readonly warnings: readonly string[];
}

/** What a command line asks for. */
export type CommandLine<S extends Side> =
  | { readonly action: 'help' }
  | { readonly action: 'version' }
  | { readonly action: 'print-config'; readonly format: 'text' | 'json'; readonly settings: Settings<S> }
  | { readonly action: 'completion'; readonly shell: Shell }
  | { readonly action: 'run'; readonly settings: Settings<S> };

/** The environment variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads a command line.
 * @param argv - the words behind the program's name
 * @param readFile - returns the text of the file of `-c`, or throws what node:fs throws
 * @param system - where it is to run, as `process.platform` says it
 * @throws {ConfigError} `KCPTUN_ERR_CLI_CONFIG` with a line for each problem
 */
export function parseCommandLine<S extends Side>(
  side: S,
  argv: readonly string[],
  env: Environment = {},
  readFile: (path: string) => string = (path) => decodeAsGo(readFileSync(path)),
  system: string = process.platform,
): CommandLine<S> {
  const scanned = scanArguments(side, argv);
  if (scanned.help) return { action: 'help' };
  if (scanned.version) return { action: 'version' };

  const collected = new Collected(side);
  collected.problems.push(...scanned.problems);
  collected.warnings.push(...scanned.warnings);
  collected.takeEnvironment(env);
  for (const [option, text] of readFlags(side, scanned.flags)) collected.takeText(option, text, 'flag', `--${option.name}`);
  collected.takeFile(readFile);

  const { values, origins, warnings } = collected;
  collected.fitNumbers();
  const onSystem = checkSystem(side, values, system);
  for (const { name, text } of [...checkRules(side, values, { system }), ...onSystem.problems]) collected.refuse(name, text);
  if (collected.problems.length > 0) throw new ConfigError(collected.problems, warnings);
  const label = (name: string): string => collected.label(name);
  warnings.push(...applyMode(side, values, origins, label), ...onSystem.warnings, ...adviseOn(values, origins));
  const options = Object.freeze(values) as unknown as OptionsOf<S>;
  const settings: Settings<S> = { side, options, origins, warnings };
  const shell = settings.options.completion;
  if (shell !== 'off') return { action: 'completion', shell };
  const format = settings.options['print-config'];
  return format === 'off' ? { action: 'run', settings } : { action: 'print-config', format, settings };
}

/** Values as they come in from the sources, the weakest first. What is wrong is noted and leaves the value as it was. */
class Collected {
  readonly values: Values = {};
  readonly origins: Record<string, Origin> = {};
  readonly warnings: string[] = [];
  readonly problems: string[] = [];
  readonly #side: Side;
  /** How messages name each value, for example `--mtu 40`. */
  readonly #labels: Map<string, string> = new Map();

  constructor(side: Side) {
    this.#side = side;
    for (const option of optionsOf(side)) {
      const value = option.defaults[side] as OptionValue;
      this.values[option.name] = value;
      this.origins[option.name] = 'default';
      this.#labels.set(option.name, `--${option.name} ${value} (the default)`);
    }
  }

  takeEnvironment(env: Environment): void {
    for (const option of optionsOf(this.#side)) {
      const text = option.env === undefined ? undefined : env[option.env];
      if (text === '') this.warnings.push(`${option.env} is empty and not used`);
      else if (text !== undefined) this.takeText(option, text, 'environment', option.env ?? '');
    }
  }

  takeText(option: OptionSpec, given: string, origin: Origin, source: string): void {
    if (option.secret === true && isLost(given)) {
      this.problems.push(`${source}: is not UTF-8, and its bytes cannot be read here; use a key in UTF-8, or write it into the file of -c`);
      return;
    }
    // Only of the key each byte counts.
    const text = option.secret === true ? given : wellFormed(given);
    const label = option.secret ? source : `${source} ${showText(text)}`;
    const parsed = parseValue(option, text);
    if (parsed.value === undefined) {
      this.problems.push(`${label}: ${parsed.problem}${explainText(text)}`);
      return;
    }
    if (parsed.warning !== undefined) this.warnings.push(`${label} ${parsed.warning}`);
    this.#take(option, parsed.value, origin, label);
  }

  takeFile(readFile: (path: string) => string): void {
    const path = String(this.values['c']);
    if (path === '') return;
    let text: string;
    try {
      text = readFile(path);
    } catch (error) {
      this.problems.push(`-c ${path}: ${explainReadError(error as NodeJS.ErrnoException)}`);
      return;
    }
    const file = parseConfigFile(this.#side, path, text);
    this.problems.push(...file.problems);
    this.warnings.push(...file.warnings);
    for (const [option, value] of file.values) {
      const shown = option.secret ? '' : ` ${JSON.stringify(value)}`;
      const before = this.origins[option.name];
      if ((before === 'flag' || before === 'environment') && this.values[option.name] !== value) {
        const loser = before === 'flag' ? `--${option.name}` : option.env;
        const winner = `${JSON.stringify(option.jsonKey)}:${shown || ' (hidden)'}`;
        this.warnings.push(`${path} wins over the ${before === 'flag' ? 'command line' : before}: ${winner} instead of ${loser}`);
      }
      this.#take(option, value, 'file', `${path}: ${JSON.stringify(option.jsonKey)}${shown}`);
    }
  }

  /** Puts what the Go programs use in the place of numbers that are out of range. */
  fitNumbers(): void {
    const { used, warnings, problems } = fitNumbers(this.#side, this.values, (name) => this.label(name));
    for (const { name, text } of problems) this.refuse(name, text);
    this.warnings.push(...warnings);
    for (const [name, value] of used) this.values[name] = value;
    // What is wrong by itself is not told a second time in the light of other options.
    for (const { name } of problems) this.#reset(name);
  }

  /** How messages name an option with its value. */
  label(name: string): string {
    return this.#labels.get(name) ?? `--${name}`;
  }

  refuse(name: string, text: string): void {
    const value = this.values[name];
    this.problems.push(`${this.label(name)}: ${text}${typeof value === 'string' ? explainText(value) : ''}`);
  }

  #reset(name: string): void {
    const option = findOption(this.#side, name);
    if (option !== undefined) this.values[name] = option.defaults[this.#side] as OptionValue;
  }

  #take(option: OptionSpec, value: OptionValue, origin: Origin, label: string): void {
    // Numbers are checked when the strongest is known.
    const problem = option.type === 'integer' ? undefined : checkRange(option, value);
    if (problem !== undefined) {
      this.problems.push(`${label}: ${problem}${typeof value === 'string' ? explainText(value) : ''}`);
      return;
    }
    if (option.secret === true && /^[\u2018-\u201F].*[\u2018-\u201F]$/u.test(String(value))) {
      this.warnings.push(`${label} has typographic quotes around it, which are part of the value; plain ones are not`);
    }
    this.values[option.name] = value;
    this.origins[option.name] = origin;
    this.#labels.set(option.name, label);
  }
}

/** Why a text is wrong that looks right, or is empty. */
function explainText(text: string): string {
  if (text === '') return ' (was it a variable that is not set?)';
  const odd = findOddCharacter(text);
  return odd === undefined ? '' : ` (it ${odd})`;
}

function explainReadError(error: NodeJS.ErrnoException): string {
  if (error.code === 'ENOENT') return 'there is no such file';
  if (error.code === 'EACCES') return 'no permission to read the file';
  if (error.code === 'EISDIR') return 'is a directory, not a JSON file';
  return `cannot be read: ${error.message}`;
}
