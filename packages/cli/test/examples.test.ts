// The files of examples/config: each is accepted without a word, by the schema and by its program, and the two of a pair understand each other.

import { readdirSync, readFileSync } from 'node:fs';
import { optionsOf, parseCommandLine, type Side } from '@kcptun/cli';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';

const folder = new URL('../../../examples/config/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.json'));

function sideOf(name: string): Side {
  return /(^|-)client\.json$/.test(name) ? 'client' : 'server';
}

function textOf(name: string): string {
  return readFileSync(new URL(name, folder), 'utf8');
}

function settingsOf(name: string) {
  const commandLine = parseCommandLine(sideOf(name), ['-c', name], {}, () => textOf(name), 'linux');
  if (commandLine.action !== 'run') throw new Error(`${name} asks for ${commandLine.action}`);
  return commandLine.settings;
}

test.each(files)('%s', (name) => {
  const side = sideOf(name);
  const file = JSON.parse(textOf(name)) as Record<string, unknown>;
  const schema = JSON.parse(readFileSync(new URL(`../schema/${side}.schema.json`, import.meta.url), 'utf8')) as Record<string, unknown>;
  const validate = new Ajv().compile(schema);
  expect(validate(file), JSON.stringify(validate.errors)).toBe(true);
  expect(file['$schema']).toBe(schema['$id']);
  expect(settingsOf(name).warnings).toEqual([]);
});

describe('pairs', () => {
  const clients = files.filter((name) => sideOf(name) === 'client');

  test('every file has its other end', () => {
    expect(clients.map((name) => name.replace('client', 'server')).sort()).toEqual(
      files.filter((name) => sideOf(name) === 'server').sort(),
    );
  });

  test.each(clients)('%s agrees with its server', (name) => {
    const client = settingsOf(name).options as unknown as Record<string, unknown>;
    const server = settingsOf(name.replace('client', 'server')).options as unknown as Record<string, unknown>;
    const equal = optionsOf('client').filter((option) => option.equal === true);
    expect(equal.length).toBeGreaterThan(5);
    for (const option of equal) expect(client[option.name], option.name).toEqual(server[option.name]);
    // The same ports at both ends, so that a pair works once the host is changed.
    expect(String(client['remoteaddr']).split(':').at(-1)).toBe(String(server['listen']).split(':').at(-1));
  });
});
