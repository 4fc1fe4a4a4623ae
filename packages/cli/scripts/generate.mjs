// Writes what is made from the option table: the JSON schemas of the configuration files, the completions for shells, and the generated parts of
// docs/CONFIGURATION.md.
// Same table, same output; runs on the built package.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { completionScript, SHELLS } from '../dist/index.js';
import { equalOptions, optionChapters, systemRows } from './configuration.mjs';
import { configSchema } from './schema.mjs';

const root = new URL('..', import.meta.url);
const schemas = new URL('schema/', root);
await mkdir(schemas, { recursive: true });
for (const side of /** @type {const} */ (['client', 'server'])) {
  await writeFile(new URL(`${side}.schema.json`, schemas), `${JSON.stringify(configSchema(side), undefined, 2)}\n`);
}

const completions = new URL('share/completion/', root);
await mkdir(completions, { recursive: true });
for (const side of /** @type {const} */ (['client', 'server'])) {
  const names = { bash: `kcptun-${side}.bash`, zsh: `_kcptun-${side}`, fish: `kcptun-${side}.fish` };
  for (const shell of SHELLS) await writeFile(new URL(names[shell], completions), completionScript(side, shell));
}

const document = new URL('../../docs/CONFIGURATION.md', root);
/** @type {Record<string, () => string>} what stands between `<!-- generated: NAME -->` and `<!-- end -->` */
const parts = { equal: equalOptions, options: optionChapters, systems: systemRows };
const text = await readFile(document, 'utf8');
const filled = text.replace(/^<!-- generated: (\w+) -->\n[\s\S]*?^<!-- end -->$/gm, (_, name) => {
  const part = parts[name];
  if (part === undefined) throw new Error(`${fileURLToPath(document)}: there is no generated part ${name}`);
  return `<!-- generated: ${name} -->\n\n${part().trim()}\n\n<!-- end -->`;
});
await writeFile(document, filled);
