// Purity and direction of layers, on the syntax tree (no type check, so it takes well under a second).
// Pure files may not name a clock, a source of randomness, a timer or anything of Node; no file may import a package
// that its own package does not depend on. The compiler (`types: []`), pnpm's isolated node_modules and Biome say most
// of this too; what only this file sees is `Date` and `Math.random` in every spelling, subpaths, and relative imports
// that leave the package. Alone: `node scripts/check-purity.mjs`.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { ROOT } from './lib/process.mjs';
import { folderOfImport, PACKAGES, packageFolders } from './lib/workspace.mjs';

/**
 * Names of ECMAScript itself, so the compiler lets them pass: clocks, randomness, code from text, the collector's
 * moods, blocking, and `globalThis`, through which everything else could be had. Forbidden in every position.
 */
export const FORBIDDEN_LANGUAGE_NAMES = ['Date', 'Intl', 'eval', 'Function', 'WeakRef', 'FinalizationRegistry', 'Atomics', 'globalThis'];

/** Names of Node and browsers. A local binding of the same name (`module`, `process`) is allowed. */
export const FORBIDDEN_HOST_NAMES = [
  ...['performance', 'setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'setImmediate', 'clearImmediate'],
  ...['queueMicrotask', 'requestAnimationFrame', 'console', 'Buffer', 'process', 'global', 'window', 'self'],
  ...['require', 'module', 'exports', '__dirname', '__filename', 'crypto', 'fetch', 'MessageChannel', 'Worker'],
];

/**
 * The one exception, by file: a package without dependencies reads its documented off-switch itself (KCPTUN_NO_WASM), where there is a process.
 * @type {Readonly<Record<string, readonly string[]>>}
 */
const ALLOWED = { 'packages/reedsolomon-wasm/src/kernel.ts': ['globalThis'] };

/**
 * @typedef {{ line: number, name: string, message: string }} Violation
 */

/**
 * Checks one source file. Nothing is read from disk: `path` only says which rules apply.
 * @param {string} path relative to the repository, with `/`: `packages/<folder>/src/…`
 * @param {string} text
 * @returns {Violation[]}
 */
export function findViolations(path, text) {
  const [, folder = '', ...inside] = path.split('/');
  const rule = PACKAGES[folder];
  if (rule === undefined) return [{ line: 1, name: folder, message: 'is not a package of scripts/lib/workspace.mjs' }];
  const pure = rule.pure && !(inside[0] === 'src' && inside[1] === 'node');
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true);
  const local = pure ? namesBoundIn(source) : new Set();
  /** @type {Violation[]} */
  const found = [];
  const report = (/** @type {ts.Node} */ node, /** @type {string} */ name, /** @type {string} */ message) => {
    found.push({ line: source.getLineAndCharacterOfPosition(node.getStart()).line + 1, name, message });
  };
  const visit = (/** @type {ts.Node} */ node) => {
    const specifier = specifierOf(node);
    if (specifier !== undefined && ts.isStringLiteralLike(specifier)) {
      const message = importProblem(path, folder, pure, specifier.text);
      if (message !== undefined) report(node, specifier.text, message);
    } else if (specifier !== undefined && !rule.private) {
      report(node, 'import()', 'has a computed name, which no check can follow');
    }
    if (pure && ts.isIdentifier(node) && !isNameOfMember(node)) {
      const name = node.text;
      if (ALLOWED[path]?.includes(name)) return;
      if (FORBIDDEN_LANGUAGE_NAMES.includes(name)) report(node, name, 'is forbidden in a pure package');
      else if (FORBIDDEN_HOST_NAMES.includes(name) && !local.has(name)) report(node, name, 'is forbidden in a pure package');
      else if (name === 'Math' && mathMember(node) === undefined) report(node, 'Math', 'must be used as Math.<name> in a pure package');
      else if (name === 'Math' && mathMember(node) === 'random') report(node, 'Math.random', 'is forbidden in a pure package');
    }
    if (pure && ts.isMetaProperty(node) && node.keywordToken === ts.SyntaxKind.ImportKeyword) {
      report(node, 'import.meta', 'is forbidden in a pure package');
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/**
 * The module name of an import in any of its forms: `import`, `export … from`, `import()`, `import x = require()`,
 * `import('x').Type`.
 * @param {ts.Node} node
 * @returns {ts.Node | undefined}
 */
function specifierOf(node) {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isExternalModuleReference(node)) return node.expression;
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) return node.arguments[0];
  if (ts.isImportTypeNode(node)) return ts.isLiteralTypeNode(node.argument) ? node.argument.literal : node.argument;
  return undefined;
}

/**
 * @param {string} path
 * @param {string} folder
 * @param {boolean} pure
 * @param {string} specifier
 * @returns {string | undefined} what is wrong with this import
 */
function importProblem(path, folder, pure, specifier) {
  if (specifier.startsWith('.')) {
    const target = normalize(join(dirname(path), specifier))
      .split(sep)
      .join('/');
    if (!target.startsWith(`packages/${folder}/src/`)) return 'leaves src of its package';
    if (pure && target.startsWith(`packages/${folder}/src/node/`)) return 'is for Node only; this file is pure';
    return undefined;
  }
  if (pure && (specifier.startsWith('node:') || builtinModules.includes(specifier.split('/')[0] ?? ''))) {
    return 'is a module of Node; this file is pure';
  }
  const target = folderOfImport(specifier);
  if (target === undefined) return undefined;
  if (target === folder) return 'is the package itself; write a relative import';
  const dependsOn = PACKAGES[folder]?.dependsOn ?? [];
  if (!dependsOn.includes(target)) return `is not among the packages that ${folder} may import: ${dependsOn.join(', ') || 'none'}`;
  if (pure && specifier.endsWith('/node')) return 'is for Node only; this file is pure';
  return undefined;
}

/**
 * Whether an identifier only names a member or a label, as in `packet.process` or `{ process: 1 }`.
 * @param {ts.Identifier} node
 */
function isNameOfMember(node) {
  const parent = node.parent;
  if (ts.isPropertyAccessExpression(parent)) return parent.name === node;
  if (ts.isQualifiedName(parent)) return parent.right === node;
  if (ts.isBindingElement(parent)) return parent.propertyName === node;
  if (ts.isImportSpecifier(parent)) return parent.propertyName === node;
  return (
    (ts.isPropertyAssignment(parent) ||
      ts.isPropertyDeclaration(parent) ||
      ts.isPropertySignature(parent) ||
      ts.isMethodDeclaration(parent) ||
      ts.isMethodSignature(parent) ||
      ts.isAccessor(parent)) &&
    parent.name === node
  );
}

/**
 * @param {ts.Identifier} math
 * @returns {string | undefined} the member that this `Math` is used for, if that can be seen
 */
function mathMember(math) {
  const parent = math.parent;
  if (ts.isPropertyAccessExpression(parent) && parent.expression === math) return parent.name.text;
  return undefined;
}

/**
 * All names that the file binds anywhere: variables, parameters, imports, functions, classes.
 * @param {ts.SourceFile} source
 * @returns {Set<string>}
 */
function namesBoundIn(source) {
  /** @type {Set<string>} */
  const names = new Set();
  const visit = (/** @type {ts.Node} */ node) => {
    const bound =
      ts.isVariableDeclaration(node) ||
      ts.isParameter(node) ||
      ts.isBindingElement(node) ||
      ts.isFunctionDeclaration(node) ||
      ts.isClassDeclaration(node) ||
      ts.isImportSpecifier(node) ||
      ts.isNamespaceImport(node);
    if (bound && node.name !== undefined && ts.isIdentifier(node.name)) names.add(node.name.text);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return names;
}

/**
 * Checks `src` of every package.
 * @returns {string[]} one line per violation: `path:line: name message`
 */
export function checkPurity() {
  return packageFolders().flatMap((folder) => {
    return sourcesBelow(join(ROOT, 'packages', folder, 'src')).flatMap((file) => {
      const path = relative(ROOT, file).split(sep).join('/');
      return findViolations(path, readFileSync(file, 'utf8')).map(({ line, name, message }) => `${path}:${line}: ${name} ${message}`);
    });
  });
}

/**
 * @param {string} folder
 * @returns {string[]}
 */
function sourcesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.[cm]?tsx?$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const problems = checkPurity();
  for (const problem of problems) console.log(problem);
  process.exit(problems.length === 0 ? 0 : 1);
}
