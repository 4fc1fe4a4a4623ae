// `npm run check`: everything that can be said about the repository without running its tests. Each step prints one
// line, and its output when it fails; the last line is `N passed, N failed`. `npm run check -- lint knip` runs only these.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { build, install } from './bootstrap.mjs';
import { checkFiles } from './check-files.mjs';
import { checkPurity } from './check-purity.mjs';
import { checkWorkspace } from './check-workspace.mjs';
import { pnpm, progress, ROOT, run } from './lib/process.mjs';
import { endWith, noTotals } from './lib/totals.mjs';
import { PACKAGES, packageFolders } from './lib/workspace.mjs';

/** @typedef {Promise<{ code: number, output: string }>} Outcome */

/** @type {Record<string, () => Outcome>} in the order in which they run */
const STEPS = {
  types: () => tool('typescript/bin/tsc', '-p', 'tsconfig.check.json'),
  lint: () => tool('@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '--colors=off', '.'),
  purity: () => outcome(checkPurity()),
  workspace: () => outcome(checkWorkspace()),
  files: () => outcome(checkFiles()),
  knip: () => tool('knip/bin/knip.js', '--no-progress', '--no-config-hints'),
  publint: checkPackages,
  api: () => tool('typedoc/bin/typedoc', '--emit', 'none', '--logLevel', 'Warn'),
  generated: checkGenerated,
};

/** What generators write besides the `generated` folders of sources: files and folders. */
const ALSO_GENERATED = ['docs/CONFIGURATION.md', 'packages/cli/schema', 'packages/cli/share/completion'];

await install();
const chosen = process.argv.slice(2);
const unknown = chosen.filter((name) => STEPS[name] === undefined);
if (unknown.length > 0) {
  console.error(`no such check: ${unknown.join(', ')}; there are ${Object.keys(STEPS).join(', ')}`);
  process.exit(1);
}
const totals = noTotals();
if (await build()) totals.passed += 1;
else totals.failures.push('build');
for (const [name, step] of Object.entries(STEPS)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  if (await progress(name, step)) totals.passed += 1;
  else totals.failures.push(name);
}
endWith(totals);

/**
 * @param {string} path of a tool's program below node_modules
 * @param {...string} args
 * @returns {Outcome}
 */
function tool(path, ...args) {
  return run(process.execPath, [join(ROOT, 'node_modules', path), ...args]);
}

/**
 * @param {readonly string[]} problems
 * @returns {Outcome}
 */
async function outcome(problems) {
  return { code: problems.length === 0 ? 0 : 1, output: problems.join('\n') };
}

/** @returns {Outcome} what publint says about every published package, warnings and suggestions included */
async function checkPackages() {
  const { publint } = await import('publint');
  const { formatMessage } = await import('publint/utils');
  /** @type {string[]} */
  const problems = [];
  for (const folder of packageFolders().filter((name) => PACKAGES[name]?.private !== true)) {
    const { messages, pkg } = await publint({ pkgDir: join(ROOT, 'packages', folder), pack: false, strict: true });
    for (const message of messages) problems.push(`${folder}: ${formatMessage(message, pkg, { color: false })}`);
  }
  return outcome(problems);
}

/** @returns {Outcome} whether the generators reproduce the committed files of all `generated` folders, and {@link ALSO_GENERATED} */
async function checkGenerated() {
  const before = generatedFiles();
  const result = await pnpm(['--recursive', '--if-present', 'run', 'generate']);
  if (result.code !== 0) return result;
  const after = generatedFiles();
  const names = new Set([...before.keys(), ...after.keys()]);
  return outcome(
    [...names].filter((name) => before.get(name) !== after.get(name)).map((name) => `${name} is not what its generator writes`),
  );
}

/** @returns {Map<string, string>} digest by path */
function generatedFiles() {
  const sources = packageFolders()
    .map((folder) => join(ROOT, 'packages', folder, 'src'))
    .filter((source) => existsSync(source))
    .flatMap((source) => filesBelow(source).filter((path) => path.includes('generated')));
  const others = ALSO_GENERATED.map((name) => join(ROOT, name)).flatMap((path) =>
    statSync(path).isDirectory() ? filesBelow(path) : [path],
  );
  return new Map(
    [...sources, ...others].map((path) => [relative(ROOT, path), createHash('sha256').update(readFileSync(path)).digest('hex')]),
  );
}

/**
 * @param {string} folder
 * @returns {string[]}
 */
function filesBelow(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
