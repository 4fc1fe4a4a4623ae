// Consistency of the manifests: the graph of scripts/lib/workspace.mjs, `dependencies` in package.json and `references`
// in tsconfig.json say the same; every published package has the fields, version and licence of the others; the pinned
// pnpm is the same everywhere. Alone: `node scripts/check-workspace.mjs`.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { PNPM_VERSION, ROOT } from './lib/process.mjs';
import { folderOfImport, PACKAGES, packageFolders, packageName } from './lib/workspace.mjs';

/** A program's package starts the program and does nothing else. */
const MAX_PROGRAM_LINES = 10;

/** @typedef {Record<string, any>} Json */

/**
 * @param {string} path relative to the repository
 * @returns {Json} also of JSON with comments
 */
function readJson(path) {
  const { config, error } = ts.parseConfigFileTextToJson(path, readFileSync(join(ROOT, path), 'utf8'));
  if (error !== undefined) throw new Error(`${path} is not JSON`);
  return config;
}

/** @returns {string[]} one line per problem */
export function checkWorkspace() {
  const root = readJson('package.json');
  const { version } = readJson('lerna.json');
  /** @type {string[]} */
  const problems = [];
  if (root['devEngines'].packageManager.version !== PNPM_VERSION)
    problems.push('package.json: devEngines names another pnpm than scripts/lib/process.mjs');
  const folders = packageFolders();
  for (const folder of Object.keys(PACKAGES)) if (!folders.includes(folder)) problems.push(`packages/${folder} is missing`);
  for (const folder of folders) {
    if (PACKAGES[folder] === undefined) problems.push(`packages/${folder} is not in scripts/lib/workspace.mjs`);
    else problems.push(...checkManifest(folder, root, version), ...checkReferences(folder));
  }
  problems.push(...checkRootReferences(folders));
  return problems;
}

/** Folders that a package publishes besides its code, where it has them. */
const PUBLISHED_FOLDERS = ['schema', 'share'];

/**
 * @param {string} folder
 * @param {Json} root
 * @param {string} version
 * @returns {string[]}
 */
function checkManifest(folder, root, version) {
  const path = `packages/${folder}/package.json`;
  const manifest = readJson(path);
  const isProgram = manifest['bin'] !== undefined;
  const isPrivate = PACKAGES[folder]?.private === true;
  /** @type {Json} */
  const wanted = { name: packageName(folder), version, license: 'MIT', type: 'module', sideEffects: isProgram, engines: root['engines'] };
  if (isPrivate) wanted['private'] = true;
  else {
    wanted['publishConfig'] = { access: 'public', provenance: true };
    const more = PUBLISHED_FOLDERS.filter((name) => existsSync(join(ROOT, 'packages', folder, name)));
    wanted['files'] = ['dist', '!dist/**/*.tsbuildinfo', 'src', ...more];
  }
  const problems = Object.keys(wanted)
    .filter((key) => JSON.stringify(manifest[key]) !== JSON.stringify(wanted[key]))
    .map((key) => `${path}: ${key} is ${JSON.stringify(manifest[key])}, expected ${JSON.stringify(wanted[key])}`);
  if (!isPrivate && manifest['private'] !== undefined) problems.push(`${path}: a published package may not be private`);
  if (!isPrivate && manifest['repository']?.directory !== `packages/${folder}`) problems.push(`${path}: repository.directory`);
  if (!isPrivate && !existsSync(join(ROOT, 'packages', folder, 'README.md'))) problems.push(`packages/${folder}/README.md is missing`);
  for (const [entry, target] of Object.entries(manifest['exports'] ?? {})) {
    if (!entry.endsWith('.json') && Object.keys(target).join() !== '@kcptun/source,types,default') {
      problems.push(`${path}: exports["${entry}"] must be @kcptun/source, types, default in this order`);
    }
  }
  const production = { ...manifest['dependencies'], ...manifest['optionalDependencies'], ...manifest['peerDependencies'] };
  const internal = Object.keys(production).flatMap((name) => folderOfImport(name) ?? []);
  problems.push(...difference(`${path}: dependencies`, internal, PACKAGES[folder]?.dependsOn ?? []));
  for (const [name, range] of Object.entries({ ...production, ...manifest['devDependencies'] })) {
    if (folderOfImport(name) !== undefined && range !== 'workspace:^') problems.push(`${path}: ${name} must be workspace:^`);
    // lerna publishes `catalog:` as it is written, which nobody can install.
    if (range.startsWith('catalog:')) problems.push(`${path}: ${name} may not be catalog:`);
  }
  for (const file of Object.values(manifest['bin'] ?? {})) problems.push(...checkProgram(folder, String(file)));
  return problems;
}

/**
 * @param {string} folder
 * @param {string} file as `bin` names it, below dist
 * @returns {string[]}
 */
function checkProgram(folder, file) {
  const source = join('packages', folder, file.replace('dist', 'src').replace(/js$/, 'ts'));
  if (!existsSync(join(ROOT, source))) return [`${source} is missing`];
  const lines = readFileSync(join(ROOT, source), 'utf8').trimEnd().split('\n');
  const problems = [];
  if (lines[0] !== '#!/usr/bin/env node') problems.push(`${source}: the first line must be #!/usr/bin/env node`);
  if (lines.length > MAX_PROGRAM_LINES) problems.push(`${source}: ${lines.length} lines, at most ${MAX_PROGRAM_LINES}`);
  return problems;
}

/**
 * @param {string} folder
 * @returns {string[]}
 */
function checkReferences(folder) {
  const rule = PACKAGES[folder];
  const problems = [];
  for (const name of ['tsconfig.json', 'tsconfig.node.json']) {
    const path = `packages/${folder}/${name}`;
    if (!existsSync(join(ROOT, path))) continue;
    const isNode = name === 'tsconfig.node.json';
    const references = /** @type {{ path: string }[]} */ (readJson(path)['references'] ?? []).map((reference) => reference.path);
    if (isNode && !references.includes('./tsconfig.json')) problems.push(`${path}: must refer to ./tsconfig.json`);
    const nodeParts = references.filter((reference) => reference.endsWith('/tsconfig.node.json'));
    if (rule?.pure && !isNode && nodeParts.length > 0) problems.push(`${path}: a pure package may not refer to ${nodeParts.join(', ')}`);
    const named = references.filter((reference) => reference.startsWith('../')).map((reference) => reference.split('/')[1] ?? '');
    // Private packages may depend on what they only start or only test: the build of those does not wait for it.
    const needed = (rule?.dependsOn ?? []).filter((other) => rule?.private !== true || named.includes(other));
    problems.push(...difference(`${path}: references`, [...new Set(named)], needed));
  }
  if (
    rule?.pure === true &&
    existsSync(join(ROOT, 'packages', folder, 'src/node')) !== existsSync(join(ROOT, 'packages', folder, 'tsconfig.node.json'))
  ) {
    problems.push(`packages/${folder}: src/node and tsconfig.node.json belong together`);
  }
  return problems;
}

/**
 * @param {readonly string[]} folders
 * @returns {string[]}
 */
function checkRootReferences(folders) {
  const listed = /** @type {{ path: string }[]} */ (readJson('tsconfig.json')['references']).map((reference) => reference.path);
  const wanted = folders.flatMap((folder) => {
    const nodePart = `packages/${folder}/tsconfig.node.json`;
    return existsSync(join(ROOT, nodePart)) ? [`packages/${folder}`, nodePart] : [`packages/${folder}`];
  });
  return difference('tsconfig.json: references', listed, wanted);
}

/**
 * @param {string} what
 * @param {readonly string[]} actual
 * @param {readonly string[]} wanted
 * @returns {string[]}
 */
function difference(what, actual, wanted) {
  const missing = wanted.filter((name) => !actual.includes(name)).map((name) => `${what}: ${name} is missing`);
  return [...missing, ...actual.filter((name) => !wanted.includes(name)).map((name) => `${what}: ${name} should not be there`)];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const problems = checkWorkspace();
  for (const problem of problems) console.log(problem);
  process.exit(problems.length === 0 ? 0 : 1);
}
