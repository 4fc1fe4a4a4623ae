// A connection for which there is no descriptor left: what is said of it.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const SCRIPT = `
import { openSync } from 'node:fs';
import { createNodeHost } from '${new URL('../../dist/index.js', import.meta.url)}';
const host = createNodeHost();
try { for (;;) openSync('/dev/null'); } catch {}
host.connect({ host: '127.0.0.1', port: 9 }, (error) => {
  console.log(error.message);
  process.exit(0);
});
`;

test.skipIf(process.platform === 'win32')('names the reason and nothing undefined', async () => {
  const command = `ulimit -n 100; exec '${process.execPath}' --input-type=module -e "$0"`;
  const { stdout } = await promisify(execFile)('sh', ['-c', command, SCRIPT], { cwd: fileURLToPath(new URL('.', import.meta.url)) });
  expect(stdout).toBe('connect EMFILE 127.0.0.1:9\n');
});
