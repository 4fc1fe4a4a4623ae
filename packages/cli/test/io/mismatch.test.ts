// What the two programs say when they cannot understand each other: real processes, real clocks. An end
// says what it can know, by the name of the flag, and nothing false, within 3 s. What lies between that
// and the time of packets is shown in the simulated world (packages/tunnel/test/mismatch.test.ts).

import net from 'node:net';
import { freePort, type Program, startTarget } from '@kcptun/testkit/node';
import { describe, expect, onTestFinished, test } from 'vitest';
import { start, startClient, until } from './programs.ts';

/** When the words must be there, in ms after the first connection. */
const SOON = 3000;

const NOTHING = /nothing comes back: is the server running, is UDP let through, are --key and --crypt the same at both ends\?/;
/** Native sockets are told by the network; node:dgram is not. */
const REFUSED =
  /nobody listens there, says the network \(ICMP\): is the server running, at this address and port, and does no firewall refuse it\?/;
const INTEGRITY = /\d+ datagrams? from 127\.0\.0\.1:\d+ failed the integrity check: --key or --crypt differs/;
const speaks = (seen: number, own: number): RegExp =>
  new RegExp(`the peer speaks smux version ${seen}, this end ${own}: make --smuxver equal at both ends`);
const COMPRESSES = /the peer compresses, this end does not: make --nocomp equal at both ends/;
const PLAIN = /the peer does not compress, this end does: make --nocomp equal at both ends/;

/** Every explanation that there is. What is not expected must not be there: it would be false. */
const EXPLANATIONS = /nothing comes back|nobody listens|integrity check|--smuxver|--nocomp|started over|takes our packets/;

interface Case {
  readonly name: string;
  readonly client?: readonly string[];
  readonly server?: readonly string[];
  /** Which line the client must write, and the server. */
  readonly clientSays: RegExp;
  readonly serverSays: RegExp;
}

const CASES: readonly Case[] = [
  { name: 'another key at the client', client: ['--key', 'other'], clientSays: NOTHING, serverSays: INTEGRITY },
  { name: 'another key at the server', server: ['--key', 'other'], clientSays: NOTHING, serverSays: INTEGRITY },
  { name: 'another cipher at the client', client: ['--crypt', 'salsa20'], clientSays: NOTHING, serverSays: INTEGRITY },
  { name: 'another cipher at the server', server: ['--crypt', 'aes-128-gcm'], clientSays: NOTHING, serverSays: INTEGRITY },
  { name: 'no cipher at the client', client: ['--crypt', 'null'], clientSays: NOTHING, serverSays: INTEGRITY },
  { name: 'no cipher at the server', server: ['--crypt', 'null'], clientSays: NOTHING, serverSays: INTEGRITY },
  { name: '--smuxver 1 at the client', client: ['--smuxver', '1'], clientSays: speaks(2, 1), serverSays: speaks(1, 2) },
  { name: '--smuxver 1 at the server', server: ['--smuxver', '1'], clientSays: speaks(1, 2), serverSays: speaks(2, 1) },
  { name: '--nocomp at the client', client: ['--nocomp'], clientSays: COMPRESSES, serverSays: PLAIN },
  { name: '--nocomp at the server', server: ['--nocomp'], clientSays: PLAIN, serverSays: COMPRESSES },
  {
    name: '--smuxver 1 and --nocomp at the client',
    client: ['--smuxver', '1', '--nocomp'],
    clientSays: COMPRESSES,
    serverSays: PLAIN,
  },
];

async function startServer(targetPort: number, flags: readonly string[] = []): Promise<{ server: Program; udpPort: number }> {
  const udpPort = await freePort();
  const server = start('server', ['-l', `127.0.0.1:${udpPort}`, '-t', `127.0.0.1:${targetPort}`, '--key', 'k', ...flags]);
  await server.waitFor(/Listening on: /);
  return { server, udpPort };
}

/** An application that connects and asks for something. */
function connect(port: number): net.Socket {
  const socket = net.connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => {});
  socket.resume();
  socket.write('a request');
  return socket;
}

function explanations(program: Program): string[] {
  return program.output.split('\n').filter((line) => EXPLANATIONS.test(line));
}

async function newTarget() {
  const target = await startTarget();
  onTestFinished(() => target.close());
  return target;
}

describe('ends that do not understand each other', () => {
  test('nobody listens', async () => {
    const { client, port } = await startClient(await freePort());
    connect(port);
    await client.waitFor(client.output.includes('datagrams native') ? REFUSED : NOTHING, { timeoutMs: SOON });
    expect(explanations(client)).toHaveLength(1);
  });

  test('somebody listens who never answers', async () => {
    const dgram = await import('node:dgram');
    const silent = dgram.createSocket('udp4');
    await new Promise<void>((resolve) => silent.bind(0, '127.0.0.1', resolve));
    onTestFinished(() => void silent.close());
    const { client, port } = await startClient(silent.address().port);
    connect(port);
    await client.waitFor(NOTHING, { timeoutMs: SOON });
    expect(explanations(client)).toHaveLength(1);
  });

  test.each(CASES)('$name', async ({ client: clientFlags = [], server: serverFlags = [], clientSays, serverSays }) => {
    const target = await newTarget();
    const { server, udpPort } = await startServer(target.port, serverFlags);
    const { client, port } = await startClient(udpPort, clientFlags);
    connect(port);
    await Promise.all([client.waitFor(clientSays, { timeoutMs: SOON }), server.waitFor(serverSays, { timeoutMs: SOON })]);
    expect(explanations(client).filter((line) => !clientSays.test(line))).toEqual([]);
    expect(explanations(server).filter((line) => !serverSays.test(line))).toEqual([]);
    expect(target.stats.connections).toBe(0);
  });

  // The wire shows nothing of QPP: whoever has it on is told so at start, and no end blames another setting.
  test.each(['client', 'server'])('--QPP at the %s only', async (side) => {
    const target = await newTarget();
    const flags = ['--QPP', '--key', 'a key for QPP that is longer than any warning about it asks for, by far and for good'];
    const key = flags.slice(1);
    const { server, udpPort } = await startServer(target.port, side === 'server' ? flags : key);
    const { client, port } = await startClient(udpPort, side === 'client' ? flags : key);
    const socket = connect(port);
    await until(() => target.stats.connections === 1, 'the target to be reached');
    socket.destroy();
    await client.waitFor(/stream closed/);
    expect([...explanations(client), ...explanations(server)]).toEqual([]);
    const hint = /--QPP must be the same at both ends, --QPPCount and the key too: nothing shows a difference, the data arrive unreadable/;
    expect((side === 'client' ? client : server).output).toMatch(hint);
    expect((side === 'client' ? server : client).output).not.toMatch(hint);
  });
});
