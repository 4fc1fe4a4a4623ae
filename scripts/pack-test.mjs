// The packing test: what users would get from the registry, tried before it is there. Packs every published package,
// looks into the tarballs, installs them with plain npm into an empty folder, carries a transfer through the two
// programs as npx starts them, loads every library from CommonJS, and runs the example of every README. Part of `npm test`; alone: `npm run pack-test`.
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { bootstrap } from './bootstrap.mjs';
import { pnpm, ROOT, run } from './lib/process.mjs';
import { endWith, failureLine, noTotals } from './lib/totals.mjs';
import { startProgram, transfer, unusedPorts } from './lib/tunnel-trial.mjs';
import { PACKAGES, packageFolders } from './lib/workspace.mjs';

/** Largest tarball allowed, in bytes packed; a package that needs more gets a line of its own here, with the reason. */
const SIZE_BUDGET = 250_000;
const PROGRAMS = ['kcptun-client', 'kcptun-server'];
const EXAMPLE_TIMEOUT_MS = 20_000;

/**
 * Runs the packing test and prints one line per test.
 * @returns {Promise<import('./lib/totals.mjs').Totals>}
 */
export async function packTest() {
  const totals = noTotals();
  /** @type {(name: string, body: () => void | Promise<void>) => Promise<boolean>} */
  const test = async (name, body) => {
    try {
      await body();
      totals.passed += 1;
      console.log(` ✓ pack ${name}`);
      return true;
    } catch (error) {
      totals.failures.push(failureLine(`pack ${name}`, error));
      console.log(` ✗ pack ${name}\n${error instanceof Error ? error.message : String(error)}`);
      return false;
    }
  };
  const folder = mkdtempSync(join(tmpdir(), 'kcptun-pack-'));
  try {
    const tarballs = join(folder, 'tarballs');
    const consumer = join(folder, 'consumer');
    mkdirSync(tarballs);
    mkdirSync(consumer);
    writeFileSync(join(consumer, 'package.json'), '{ "name": "consumer", "private": true }\n');
    if (!(await test('all published packages', () => packAll(tarballs)))) return totals;
    for (const file of readdirSync(tarballs).sort()) await test(`${file}: contents`, () => checkTarball(join(tarballs, file)));
    if (process.env['CI'] !== 'true' && !(await registryAnswers())) {
      totals.skipped.push('pack: everything after installing, because the npm registry cannot be reached');
      return totals;
    }
    await test('pnpm add kcptun-client kcptun-server ends well, and no package brings an install script or snappy', () =>
      addByPnpm(tarballs, join(folder, 'pnpm-consumer')));
    if (await test('plain npm installs the tarballs into an empty folder', () => installAll(tarballs, consumer))) {
      await test('npx kcptun-server and npx kcptun-client carry a transfer', () => tryPrograms(consumer));
      await test('every library can be had by require', () => requireAll(consumer));
      for (const name of publishedNames()) {
        if (PROGRAMS.includes(name)) continue;
        await test(`${name}: the example of the README runs`, () => {
          const readme = join(consumer, 'node_modules', name, 'README.md');
          return tryExamples(consumer, examplesOf(readme).slice(0, 1));
        });
      }
      await test('the examples of the README of the repository run', () => tryExamples(consumer, examplesOf(join(ROOT, 'README.md'))));
    }
    return totals;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function publishedNames() {
  return packageFolders()
    .filter((folder) => !PACKAGES[folder]?.private)
    .map((folder) => JSON.parse(readFileSync(join(ROOT, 'packages', folder, 'package.json'), 'utf8')).name);
}

/** @param {string} destination */
async function packAll(destination) {
  const filters = publishedNames().flatMap((name) => ['--filter', name]);
  const { code, output } = await pnpm([...filters, 'pack', '--pack-destination', destination]);
  if (code !== 0) throw new Error(output);
}

/** @param {string} path */
function checkTarball(path) {
  const packed = readFileSync(path);
  const files = untar(gunzipSync(packed));
  /** @type {string[]} */
  const problems = [];
  if (packed.length > SIZE_BUDGET) problems.push(`${packed.length} bytes packed, the budget is ${SIZE_BUDGET}`);
  for (const wanted of ['package.json', 'README.md', 'LICENSE']) if (!files.has(wanted)) problems.push(`${wanted} is missing`);
  for (const name of files.keys()) {
    if (/(^|\/)(test|tests|node_modules)\/|\.test\.|\.tsbuildinfo$/.test(name)) problems.push(`${name} does not belong into a package`);
  }
  const manifest = files.get('package.json')?.toString() ?? '{}';
  for (const protocol of ['workspace:', 'catalog:']) if (manifest.includes(protocol)) problems.push(`package.json still says ${protocol}`);
  for (const target of entryPoints(JSON.parse(manifest)))
    if (!files.has(target)) problems.push(`package.json points at ${target}, which is not packed`);
  if (problems.length > 0) throw new Error(problems.map((problem) => `   ${problem}`).join('\n'));
}

/**
 * All files that `exports` and `bin` of a manifest name, relative to the package.
 * @param {unknown} value
 * @returns {string[]}
 */
function entryPoints(value) {
  if (typeof value === 'string') return value.startsWith('./') ? [value.slice(2)] : [];
  if (typeof value !== 'object' || value === null) return [];
  if ('name' in value) return [...entryPoints(/** @type {any} */ (value).exports), ...entryPoints(/** @type {any} */ (value).bin)];
  return Object.values(value).flatMap(entryPoints);
}

/**
 * Reads a ustar archive as npm packs it: every entry sits below `package/`.
 * @param {Buffer} archive
 * @returns {Map<string, Buffer>} contents by path without `package/`
 */
function untar(archive) {
  /** @type {Map<string, Buffer>} */
  const files = new Map();
  const text = (/** @type {number} */ start, /** @type {number} */ length) => {
    const field = archive.subarray(start, start + length);
    const end = field.indexOf(0);
    return field.subarray(0, end === -1 ? length : end).toString();
  };
  for (let offset = 0; offset + 512 <= archive.length && archive[offset] !== 0; ) {
    const size = Number.parseInt(text(offset + 124, 12), 8);
    const prefix = text(offset + 345, 155);
    const name = prefix === '' ? text(offset, 100) : `${prefix}/${text(offset, 100)}`;
    files.set(name.replace(/^package\//, ''), archive.subarray(offset + 512, offset + 512 + size));
    offset += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

async function registryAnswers() {
  return (await run('npm', ['view', 'yargs', 'version'], { timeoutMs: 30_000 })).code === 0;
}

/**
 * @param {string} tarballs
 * @param {string} consumer
 */
async function installAll(tarballs, consumer) {
  const files = readdirSync(tarballs).map((file) => join(tarballs, file));
  const { code, output } = await run('npm', ['install', '--no-audit', '--no-fund', ...files], { cwd: consumer, timeoutMs: 180_000 });
  if (code !== 0) throw new Error(output);
}

/**
 * pnpm ends with 1 where a package has an install script that nobody has allowed. The tarballs stand for
 * what the registry will have.
 * @param {string} tarballs
 * @param {string} consumer
 */
async function addByPnpm(tarballs, consumer) {
  mkdirSync(consumer);
  writeFileSync(join(consumer, 'package.json'), '{ "name": "consumer", "private": true }\n');
  const files = new Map(
    readdirSync(tarballs).map((file) => {
      const manifest = untar(gunzipSync(readFileSync(join(tarballs, file)))).get('package.json');
      return [JSON.parse(String(manifest)).name, `file:${join(tarballs, file)}`];
    }),
  );
  const overrides = [...files].map(([name, file]) => `  '${name}': '${file}'\n`).join('');
  writeFileSync(join(consumer, 'pnpm-workspace.yaml'), `packages: []\noverrides:\n${overrides}`);
  const programs = PROGRAMS.map((name) => String(files.get(name)));
  const { code, output } = await pnpm(['add', ...programs], { cwd: consumer, timeoutMs: 180_000 });
  if (code !== 0) throw new Error(output);
  const modules = join(consumer, 'node_modules');
  const problems = [];
  for (const manifest of readdirSync(modules, { recursive: true, encoding: 'utf8' }).filter((path) => /[\\/]package\.json$/.test(path))) {
    const { name, scripts = {} } = JSON.parse(readFileSync(join(modules, manifest), 'utf8'));
    const script = ['preinstall', 'install', 'postinstall'].find((each) => scripts[each] !== undefined);
    if (script !== undefined) problems.push(`   ${name} has the script ${script}`);
    if (name === 'snappy' || name === 'koffi') problems.push(`   ${name} was installed`);
  }
  if (problems.length > 0) throw new Error(problems.join('\n'));
  const started = await run(join(modules, '.bin', 'kcptun-client'), ['--version'], { cwd: consumer });
  if (started.code !== 0) throw new Error(started.output);
}

/** @param {string} consumer */
async function tryPrograms(consumer) {
  const [tunnelPort, localPort] = await unusedPorts(2);
  const up = randomBytes(3_000_000);
  const down = randomBytes(3_000_000);
  const target = await transfer.startTarget(up.length, down);
  const npx = (/** @type {string} */ name, /** @type {string[]} */ args) => startProgram('npx', ['--no-install', name, ...args], consumer);
  const common = ['--key', 'packing test', '--crypt', 'aes', '--mode', 'fast3'];
  const server = npx('kcptun-server', ['-l', `127.0.0.1:${tunnelPort}`, '-t', `127.0.0.1:${target.port}`, ...common]);
  const client = npx('kcptun-client', ['-l', `127.0.0.1:${localPort}`, '-r', `127.0.0.1:${tunnelPort}`, ...common]);
  try {
    const received = await transfer.exchange(Number(localPort), up, down.length);
    const atTarget = await target.received();
    if (digest(atTarget) !== digest(up)) throw new Error('the target received other bytes than were sent');
    if (digest(received) !== digest(down)) throw new Error('the client received other bytes than the target sent');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`${reason}\n--- server\n${server.output()}\n--- client\n${client.output()}`);
  } finally {
    target.close();
    await Promise.all([client.stop(), server.stop()]);
  }
}

/**
 * A top-level await in any module of theirs would make this throw.
 * @param {string} consumer
 */
async function requireAll(consumer) {
  const names = publishedNames().filter((name) => !PROGRAMS.includes(name));
  const script = `for (const name of ${JSON.stringify(names)}) if (Object.keys(require(name)).length === 0) throw new Error(name + ' exports nothing');`;
  const { code, output } = await run(process.execPath, ['-e', script], { cwd: consumer });
  if (code !== 0) throw new Error(output);
}

/** @param {Buffer} bytes */
function digest(bytes) {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * @param {string} readme path of a Markdown file
 * @returns {string[]} its blocks of code marked js or ts
 */
function examplesOf(readme) {
  return [...readFileSync(readme, 'utf8').matchAll(/^```(?:js|ts)\n([\s\S]*?)^```/gm)].map((match) => match[1] ?? '');
}

/**
 * @param {string} consumer
 * @param {readonly string[]} examples
 */
async function tryExamples(consumer, examples) {
  if (examples.length === 0) throw new Error('   the README has no ```js or ```ts example');
  for (const example of examples) {
    writeFileSync(join(consumer, 'example.mjs'), example);
    const { code, output } = await run(process.execPath, ['example.mjs'], { cwd: consumer, timeoutMs: EXAMPLE_TIMEOUT_MS });
    if (code !== 0) throw new Error(output);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await bootstrap();
  endWith(await packTest());
}
