// Installs and builds the workspace, with nothing but Node and npm on the machine. Every root script that needs
// dependencies or built output begins here, so a fresh clone works with one command. A second run costs about a second:
// the install is skipped while its inputs are unchanged (a stamp in node_modules/.cache), and `tsc -b` is incremental.
// As a program: `node scripts/bootstrap.mjs [--install]` (`--install` installs even when the stamp says it is current).
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { PNPM_VERSION, pnpm, progress, ROOT, run } from './lib/process.mjs';

const MIN_NODE = [20, 19];
const STAMP = join(ROOT, 'node_modules/.cache/kcptun/install.stamp');

/**
 * Makes sure that Node is new enough, dependencies are installed and `dist` folders are built; ends the process with
 * exit code 1 and the reason when one of these cannot be had.
 * @param {{ forceInstall?: boolean }} [options] `forceInstall`: also when nothing changed since the last one
 * @returns {Promise<void>}
 */
export async function bootstrap(options = {}) {
  await install(options.forceInstall);
  if (!(await build())) process.exit(1);
}

/**
 * The part of `bootstrap` before the build, for scripts that go on when the build fails.
 * @param {boolean} [force]
 * @returns {Promise<void>}
 */
export async function install(force = false) {
  requireNode();
  const wanted = installStamp();
  if (!force && readStamp() === wanted) return;
  // CI=true: never ask (about removing an old node_modules, for example).
  if (!(await progress('installing', () => pnpm(['install', '--frozen-lockfile'], { env: { CI: 'true' } })))) process.exit(1);
  mkdirSync(dirname(STAMP), { recursive: true });
  writeFileSync(STAMP, wanted);
}

/** @returns {Promise<boolean>} whether every package builds */
export function build() {
  return progress('building', () => run(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-b']));
}

function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const [minMajor = 0, minMinor = 0] = MIN_NODE;
  if (major > minMajor || (major === minMajor && minor >= minMinor)) return;
  console.error(`kcptun needs Node ${MIN_NODE.join('.')} or newer; this is ${process.versions.node}`);
  process.exit(1);
}

/** Everything an install depends on: manifests, lockfile, pnpm, and the platform that native packages are built for. */
function installStamp() {
  const hash = createHash('sha256');
  hash.update(`${PNPM_VERSION} ${process.platform} ${process.arch} ${process.versions.modules}\n`);
  const packages = readdirSync(join(ROOT, 'packages')).map((name) => join('packages', name, 'package.json'));
  for (const path of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json', ...packages.sort()]) {
    if (existsSync(join(ROOT, path))) hash.update(`${path}\n`).update(readFileSync(join(ROOT, path)));
  }
  return hash.digest('hex');
}

function readStamp() {
  return existsSync(STAMP) && existsSync(join(ROOT, 'node_modules/typescript')) ? readFileSync(STAMP, 'utf8') : undefined;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await bootstrap({ forceInstall: process.argv.includes('--install') });
}
