// Proves that the fence around the pure packages holds: every forbidden name and every forbidden direction is put into
// a (virtual) source file and must be found, by check-purity, by Biome and by the compiler.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkPurity, FORBIDDEN_HOST_NAMES, FORBIDDEN_LANGUAGE_NAMES, findViolations } from '../check-purity.mjs';
import { ROOT, run } from '../lib/process.mjs';
import { PACKAGES, packageName } from '../lib/workspace.mjs';

const PURE = Object.keys(PACKAGES).filter((folder) => PACKAGES[folder]?.pure);
const ALL = Object.keys(PACKAGES);

function namesFound(path: string, text: string): string[] {
  return findViolations(path, text).map((violation) => violation.name);
}

describe('names', () => {
  test.each([...FORBIDDEN_LANGUAGE_NAMES, ...FORBIDDEN_HOST_NAMES])('%s is found in a pure package', (name) => {
    expect(namesFound('packages/kcp-core/src/probe.ts', `export const probe: unknown = ${name};\n`)).toEqual([name]);
  });

  test.each(FORBIDDEN_LANGUAGE_NAMES)('%s is found even where a local binding has that name', (name) => {
    expect(namesFound('packages/fec/src/probe.ts', `export function f(${name}: number): number { return ${name}; }`)).toContain(name);
  });

  test.each([
    'Math.random()',
    '(0, Math.random)()',
    "Math['random']()",
    'const { random } = Math;',
    'const m = Math;',
    'take(Math);',
    'new Date().getTime()',
    'Date.now()',
    'import.meta.url',
  ])('%s is found', (code) => {
    expect(namesFound('packages/smux/src/probe.ts', code)).toHaveLength(1);
  });

  test.each(PURE)('Date.now is found in %s', (folder) => {
    expect(namesFound(`packages/${folder}/src/deep/probe.ts`, 'export const t: number = Date.now();')).toEqual(['Date']);
  });

  test.each([
    'export const root: number = Math.sqrt(2);',
    'export function f(module: WebAssembly.Module): WebAssembly.Module { return module; }',
    'export class Counter { process(x: { console: number }): number { return x.console; } }',
    'export const text = "setTimeout console Date";',
    '// Math.random and Date.now() in a comment\nexport {};',
  ])('is silent about: %s', (code) => {
    expect(findViolations('packages/comp/src/probe.ts', code)).toEqual([]);
  });

  test('Node names are allowed in src/node and in packages that are not pure', () => {
    const code = "import { createSocket } from 'node:dgram';\nsetTimeout(createSocket, Date.now());";
    expect(findViolations('packages/crypt/src/node/probe.ts', code)).toEqual([]);
    expect(findViolations('packages/transport/src/probe.ts', code)).toEqual([]);
  });
});

describe('imports', () => {
  const forms = [
    (name: string): string => `import { x } from '${name}';`,
    (name: string): string => `import '${name}';`,
    (name: string): string => `import type { x } from '${name}';`,
    (name: string): string => `export * from '${name}';`,
    (name: string): string => `export const x = import('${name}');`,
    (name: string): string => `export type X = import('${name}').X;`,
    (name: string): string => `import x = require('${name}');`,
  ];

  test.each(['node:fs', 'node:fs/promises', 'fs', 'fs/promises', 'node:crypto', 'node:timers'])('%s is found in a pure package', (name) => {
    for (const form of forms) expect(namesFound('packages/session/src/probe.ts', form(name)), form(name)).toEqual([name]);
  });

  for (const folder of ALL) {
    const allowed = PACKAGES[folder]?.dependsOn ?? [];
    test.each(ALL.filter((other) => !allowed.includes(other)))(`${folder} may not import %s`, (other) => {
      for (const form of forms) {
        expect(namesFound(`packages/${folder}/src/probe.ts`, form(packageName(other)))).toEqual([packageName(other)]);
        expect(namesFound(`packages/${folder}/src/node/probe.ts`, form(packageName(other)))).toEqual([packageName(other)]);
      }
    });
    for (const other of allowed) {
      test(`${folder} may import ${other}`, () => {
        expect(findViolations(`packages/${folder}/src/probe.ts`, `import { x } from '${packageName(other)}';`)).toEqual([]);
      });
    }
  }

  test.each(['@kcptun/crypt/node', './node/index.ts', '../../crypt/src/index.ts', '../test/data.ts', '../../../scripts/x.mjs'])(
    'a pure package may not import %s',
    (name) => {
      for (const form of forms) expect(namesFound('packages/session/src/probe.ts', form(name)), form(name)).toEqual([name]);
    },
  );

  test('a computed import is found in what is published', () => {
    const code = 'export const x = (n: string) => import(n);';
    expect(namesFound('packages/transport/src/probe.ts', code)).toEqual(['import()']);
    expect(namesFound('packages/benchmarks/src/probe.ts', code)).toEqual([]);
  });
});

describe('the graph', () => {
  test.each(ALL)('%s depends on lower layers only', (folder) => {
    const rule = PACKAGES[folder];
    for (const other of rule?.dependsOn ?? []) {
      const lower = PACKAGES[other];
      expect(lower?.layer, other).toBeLessThan(rule?.layer ?? 0);
      if (rule?.pure) expect(lower?.pure, other).toBe(true);
      if (!rule?.private) expect(lower?.private, other).toBe(false);
    }
  });

  test('is the one that docs/ARCHITECTURE.md shows', () => {
    const documented: Record<string, unknown> = {};
    for (const line of readFileSync(join(ROOT, 'docs/ARCHITECTURE.md'), 'utf8').split('\n')) {
      const row = /^\| L(\d) \| `([\w-]+)` \| (pure|pure but `\/node`|Node)(, private)? \| (.*?) \|/.exec(line);
      if (row === null) continue;
      const [, layer = '', folder = '', purity = '', hidden, dependsOn = ''] = row;
      documented[folder] = {
        layer: Number(layer),
        pure: purity !== 'Node',
        private: hidden !== undefined,
        dependsOn: [...dependsOn.matchAll(/`([\w-]+)`/g)].map((match) => match[1]).sort(),
      };
    }
    const enforced = Object.fromEntries(
      ALL.map((folder) => [folder, { ...PACKAGES[folder], dependsOn: [...(PACKAGES[folder]?.dependsOn ?? [])].sort() }]),
    );
    expect(documented).toEqual(enforced);
  });

  test('the sources of the repository obey', () => {
    expect(checkPurity()).toEqual([]);
  });
});

// Biome says the same in the editor. One run over files in a folder of its own, with the rules of this repository.
describe('biome', () => {
  const config = JSON.parse(readFileSync(join(ROOT, 'biome.json'), 'utf8'));
  const rules = config.overrides[0].linter.rules.style;
  const denied: string[] = Object.keys(rules.noRestrictedGlobals.options.deniedGlobals);
  const folder = mkdtempSync(join(tmpdir(), 'kcptun-biome-'));
  const probes = new Map<string, string>();
  let diagnostics: { category: string; location: { path: string } }[] = [];

  beforeAll(async () => {
    writeFileSync(join(folder, 'biome.json'), JSON.stringify({ ...config, vcs: { enabled: false } }));
    for (const name of PURE) mkdirSync(join(folder, 'packages', name, 'src/node'), { recursive: true });
    for (const name of denied) probes.set(name, `packages/session/src/${name}.ts`);
    for (const name of PURE) probes.set(name, `packages/${name}/src/probe.ts`);
    for (const [name, path] of probes) {
      writeFileSync(join(folder, path), `export const probe: unknown = ${denied.includes(name) ? name : 'Date.now()'};\n`);
    }
    writeFileSync(join(folder, 'packages/session/src/node-import.ts'), "export * from 'node:fs/promises';\n");
    writeFileSync(join(folder, 'packages/session/src/node-subpath.ts'), "export * from '@kcptun/crypt/node';\n");
    writeFileSync(join(folder, 'packages/crypt/src/node/probe.ts'), "export * from 'node:fs';\nexport const now: number = Date.now();\n");
    const biome = join(ROOT, 'node_modules/@biomejs/biome/bin/biome');
    const { output } = await run(process.execPath, [biome, 'lint', '--reporter=json', '--max-diagnostics=none', '.'], { cwd: folder });
    diagnostics = JSON.parse(output.slice(output.indexOf('{"')).split('\n')[0] ?? '').diagnostics;
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function categories(path: string): string[] {
    return diagnostics.filter((diagnostic) => diagnostic.location.path.endsWith(path)).map((diagnostic) => diagnostic.category);
  }

  test.each(denied)('denies %s', (name) => {
    expect(categories(probes.get(name) ?? '')).toContain('lint/style/noRestrictedGlobals');
  });
  test.each(PURE)('watches over %s', (name) => {
    expect(categories(probes.get(name) ?? '')).toContain('lint/style/noRestrictedGlobals');
  });
  test.each(['node-import', 'node-subpath'])('denies %s', (name) => {
    expect(categories(`packages/session/src/${name}.ts`)).toContain('lint/style/noRestrictedImports');
  });
  test('leaves src/node alone', () => {
    expect(categories('packages/crypt/src/node/probe.ts')).toEqual([]);
  });
  test('denies only names that check-purity knows', () => {
    for (const name of denied) expect([...FORBIDDEN_LANGUAGE_NAMES, ...FORBIDDEN_HOST_NAMES]).toContain(name);
  });
});

describe('the compiler', () => {
  test.each(PURE)('knows no host names in %s', (folder) => {
    const config = ts.getParsedCommandLineOfConfigFile(join(ROOT, 'packages', folder, 'tsconfig.json'), undefined, {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: () => undefined,
    });
    expect(config?.options.types).toEqual([]);
    expect(config?.options.lib).toEqual(['lib.es2023.d.ts']);
    const strangers = config?.fileNames
      .map((name) => name.replaceAll('\\', '/'))
      .filter((name) => !name.includes(`packages/${folder}/src/`));
    expect(strangers).toEqual([expect.stringMatching(/types\/pure-globals\.d\.ts$/)]);
  });

  test('rejects every host name', () => {
    const path = join(ROOT, 'packages/common/src/virtual-probe.ts');
    const text = FORBIDDEN_HOST_NAMES.map((name, index) => `export const probe${index}: unknown = ${name};\n`).join('');
    const options: ts.CompilerOptions = { target: ts.ScriptTarget.ES2022, lib: ['lib.es2023.d.ts'], types: [], noEmit: true };
    const host = ts.createCompilerHost(options);
    const { getSourceFile } = host;
    host.getSourceFile = (name, target, ...rest) =>
      name === path ? ts.createSourceFile(name, text, target, true) : getSourceFile.call(host, name, target, ...rest);
    const program = ts.createProgram([path, join(ROOT, 'types/pure-globals.d.ts')], options, host);
    const lines = program
      .getSemanticDiagnostics(program.getSourceFile(path))
      .map(({ file, start }) => file?.getLineAndCharacterOfPosition(start ?? 0).line);
    expect([...new Set(lines)]).toEqual(FORBIDDEN_HOST_NAMES.map((_, index) => index));
  });
});
