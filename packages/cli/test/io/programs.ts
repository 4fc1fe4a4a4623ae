// The two programs as users start them: the built files, under this Node.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort, Program, type ProgramOptions } from '@kcptun/testkit/node';
import { expect, onTestFinished } from 'vitest';

export type Side = 'client' | 'server';

export function mainOf(side: Side): string {
  const path = fileURLToPath(new URL(`../../../kcptun-${side}/dist/main.js`, import.meta.url));
  if (!existsSync(path)) throw new Error(`${path} is missing: build first, with \`npm run build\` or \`npx tsc -b\``);
  return path;
}

/** Starts a program; it is ended with the test. `KCPTUN_KEY` of the environment is taken away unless given. */
export function start(side: Side, args: readonly string[], options: ProgramOptions = {}): Program {
  const program = new Program(process.execPath, [mainOf(side), ...args], {
    name: `kcptun-${side}`,
    ...options,
    env: { KCPTUN_KEY: undefined, ...options.env },
  });
  onTestFinished(() => void program.stop(500));
  return program;
}

/** Runs a program that ends by itself. */
export async function runToEnd(side: Side, args: readonly string[], options: ProgramOptions = {}) {
  const program = start(side, args, options);
  const { code } = await program.exited;
  return { code, output: program.output };
}

/** A folder of this test, empty. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'kcptun-cli-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Waits until a condition holds, 30 s at most. */
export async function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = performance.now() + 30_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited 30 s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** What the log says, without the times of Go's format. */
export function messages(output: string): string[] {
  return output
    .trimEnd()
    .split('\n')
    .map((line) => {
      expect(line).toMatch(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /);
      return line.slice(20);
    });
}

/** A file of this test. */
export function file(name: string, text: string): string {
  const path = join(newFolder(), name);
  writeFileSync(path, text);
  return path;
}

/** Both programs, ready for connections. */
export interface Pair {
  readonly client: Program;
  readonly server: Program;
  /** Where applications connect to. */
  readonly port: number;
  readonly udpPort: number;
}

/** Starts server and client in front of a target. */
export async function startPair(targetPort: number, flags: readonly string[] = [], clientFlags: readonly string[] = []): Promise<Pair> {
  const udpPort = await freePort();
  const server = await startServer(udpPort, targetPort, flags);
  const { client, port } = await startClient(udpPort, [...flags, ...clientFlags]);
  return { client, server, port, udpPort };
}

export async function startServer(udpPort: number, targetPort: number, flags: readonly string[] = []): Promise<Program> {
  const server = start('server', ['-l', `127.0.0.1:${udpPort}`, '-t', `127.0.0.1:${targetPort}`, '--key', 'k', ...flags]);
  await server.waitFor(/Listening on: /);
  return server;
}

export async function startClient(udpPort: number, flags: readonly string[] = []): Promise<{ client: Program; port: number }> {
  const client = start('client', ['-l', '127.0.0.1:0', '-r', `127.0.0.1:${udpPort}`, '--key', 'k', ...flags]);
  const match = await client.waitFor(/listening on: 127\.0\.0\.1:(\d+)[\s\S]*pprof: /);
  return { client, port: Number(match[1]) };
}
