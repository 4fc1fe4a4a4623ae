// The command lines of the tools of this repository: `--help` shows how a tool is used, and what is wrong is one line and that, with exit code 2.

import { type ParseArgsConfig, parseArgs } from 'node:util';

type Flags = NonNullable<ParseArgsConfig['options']>;

/**
 * Parses the command line of this process. Ends the process after `--help` (exit code 0) and after a mistake (2).
 * @param usage - what `--help` prints, and a mistake behind its own line
 * @param flags - as `parseArgs` of `node:util` takes them; `help` is added
 * @param numbers - flags whose value, where there is one, must be a number above 0
 */
export function parseToolFlags<Given extends Flags>(
  usage: string,
  flags: Given,
  numbers: readonly (string & keyof Given)[] = [],
): ReturnType<typeof parseArgs<{ options: Given }>>['values'] {
  try {
    const { values } = parseArgs({ options: { ...flags, help: { type: 'boolean', default: false } } });
    const given = values as Readonly<Record<string, unknown>>;
    if (given['help'] === true) {
      console.log(usage);
      process.exit();
    }
    const wrong = numbers.find((name) => given[name] !== undefined && !(Number(given[name]) > 0));
    if (wrong !== undefined) throw new Error(`--${wrong} ${given[wrong]}: a number above 0 is needed`);
    return values as ReturnType<typeof parseArgs<{ options: Given }>>['values'];
  } catch (error) {
    // Behind the first sentence comes advice for programmers.
    const [problem] = (error as Error).message.split('. ');
    endWithMistake(usage, problem ?? '');
  }
}

/** Ends the process because of a mistake in its command line. */
export function endWithMistake(usage: string, problem: string): never {
  console.error(`${problem}\n${usage}`);
  process.exit(2);
}
