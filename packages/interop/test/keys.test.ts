// Keys that are not UTF-8, of the command line, the environment and a file, between ours and the Go
// program of 2026. With QPP, so that the bytes themselves count, not only what is derived from them.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findPrograms, type Kind, type Role } from '@kcptun/interop';
import { freePort, Program, startTarget, transfer } from '@kcptun/testkit/node';
import { expect, onTestFinished, test } from 'vitest';
import { suite } from './suite.ts';

const programs = await findPrograms();

/** In GBK, and a character of three bytes of which one is missing. */
const KEY = '\\303\\334\\324\\277 \\344\\275';
const BYTES = Uint8Array.of(0o303, 0o334, 0o324, 0o277, 0x20, 0o344, 0o275);

/** How a program is given the key: as a script of the shell, whose words are the command. */
const SOURCES = {
  flag: `exec "$@" --key "$(printf '${KEY}')"`,
  environment: `KCPTUN_KEY="$(printf '${KEY}')" exec "$@"`,
  file: 'exec "$@" -c "$KEY_FILE"',
} as const;
type Source = keyof typeof SOURCES;

function launch(kind: Kind, role: Role, source: Source, flags: readonly string[], keyFile: string): Program {
  const command = [...programs.command(kind, role), ...flags, '--crypt', 'aes', '--smuxver', '2', '--QPP', '--closewait', '0'];
  const program = new Program('sh', ['-c', SOURCES[source], 'sh', ...command], {
    name: `${kind} ${role}`,
    env: { KCPTUN_KEY: undefined, KEY_FILE: keyFile },
  });
  onTestFinished(() => void program.stop(500));
  return program;
}

suite(
  'keys that are not UTF-8',
  [programs.goMissing, programs.oursMissing],
  () => {
    test.each<[Source, Kind, Kind]>([
      ['flag', 'ours', 'new'],
      ['flag', 'new', 'ours'],
      ['environment', 'ours', 'new'],
      ['environment', 'new', 'ours'],
      ['file', 'ours', 'new'],
      ['file', 'new', 'ours'],
    ])('in the %s: %s client, %s server', async (source, clientKind, serverKind) => {
      const folder = mkdtempSync(join(tmpdir(), 'kcptun-keys-'));
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
      const keyFile = join(folder, 'key.json');
      writeFileSync(keyFile, Buffer.concat([Buffer.from('{"key": "'), BYTES, Buffer.from('"}')]));
      const target = await startTarget();
      onTestFinished(() => void target.close());
      const udp = await freePort();
      const tcp = await freePort();
      const server = launch(serverKind, 'server', source, ['-l', `127.0.0.1:${udp}`, '-t', `127.0.0.1:${target.port}`], keyFile);
      await server.waitFor(/Listening on: .*\/udp/, { timeoutMs: 30_000 });
      const client = launch(clientKind, 'client', source, ['-l', `127.0.0.1:${tcp}`, '-r', `127.0.0.1:${udp}`], keyFile);
      await client.waitFor(/key derivation done/, { timeoutMs: 30_000 });
      await server.during(client.during(transfer({ port: tcp, upload: 50_000, download: 50_000, timeoutMs: 20_000 })));
      expect(target.stats.uploaded).toBeGreaterThanOrEqual(50_000);
    });
  },
  'sequential',
);
