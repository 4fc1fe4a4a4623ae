// One configuration for all packages. Tests read the sources through the `@kcptun/source` condition: no build is needed,
// except for `interop`, which starts the built programs. The groups run one after the other, so that tests with real
// sockets never compete with the others for the processor.
import { defineConfig } from 'vitest/config';

const conditions = ['@kcptun/source', 'module', 'node', 'development|production'];

export default defineConfig({
  ssr: { resolve: { conditions } },
  test: {
    sequence: { shuffle: true },
    // Limits are for what hangs. The slowest test of each group takes a tenth of it on two idle cores: a machine that is slow, or busy, has time.
    hookTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['packages/*/test/**/*.test.ts', 'scripts/test/**/*.test.ts'],
          testTimeout: 60_000,
          exclude: ['packages/interop/**', 'packages/*/test/io/**', 'packages/torture/test/real/**', '**/node_modules/**'],
          // vitest leaves one core idle by itself, and loads every module anew for each file: 87 s instead of 48 on two cores.
          maxWorkers: 2,
          isolate: false,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'io',
          include: ['packages/*/test/io/**/*.test.ts'],
          testTimeout: 60_000,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'interop',
          include: ['packages/interop/test/**/*.test.ts', 'packages/torture/test/real/**/*.test.ts'],
          testTimeout: 120_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
