// What our client says when a Go server can not read its frames. Such a server drops the session without a
// word; the next packet of the client makes another one there, whose answer shows it.

import net from 'node:net';
import { findPrograms, type Kind } from '@kcptun/interop';
import { freePort, Program, startTarget } from '@kcptun/testkit/node';
import { expect, onTestFinished, test } from 'vitest';
import { suite } from './suite.ts';

const programs = await findPrograms();

/** Before the first heartbeat, which comes after 10 s. */
const SOON = 9000;

const DROPPED =
  /ended: the server does not know it any more, .*: it has started over, or --smuxver or --nocomp is not the same at both ends/;

function start(kind: Kind, role: 'client' | 'server', flags: readonly string[]): Program {
  const [command, ...first] = programs.command(kind, role);
  const program = new Program(command, [...first, '--key', 'k', ...flags], { name: `${kind} ${role}`, env: { KCPTUN_KEY: undefined } });
  onTestFinished(() => void program.stop(500));
  return program;
}

suite('our client and a Go server', [programs.goMissing, programs.oursMissing], () => {
  test.each([
    ['--smuxver', ['--smuxver', '1'], ['--smuxver', '2']],
    ['--nocomp', ['--smuxver', '2', '--nocomp'], ['--smuxver', '2']],
  ])('that have another %s: it is not simply said to have started over', async (_flag, clientFlags, serverFlags) => {
    const target = await startTarget();
    onTestFinished(() => target.close());
    const [udpPort, port] = [await freePort(), await freePort()];
    const server = start('new', 'server', ['-l', `127.0.0.1:${udpPort}`, '-t', `127.0.0.1:${target.port}`, ...serverFlags]);
    await server.waitFor(/Listening on: .*\/udp/);
    const client = start('ours', 'client', ['-l', `127.0.0.1:${port}`, '-r', `127.0.0.1:${udpPort}`, ...clientFlags]);
    await client.waitFor(/key derivation done/);
    const socket = net.connect(port, '127.0.0.1').on('error', () => {});
    onTestFinished(() => void socket.destroy());
    socket.write('a request');
    await client.waitFor(DROPPED, { timeoutMs: SOON });
    expect(client.output).not.toMatch(/ended: the server has started over|nothing comes back/);
  });
});
