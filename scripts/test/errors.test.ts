// Codes are what programs match on: each is documented by its package and asserted by a test.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../lib/process.mjs';
import { PACKAGES } from '../lib/workspace.mjs';

/** Codes that no test asserts, and why. */
const UNTESTED: Readonly<Record<string, string>> = {
  KCPTUN_ERR_TUNNEL_DIAL: 'the tunnel uses it inside; what is seen is its message, in the log',
};

const published = Object.entries(PACKAGES as Record<string, { private: boolean }>).flatMap(([folder, rule]) =>
  rule.private ? [] : [folder],
);

function textBelow(folder: string): string {
  if (!existsSync(join(ROOT, folder))) return '';
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(ROOT, folder, file), 'utf8'))
    .join('\n');
}

function codesIn(text: string): Set<string> {
  return new Set(text.match(/KCPTUN_ERR_\w+/g));
}

const tests = codesIn(
  Object.keys(PACKAGES)
    .map((folder) => textBelow(`packages/${folder}/test`))
    .join('\n'),
);
const sources = codesIn(published.map((folder) => textBelow(`packages/${folder}/src`)).join('\n'));

test.each(published)('%s', (folder) => {
  const errors = join(ROOT, 'packages', folder, 'src/errors.ts');
  // A code in quotes is a code of this package; others may be spoken of.
  const own = existsSync(errors) ? (readFileSync(errors, 'utf8').match(/(?<=')KCPTUN_ERR_\w+(?=')/g) ?? []) : [];
  const readme = codesIn(readFileSync(join(ROOT, 'packages', folder, 'README.md'), 'utf8'));
  expect({
    undocumented: own.filter((code) => !readme.has(code)),
    documentedAlone: [...readme].filter((code) => !sources.has(code)),
    untested: own.filter((code) => !tests.has(code) && UNTESTED[code] === undefined),
  }).toEqual({ undocumented: [], documentedAlone: [], untested: [] });
});
