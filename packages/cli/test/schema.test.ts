// The published JSON schema against the programs: what it accepts they take without a word about types, ranges and names, and the reverse.

import { readFileSync } from 'node:fs';
import { ConfigError, type OptionSpec, optionsOf, parseCommandLine, type Side } from '@kcptun/cli';
import { Ajv, type ValidateFunction } from 'ajv';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

function schemaOf(side: Side): Record<string, unknown> {
  return JSON.parse(readFileSync(new URL(`../schema/${side}.schema.json`, import.meta.url), 'utf8'));
}

function validatorOf(side: Side): ValidateFunction {
  return new Ajv().compile(schemaOf(side));
}

/** What the program says about a file, without the rules between options and the words of advice. */
function complaints(side: Side, file: unknown): readonly string[] {
  const { problems, warnings } = tell(side, file);
  return [
    ...warnings.filter((line) => /^f\.json: .*(is ignored|should be|is out of range|has no effect)|is negative/.test(line)),
    ...problems.filter((line) => /is out of range|is not known|is not a whole number|is neither|but must be/.test(line)),
  ];
}

function tell(side: Side, file: unknown): { readonly problems: readonly string[]; readonly warnings: readonly string[] } {
  try {
    const commandLine = parseCommandLine(side, ['-c', 'f.json', '--key', 'k'], {}, () => JSON.stringify(file), 'linux');
    if (commandLine.action !== 'run') throw new Error(`asks for ${commandLine.action}`);
    return { problems: [], warnings: commandLine.settings.warnings };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error;
  }
}

/** Values for a key: right ones, nearly right ones and nonsense. */
function valuesOf(option: OptionSpec): fc.Arbitrary<unknown> {
  const [min, max] = option.range ?? [0, 9];
  return fc.oneof(
    fc.constantFrom<unknown>(min, max, min - 1, max + 1, true, false, null, 1.5, 'x', '', [], {}),
    fc.integer({ min, max }),
    fc.constantFrom(...(option.choices ?? ['some text'])),
  );
}

describe.each<Side>(['client', 'server'])('%s', (side) => {
  const keys = optionsOf(side).filter((option) => option.jsonKey !== undefined);

  test('has every key of the table, with its default', () => {
    const { properties } = schemaOf(side) as { properties: Record<string, { default?: unknown; description: string }> };
    expect(Object.keys(properties)).toEqual(['$schema', ...keys.map((option) => option.jsonKey)]);
    for (const option of keys) expect(properties[option.jsonKey as string]?.default).toEqual(option.defaults[side]);
    for (const { description } of Object.values(properties)) expect(description).toMatch(/\.$/);
  });

  test('agrees with the program', () => {
    const validate = validatorOf(side);
    const members = keys.map((option) => fc.tuple(fc.constant(option.jsonKey as string), valuesOf(option)));
    const strangers = fc.constantFrom<[string, unknown][]>(['$schema', 'x'], ['mtuu', 1350], ['ds', 10], ['c', 'x']);
    fc.assert(
      fc.property(fc.array(fc.oneof(...members, strangers), { maxLength: 4 }), (entries) => {
        const file = Object.fromEntries(entries);
        expect(validate(file), JSON.stringify([file, complaints(side, file)])).toBe(complaints(side, file).length === 0);
      }),
      { numRuns: 100 },
    );
  }, 30_000);
});
