// Two machines with our programs or the Go server on them, for tests of what only shows on a network.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findPrograms, type Kind, NetworkPair, namespacesMissing, type Programs, poll, type Role } from '@kcptun/interop';
import { type Program, type ProgramOptions, startTarget, type Target } from '@kcptun/testkit/node';
import { describe, onTestFinished } from 'vitest';
import { suite as suiteOf } from './suite.ts';

/** What there is to run. */
export const programs: Programs = await findPrograms();
const here = namespacesMissing();

/** The switches are about the rest: what is shown here needs native code, and is no case of the matrix. */
const switchedOff = process.env['KCPTUN_NO_NATIVE'] === '1' || process.env['KCPTUN_INTEROP_CASES'] !== undefined;

/** A group of tests on such machines; see `suite.ts` for what is missing. */
export function suite(name: string, missing: readonly (string | undefined)[], body: () => void): void {
  if (switchedOff) describe.skip(`${name} (switched off)`, body);
  else suiteOf(name, [here, programs.oursMissing, ...missing], body, 'sequential');
}

/** Where servers listen. */
export const PORT = 4000;

/** Two machines; taken away after the test. */
function machines(): NetworkPair {
  const pair = new NetworkPair();
  onTestFinished(() => pair.close());
  return pair;
}

/** What runs on two machines. */
export interface World {
  readonly pair: NetworkPair;
  readonly server: Program;
  readonly target: Target;
  /** Unix socket of the client. */
  readonly path: string;
}

const SHARED = ['--key', 'network key', '--smuxver', '2', '--mode', 'fast2', '--sndwnd', '1024', '--rcvwnd', '1024'];
/** The program of 2021 does not know it. */
const NOT_OLD = ['--closewait', '0'];

/** Starts a program on its machine. */
export function launch(pair: NetworkPair, kind: Kind, role: Role, flags: readonly string[], env: ProgramOptions['env'] = {}): Program {
  const words = [...programs.command(kind, role), ...SHARED, ...(kind === 'old' ? [] : NOT_OLD), ...flags];
  return pair.start(role === 'client' ? 'near' : 'far', words, { env });
}

/** Starts target and server. */
export async function startFar(kind: Kind, flags: readonly string[], listen = `:${PORT}`, env: ProgramOptions['env'] = {}): Promise<World> {
  const pair = machines();
  const target = await startTarget({ path: join(pair.folder, 'target') });
  onTestFinished(() => target.close());
  const server = launch(pair, kind, 'server', ['--listen', listen, '--target', join(pair.folder, 'target'), ...flags], env);
  await server.waitFor(kind === 'old' ? /key derivation done/ : /Listening on: .*\/udp/);
  return { pair, server, target, path: join(pair.folder, 'client') };
}

/** Starts a client that listens on the world's unix socket. */
export async function startNear(
  { pair, path }: World,
  remote: string,
  flags: readonly string[],
  kind: Kind = 'ours',
  env: ProgramOptions['env'] = {},
): Promise<Program> {
  const client = launch(pair, kind, 'client', ['--localaddr', path, '--remoteaddr', remote, ...flags], env);
  await client.waitFor(/key derivation done/);
  await poll(() => existsSync(path));
  return client;
}

/** The server's address as a flag has it. */
export function remoteOf(pair: NetworkPair, family: 4 | 6, ports: string): string {
  const address = pair.address('far', family);
  return family === 4 ? `${address}:${ports}` : `[${address}]:${ports}`;
}
