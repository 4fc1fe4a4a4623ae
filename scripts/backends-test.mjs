// The tests once more with each switch of the backends: without native code, without kernels, without both.
// As a program (`npm run test:backends`): everything, three times. Inside `npm test` the short form: per switch what lies behind a backend,
// and 10 cases of interop; what no switch reaches (pure logic above and beside, programs' flags, documents) ran once already.
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import { bootstrap } from './bootstrap.mjs';
import { addTotals, endWith, noTotals } from './lib/totals.mjs';
import { vitest } from './lib/vitest.mjs';

/** @typedef {Readonly<Record<string, string>>} Env */
/** @type {Env} */
const NO_NATIVE = { KCPTUN_NO_NATIVE: '1' };
/** @type {Env} */
const NO_WASM = { KCPTUN_NO_WASM: '1' };

/** What lies behind a switch: packages whose code it changes, and connections through all layers. Sessions, streams and tunnels are the same above. */
const SHORT = [
  {
    env: NO_NATIVE,
    unit: ['common', 'crypt', 'transport'],
    io: ['transport', 'tunnel'],
  },
  {
    env: NO_WASM,
    unit: ['common', 'comp', 'crypt', 'fec', 'reedsolomon-wasm', 'session/test/transfer'],
    io: ['transport/test/io/kcp', 'tunnel/test/io/tunnel', 'tunnel/test/io/connections'],
  },
];
const SHORT_INTEROP = { KCPTUN_INTEROP_CASES: '10' };

/**
 * @returns {Promise<import('./lib/totals.mjs').Totals>} of both switches together
 */
export async function backendsTest() {
  const totals = noTotals();
  for (const { env, unit, io } of SHORT) {
    await part(totals, env, ['--project', 'unit', ...unit.map(filter)]);
    await part(totals, env, ['--project', 'io', ...io.map(filter), 'packages/cli/test/io/backends.test.ts']);
    await part(totals, { ...env, ...SHORT_INTEROP }, ['--project', 'interop', 'packages/interop/test/interop.test.ts']);
  }
  return totals;
}

/**
 * @param {string} name a package, or some tests of it
 */
function filter(name) {
  return name.includes('/') ? `packages/${name}` : `packages/${name}/`;
}

/**
 * @param {import('./lib/totals.mjs').Totals} totals what the run adds to
 * @param {Readonly<Record<string, string>>} env
 * @param {readonly string[]} args
 */
async function part(totals, env, args) {
  const name = Object.entries(env)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
  console.log(`\n=== ${name} ${args[1] ?? 'everything'}`);
  const started = performance.now();
  const counted = await vitest(args, env);
  addTotals(totals, counted, `${name}: `);
  const seconds = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`=== ${name} ${args[1] ?? 'everything'}: ${counted.passed} passed, ${counted.failures.length} failed, ${seconds} s`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await bootstrap();
  const totals = noTotals();
  for (const env of [NO_NATIVE, NO_WASM, { ...NO_NATIVE, ...NO_WASM }]) await part(totals, env, process.argv.slice(2));
  endWith(totals);
}
