// What does not work on a system is said in one line: refused where the tunnel would be another one without it, a warning where it would not.

import { ConfigError, OPTIONS, optionsOf, parseCommandLine } from '@kcptun/cli';
import { expect, test } from 'vitest';

const noFile = (): string => '';

/** What a command line is told on a system. */
function tell(argv: readonly string[], system: string): { readonly problems: readonly string[]; readonly warnings: readonly string[] } {
  try {
    const commandLine = parseCommandLine('client', ['--key', 'k', ...argv], {}, noFile, system);
    if (commandLine.action !== 'run') throw new Error(`asks for ${commandLine.action}`);
    return { problems: [], warnings: commandLine.settings.warnings };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { problems: error.problems, warnings: [] };
  }
}

const bound = optionsOf('client').filter((option) => option.systems !== undefined && option.type === 'boolean');

test.each(bound.map((option) => [option.name, option] as const))('--%s', (name, option) => {
  for (const system of ['linux', 'darwin', 'win32', 'freebsd', 'aix'] as const) {
    const { problems, warnings } = tell([`--${name}`], system);
    const works = option.systems?.on.some((each) => each === system);
    const lines = [...problems, ...warnings].filter((line) => line.startsWith(`--${name} true`));
    expect(lines.length, system).toBe(works ? 0 : 1);
    expect(problems.length === 1, system).toBe(!works && option.systems?.elsewhere === 'refused');
    // Left at its default it is fine everywhere.
    expect(tell([`--${name}=false`], system), system).toEqual({ problems: [], warnings: [] });
  }
});

test('fake TCP is refused where there are no raw sockets for it', () => {
  expect(tell(['--tcp'], 'darwin').problems).toEqual(['--tcp true: works on Linux only, and this is macOS; leave it out']);
  expect(tell(['--tcp'], 'sunos').problems).toEqual(['--tcp true: works on Linux only, and this is sunos; leave it out']);
});

test('only rows that need a system name one', () => {
  for (const { systems } of OPTIONS) if (systems !== undefined) expect(systems.on.length).toBeGreaterThan(0);
});
