// The demo, as `npm run demo` starts it: a small file over a path that is not long.

import { fileURLToPath } from 'node:url';
import { Program } from '@kcptun/testkit/node';
import { expect, onTestFinished, test } from 'vitest';

test('carries its file both ways, with and without error correction', async () => {
  const demo = fileURLToPath(new URL('../../dist/demo.js', import.meta.url));
  const program = new Program(process.execPath, [demo, '--megabytes', '2', '--delay', '2', '--loss', '5'], { name: 'demo' });
  onTestFinished(() => void program.stop(0));
  const { code } = await program.exited;
  expect(program.output).toContain('SHA-256 of everything that arrived is right.');
  expect(Number(/repaired by FEC +(\d+) +0$/m.exec(program.output)?.[1])).toBeGreaterThan(0);
  expect(code).toBe(0);
});
