// The packages, their layers and who may depend on whom: the table of docs/ARCHITECTURE.md §1 in a form that
// scripts/check-purity.mjs and scripts/check-workspace.mjs enforce (a test compares the two tables).
// A lower layer never imports a higher one; siblings of one layer do not import each other.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './process.mjs';

/**
 * @typedef {object} PackageRule
 * @property {number} layer 0 is the lowest; private packages stand above all
 * @property {boolean} pure no `node:` import, timer, clock, randomness or console in `src` (but in `src/node`)
 * @property {boolean} private never published
 * @property {readonly string[]} dependsOn exactly the folders of the workspace packages that it may import
 */

/** @type {Readonly<Record<string, PackageRule>>} by folder name */
export const PACKAGES = {
  common: { layer: 0, pure: true, private: false, dependsOn: [] },
  'reedsolomon-wasm': { layer: 0, pure: true, private: false, dependsOn: [] },
  'kcp-core': { layer: 1, pure: true, private: false, dependsOn: ['common'] },
  crypt: { layer: 1, pure: true, private: false, dependsOn: ['common'] },
  smux: { layer: 1, pure: true, private: false, dependsOn: ['common'] },
  comp: { layer: 1, pure: true, private: false, dependsOn: ['common'] },
  fec: { layer: 1, pure: true, private: false, dependsOn: ['common', 'reedsolomon-wasm'] },
  session: { layer: 2, pure: true, private: false, dependsOn: ['common', 'kcp-core', 'fec', 'crypt'] },
  transport: { layer: 3, pure: false, private: false, dependsOn: ['common', 'crypt', 'session'] },
  tunnel: {
    layer: 4,
    pure: false,
    private: false,
    dependsOn: ['common', 'crypt', 'smux', 'comp', 'session', 'transport'],
  },
  cli: { layer: 5, pure: false, private: false, dependsOn: ['common', 'kcp-core', 'crypt', 'transport', 'tunnel'] },
  'kcptun-client': { layer: 6, pure: false, private: false, dependsOn: ['cli'] },
  'kcptun-server': { layer: 6, pure: false, private: false, dependsOn: ['cli'] },
  testkit: { layer: 7, pure: false, private: true, dependsOn: ['common', 'crypt', 'fec', 'kcp-core', 'transport'] },
  interop: { layer: 8, pure: false, private: true, dependsOn: ['kcp-core', 'testkit'] },
  benchmarks: {
    layer: 8,
    pure: false,
    private: true,
    dependsOn: ['common', 'kcp-core', 'crypt', 'smux', 'comp', 'fec', 'session', 'transport', 'testkit'],
  },
  simulation: {
    layer: 8,
    pure: false,
    private: true,
    dependsOn: ['common', 'reedsolomon-wasm', 'kcp-core', 'crypt', 'comp', 'fec', 'session', 'transport', 'tunnel', 'testkit'],
  },
  fuzz: {
    layer: 8,
    pure: false,
    private: true,
    dependsOn: ['common', 'crypt', 'smux', 'comp', 'fec', 'session', 'cli', 'testkit'],
  },
  examples: { layer: 8, pure: false, private: true, dependsOn: ['tunnel', 'testkit'] },
  torture: { layer: 9, pure: false, private: true, dependsOn: ['common', 'transport', 'tunnel', 'testkit', 'interop'] },
};

/** Packages whose npm name is the folder name; all others are `@kcptun/<folder>`. */
const UNSCOPED = ['reedsolomon-wasm', 'kcptun-client', 'kcptun-server'];

/**
 * @param {string} folder
 * @returns {string} the npm name of the package in `packages/<folder>`
 */
export function packageName(folder) {
  return UNSCOPED.includes(folder) ? folder : `@kcptun/${folder}`;
}

/**
 * @param {string} specifier of an import, with or without a subpath
 * @returns {string | undefined} the folder of the workspace package that it names
 */
export function folderOfImport(specifier) {
  return Object.keys(PACKAGES).find((folder) => {
    const name = packageName(folder);
    return specifier === name || specifier.startsWith(`${name}/`);
  });
}

/** @returns {string[]} the folders that exist below packages/, sorted */
export function packageFolders() {
  return readdirSync(join(ROOT, 'packages'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}
