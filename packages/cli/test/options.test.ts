// The table itself: every row is complete and agrees with the others.

import { OPTION_DOCS, OPTION_GROUPS, OPTIONS, optionsOf } from '@kcptun/cli';
import { describe, expect, test } from 'vitest';

test('every option has a paragraph, and every paragraph an option', () => {
  expect(Object.keys(OPTION_DOCS).sort()).toEqual(OPTIONS.map((option) => option.name).sort());
});

test.each(OPTIONS.map((option) => [option.name, option] as const))('%s', (_, option) => {
  expect(Object.keys(OPTION_GROUPS)).toContain(option.group);
  const defaults = Object.values(option.defaults);
  expect(defaults.length).toBeGreaterThan(0);
  for (const value of defaults) expect(typeof value).toBe(option.type === 'integer' ? 'number' : option.type);
  if (option.type === 'integer') {
    const [min, max] = option.range as readonly [number, number];
    for (const value of defaults as number[]) expect(value >= min && value <= max).toBe(true);
  } else expect(option.range).toBeUndefined();
  for (const value of defaults) if (option.choices !== undefined) expect(option.choices).toContain(value);
  expect(option.help).toMatch(/^[A-Za-z0-9][^\n]*[^.\s]$/);
  expect(OPTION_DOCS[option.name]).toMatch(/\.$/);
});

describe.each(['client', 'server'] as const)('%s', (side) => {
  test('no two options share a flag or a key', () => {
    const flags = optionsOf(side).flatMap((option) => [option.name, ...option.aliases]);
    expect(new Set(flags).size).toBe(flags.length);
    const keys = optionsOf(side).flatMap((option) => option.jsonKey?.toLowerCase() ?? []);
    expect(new Set(keys).size).toBe(keys.length);
  });
});
