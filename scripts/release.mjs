// Releases with lerna, which needs `pnpm` on the PATH: npx puts the pinned one there.
//   npm run release:version   bumps all packages by their commits, writes changelogs, commits and tags
//   npm run release:publish   publishes what the registry does not have; in CI only when the tag is v<version>
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bootstrap } from './bootstrap.mjs';
import { PNPM_VERSION, ROOT, run } from './lib/process.mjs';

/** @type {Record<string, string[]>} */
const COMMANDS = {
  version: ['version', '--conventional-commits', '--message', 'chore(release): %s'],
  publish: ['publish', 'from-package', '--yes'],
};

const [name = '', ...extra] = process.argv.slice(2);
const command = COMMANDS[name];
if (command === undefined) {
  console.error('usage: node scripts/release.mjs version|publish [lerna options]');
  process.exit(1);
}
if (name === 'publish') requireMatchingTag();
await bootstrap();
const lerna = ['--yes', `--package=pnpm@${PNPM_VERSION}`, '--', 'node', 'node_modules/lerna/dist/cli.js', ...command, ...extra];
const { code } = await run('npx', lerna, { inherit: true });
process.exit(code);

/** In GitHub Actions a release comes from a tag, and the tag names the version of all packages. */
function requireMatchingTag() {
  const tag = process.env['GITHUB_REF_NAME'];
  if (tag === undefined) return;
  const { version } = JSON.parse(readFileSync(join(ROOT, 'lerna.json'), 'utf8'));
  if (tag === `v${version}`) return;
  console.error(`the tag is ${tag}, but lerna.json says ${version}: expected v${version}`);
  process.exit(1);
}
