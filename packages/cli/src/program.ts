// The front of both programs: help, version and mistakes are answered here; otherwise the settings come back.

import { readFileSync } from 'node:fs';
import { type Environment, parseCommandLine, type Settings } from './command-line.ts';
import { completionScript } from './completion.ts';
import { ConfigError } from './errors.ts';
import type { Side } from './option-spec.ts';
import { helpText } from './parser.ts';
import { configJson, configText } from './print-config.ts';

/** Exit code after help and version. */
export const EXIT_OK = 0;
/** Exit code when a program cannot do its work. */
export const EXIT_FAILURE = 1;
/** Exit code when the command line or the configuration file is wrong. */
export const EXIT_USAGE = 2;

/** What a program sees of its process. */
export interface ProgramContext {
  /** The words behind the program's name. */
  readonly argv: readonly string[];
  readonly env: Environment;
  /** Takes text for standard output. */
  readonly print: (text: string) => void;
  /** Takes text for standard error. */
  readonly complain: (text: string) => void;
}

/**
 * Reads the command line and answers what needs no tunnel.
 * @returns the settings to run with, or the exit code when all is said
 */
export async function readSettings<S extends Side>(side: S, context: ProgramContext): Promise<Settings<S> | number> {
  try {
    const commandLine = parseCommandLine(side, context.argv, context.env);
    switch (commandLine.action) {
      case 'run':
        return commandLine.settings;
      case 'help':
        context.print(`${await helpText(side)}\n`);
        return EXIT_OK;
      case 'version':
        context.print(`kcptun version ${programVersion()}\n`);
        return EXIT_OK;
      case 'completion':
        context.print(completionScript(side, commandLine.shell));
        return EXIT_OK;
      case 'print-config':
        // What would be logged as a warning at start is part of the answer, but not of the output that programs read.
        for (const line of commandLine.settings.warnings) context.complain(`kcptun-${side}: WARNING: ${line}\n`);
        context.print(commandLine.format === 'json' ? configJson(commandLine.settings) : configText(commandLine.settings));
        return EXIT_OK;
    }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) context.complain(`kcptun-${side}: ${problem}\n`);
    for (const warning of error.warnings) context.complain(`kcptun-${side}: WARNING: ${warning}\n`);
    return EXIT_USAGE;
  }
}

let version: string | undefined;

/** The version of this package, which is that of the programs; read once. */
export function programVersion(): string {
  version ??= (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version;
  return version;
}
