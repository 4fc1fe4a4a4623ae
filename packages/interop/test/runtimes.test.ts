// Our programs run by Bun and by Deno: they say that native code is not for those, and carry a
// transfer by node:dgram, with each other and with Node at the other end.

import { findPrograms, findRuntime, type RuntimeName } from '@kcptun/interop';
import { freePort, Program, startTarget, transfer } from '@kcptun/testkit/node';
import { expect, onTestFinished, test } from 'vitest';
import { suite } from './suite.ts';

const programs = await findPrograms();
const SIZE = 300_000;
/** A runtime may have to fetch nothing, and asks nobody for updates. */
const ENV = { DENO_NO_UPDATE_CHECK: '1', KCPTUN_KEY: undefined, KCPTUN_NO_NATIVE: undefined };

for (const name of ['bun', 'deno'] satisfies RuntimeName[]) {
  const runtime = findRuntime(name);
  suite(
    `our programs run by ${name}`,
    [runtime.missing, programs.oursMissing],
    () => {
      test.each([
        ['both ends', true, true],
        ['the client', true, false],
        ['the server', false, true],
      ])('%s', async (_, atClient, atServer) => {
        const target = await startTarget();
        onTestFinished(() => target.close());
        const [listen, tunnel] = [await freePort(), await freePort()];
        const start = (role: 'client' | 'server', foreign: boolean, flags: readonly string[]): Program => {
          const [node, main] = programs.command('ours', role) as readonly [string, string];
          const [command, ...words] = foreign ? [...runtime.command, main] : [node, main];
          const all = [...words, ...flags, '--key', 'runtimes', '--mode', 'fast3'];
          const program = new Program(command as string, all, { name: `${role} (${foreign ? name : 'node'})`, env: ENV });
          onTestFinished(async () => {
            await program.stop();
          });
          return program;
        };
        const server = start('server', atServer, ['-l', `127.0.0.1:${tunnel}`, '-t', `127.0.0.1:${target.port}`]);
        await server.waitFor(/Listening on: .*\/udp/);
        const client = start('client', atClient, ['-l', `127.0.0.1:${listen}`, '-r', `127.0.0.1:${tunnel}`]);
        await client.waitFor(/listening on: /);
        await client.during(transfer({ port: listen, upload: SIZE, download: SIZE, order: 'at-once' }));
        await client.during(transfer({ port: listen, upload: SIZE, download: SIZE, order: 'after-eof', seed: 2 }));
        for (const [program, foreign] of [
          [client, atClient],
          [server, atServer],
        ] as const) {
          const said = new RegExp(`datagrams dgram \\(native: not for ${name} [0-9.]+\\)`, 'i');
          expect(said.test(program.output)).toBe(foreign);
        }
      });
    },
    'sequential',
  );
}
