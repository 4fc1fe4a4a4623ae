// The other runtimes that run our programs, from their npm packages. Their install scripts only copy
// the binary of the platform package, so that one is started itself.

import { chmodSync, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** A runtime that is not Node. */
export type RuntimeName = 'bun' | 'deno';

/** How a program is started by a runtime, or why it cannot be. */
export interface Runtime {
  /** The first words of the command. */
  readonly command: readonly string[];
  /** Why it is not there; `undefined` when it is. */
  readonly missing: string | undefined;
}

const BINARIES = {
  bun: { path: join('bin', 'bun'), arch: { x64: 'x64', arm64: 'aarch64' }, words: [] },
  deno: { path: 'deno', arch: { x64: 'x64', arm64: 'arm64' }, words: ['run', '--allow-all'] },
} as const;

/** Looks for a runtime among the optional dependencies of this package. */
export function findRuntime(name: RuntimeName): Runtime {
  const { path, arch, words } = BINARIES[name];
  const processor = arch[process.arch as 'x64' | 'arm64'] ?? process.arch;
  const packages =
    name === 'bun'
      ? [`@oven/bun-${process.platform}-${processor}`]
      : [`@deno/${process.platform}-${processor}-glibc`, `@deno/${process.platform}-${processor}`];
  try {
    // The platform packages are dependencies of the runtime's own one.
    const require = createRequire(createRequire(import.meta.url).resolve(`${name}/package.json`));
    for (const each of packages) {
      const binary = resolveBinary(require, each, path);
      if (binary !== undefined) return { command: [binary, ...words], missing: undefined };
    }
    return { command: [], missing: `${name}: no package for ${process.platform} ${process.arch}` };
  } catch (error) {
    return { command: [], missing: `${name}: the npm package is not installed (${(error as NodeJS.ErrnoException).code})` };
  }
}

function resolveBinary(require: NodeJS.Require, name: string, path: string): string | undefined {
  try {
    const binary = join(dirname(require.resolve(`${name}/package.json`)), path);
    if (!existsSync(binary)) return undefined;
    chmodSync(binary, 0o755);
    return binary;
  } catch {
    return undefined;
  }
}
