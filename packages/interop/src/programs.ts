// The programs that tunnels are made of: the two versions in Go, found or fetched once by go-peers.sh, and our own, built.

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** `old` is the Go version 20210922, `new` is 20260314, `ours` is this project's. */
export type Kind = 'old' | 'new' | 'ours';

/** Which end of the tunnel. */
export type Role = 'client' | 'server';

/** The programs that are there. */
export interface Programs {
  /** Command and first arguments of a program. */
  command(kind: Kind, role: Role): readonly [string, ...string[]];
  /** Why the Go programs are missing; `undefined` when they are there. */
  readonly goMissing: string | undefined;
  /** Why our programs are missing; `undefined` when they are there. */
  readonly oursMissing: string | undefined;
}

const FETCH_TIMEOUT_MS = 180_000;
const SCRIPT = fileURLToPath(new URL('../go-peers.sh', import.meta.url));

/** Looks for all programs; fetches the Go ones into their cache when they are not there yet. Never rejects. */
export async function findPrograms(): Promise<Programs> {
  const ours = (role: Role): string => fileURLToPath(new URL(`../../kcptun-${role}/dist/main.js`, import.meta.url));
  const missing = (['client', 'server'] as const).map(ours).filter((path) => !existsSync(path));
  const go = await goFolder();
  return {
    goMissing: go.reason,
    oursMissing: missing.length === 0 ? undefined : `not built: ${missing.join(', ')}`,
    command(kind, role) {
      return kind === 'ours' ? [process.execPath, ours(role)] : [`${go.folder}/${kind}/kcptun-${role}`];
    },
  };
}

/** The folder that go-peers.sh prints, or why there is none. */
function goFolder(): Promise<{ folder: string; reason: string | undefined }> {
  return new Promise((resolve) => {
    execFile('bash', [SCRIPT], { timeout: FETCH_TIMEOUT_MS }, (error, stdout, stderr) => {
      const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';
      const folder = lastLine(stdout);
      if (error === null && folder !== '') resolve({ folder, reason: undefined });
      else resolve({ folder: '', reason: lastLine(stderr) || String(error) });
    });
  });
}
