// What our client says when a Go server cannot read its frames. Such a server drops the session without a
// word; the next packet of the client makes another one there, whose answer shows it.

import net from 'node:net';
import { findPrograms, type Kind } from '@kcptun/interop';
import { freePort, Program, startTarget } from '@kcptun/testkit/node';
import { expect, onTestFinished, test } from 'vitest';
import { suite } from './suite.ts';

const programs = await findPrograms();

/** When the words must be there, in ms after the first connection. */
const SOON = 3000;

const NOTHING = /nothing comes back: is the server running, is UDP let through, are --key and --crypt the same at both ends\?/;
const DROPPED =
  /ended: the server does not know it any more, .*: it has started over, or --smuxver or --nocomp is not the same at both ends/;

function start(kind: Kind, role: 'client' | 'server', flags: readonly string[]): Program {
  const [command, ...first] = programs.command(kind, role);
  const program = new Program(command, [...first, '--key', 'k', ...flags], { name: `${kind} ${role}`, env: { KCPTUN_KEY: undefined } });
  onTestFinished(() => void program.stop(500));
  return program;
}

/** Starts a target, a Go server, our client, and an application that uses it. */
async function startEnds(kind: Kind, clientFlags: readonly string[], serverFlags: readonly string[]) {
  const target = await startTarget();
  onTestFinished(() => target.close());
  const [udpPort, port] = [await freePort(), await freePort()];
  const server = start(kind, 'server', ['-l', `127.0.0.1:${udpPort}`, '-t', `127.0.0.1:${target.port}`, ...serverFlags]);
  await server.waitFor(/listening on: /i);
  const client = start('ours', 'client', ['-l', `127.0.0.1:${port}`, '-r', `127.0.0.1:${udpPort}`, ...clientFlags]);
  await client.waitFor(/key derivation done[\s\S]*pprof: /);
  // An application that connects and asks for something.
  const socket = net.connect(port, '127.0.0.1').on('error', () => {});
  onTestFinished(() => void socket.destroy());
  socket.write('a request');
  return client;
}

suite(
  'our client and a Go server',
  [programs.goMissing, programs.oursMissing],
  () => {
    test.each([
      ['--smuxver 1 at the client', 'new', ['--smuxver', '1'], ['--smuxver', '2']],
      ['--smuxver 1 at the server', 'new', ['--smuxver', '2'], ['--smuxver', '1']],
      ['--nocomp at the client', 'new', ['--smuxver', '2', '--nocomp'], ['--smuxver', '2']],
      ['--nocomp at the server', 'new', ['--smuxver', '2'], ['--smuxver', '2', '--nocomp']],
      ['--smuxver 2 at an old server', 'old', ['--smuxver', '1'], ['--smuxver', '2']],
      ['--nocomp at an old server', 'old', ['--smuxver', '1'], ['--smuxver', '1', '--nocomp']],
    ] as const)('%s: it is not simply said to have started over', async (_flag, kind, clientFlags, serverFlags) => {
      const client = await startEnds(kind, clientFlags, serverFlags);
      await client.waitFor(DROPPED, { timeoutMs: SOON });
      expect(client.output).not.toMatch(/ended: the server has started over|nothing comes back|nobody listens/);
    });

    // Neither end can read a byte of the other: silence is all there is, and neither --smuxver nor a restart is to blame.
    test.each([
      ['--key', ['--key', 'other']],
      ['--crypt', ['--crypt', 'salsa20']],
    ])('another %s: nothing comes back', async (_flag, clientFlags) => {
      const client = await startEnds('new', ['--smuxver', '2', ...clientFlags], ['--smuxver', '2']);
      await client.waitFor(NOTHING, { timeoutMs: SOON });
      expect(client.output).not.toMatch(/started over|--smuxver or|nobody listens/);
    });
  },
  'sequential',
); // what a test leaves to its end must be its own
