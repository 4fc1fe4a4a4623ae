// What the programs promise about a path that is not theirs: their rate on the wire, clients whose address changes, limits on sessions, recorded
// datagrams, and that nobody learns the key from what they say.

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { deriveKey } from '@kcptun/crypt';
import { freePort, startTarget, type Target, transfer, UdpRelay } from '@kcptun/testkit/node';
import { expect, onTestFinished, test } from 'vitest';
import { file, newFolder, runToEnd, startClient, startPair, startServer, until } from './programs.ts';

async function newTarget(): Promise<Target> {
  const target = await startTarget();
  onTestFinished(() => target.close());
  return target;
}

async function newRelay(upstreamPort: number): Promise<UdpRelay> {
  const relay = await UdpRelay.start({ upstreamPort });
  onTestFinished(() => relay.close());
  return relay;
}

async function newSocket(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  onTestFinished(() => void socket.close());
  return socket;
}

/** How often the rate may be measured. */
const MOST_ROUNDS = 5;

test('--ratelimit: each end sends its rate, in bytes of UDP payload, within 5 %', async () => {
  const target = await newTarget();
  const { udpPort } = await startPair(target.port, ['--ratelimit', '2000000', '--nocomp']);
  const relay = await newRelay(udpPort);
  const { port } = await startClient(relay.port, ['--ratelimit', '1000000', '--nocomp']);
  const going = transfer({ port, upload: 12_000_000, download: 24_000_000, order: 'at-once' });
  going.catch(() => {});
  // The first packets may leave at once; measured is what comes behind them.
  await until(() => relay.stats.up.sentBytes > 500_000 && relay.stats.down.sentBytes > 1_000_000, 'the beginning');
  // On a busy machine programs stand still at times, and make up for some of it afterwards: then it is measured again.
  let shares: number[] = [];
  const isRight = (): boolean => shares.length > 0 && shares.every((share) => share > 0.95 && share < 1.05);
  for (let round = 0; round < MOST_ROUNDS && !isRight(); round++) {
    const first = { at: performance.now(), up: relay.stats.up.sentBytes, down: relay.stats.down.sentBytes };
    await until(() => performance.now() - first.at > 1500, 'the time of the measurement');
    const seconds = (performance.now() - first.at) / 1000;
    const { up, down } = relay.stats;
    shares = [(up.sentBytes - first.up) / seconds / 1_000_000, (down.sentBytes - first.down) / seconds / 2_000_000];
  }
  expect(isRight(), `shares of the rates: ${shares}`).toBe(true);
});

test('a client whose NAT chooses other ports keeps its streams; the server says so', async () => {
  const target = await newTarget();
  const { server, udpPort } = await startPair(target.port);
  const relay = await newRelay(udpPort);
  const { client, port } = await startClient(relay.port);
  const going = transfer({ port, upload: 6_000_000, download: 6_000_000, order: 'at-once' });
  going.catch(() => {});
  for (let round = 1; round <= 3; round++) {
    await until(() => relay.stats.up.sentBytes > round * 1_000_000, 'some bytes');
    await relay.changePorts();
    await server.waitFor(new RegExp(`(session of conv \\d+ moved from 127\\.0\\.0\\.1:\\d+ to 127\\.0\\.0\\.1:\\d+\\n[^]*){${round}}`));
  }
  await client.during(going);
  expect(target.stats.connections).toBe(1);
  expect(Number((await counters(server)).get('Moves'))).toBeGreaterThanOrEqual(3);
  expect(client.output).not.toMatch(/ended/);
});

test('--no-replay-protection: a client from another port is another client', async () => {
  const target = await newTarget();
  const udpPort = await freePort();
  const server = await startServer(udpPort, target.port, ['--no-replay-protection']);
  const relay = await newRelay(udpPort);
  const { client, port } = await startClient(relay.port);
  await client.during(transfer({ port, upload: 1000, download: 1000 }));
  expect((await counters(server)).get('PassiveOpens')).toBe('1');
  await relay.changePorts();
  // The client notices that the server knows nothing of it any more, and starts over.
  await until(
    () =>
      transfer({ port, upload: 1000, download: 1000, timeoutMs: 3000 }).then(
        () => true,
        () => false,
      ),
    'the client to start over',
  );
  expect(Number((await counters(server)).get('PassiveOpens'))).toBeGreaterThan(1);
  expect(server.output).not.toMatch(/moved from/);
});

/** A client behind a tap that has done its work and gone, and all the datagrams that it has sent. */
async function recordClient(udpPort: number): Promise<{ recorded: Buffer[]; upstream: Socket }> {
  const tap = await newSocket();
  const upstream = await newSocket();
  const recorded: Buffer[] = [];
  let clientPort = 0;
  tap.on('message', (bytes, { port }) => {
    clientPort = port;
    recorded.push(bytes);
    upstream.send(bytes, udpPort, '127.0.0.1');
  });
  upstream.on('message', (bytes) => tap.send(bytes, clientPort, '127.0.0.1'));
  const { client, port } = await startClient(tap.address().port);
  await client.during(transfer({ port, upload: 50_000, download: 1000 }));
  await client.stop(500);
  return { recorded, upstream };
}

test.skipIf(process.platform === 'win32').each([
  ['by default nothing comes of them', []],
  ['--no-replay-protection takes them as if they were new', ['--no-replay-protection']],
] as const)('recorded datagrams, from the address of their client and from another: %s', async (_, flags) => {
  const target = await newTarget();
  const udpPort = await freePort();
  const server = await startServer(udpPort, target.port, flags);
  const { recorded, upstream } = await recordClient(udpPort);
  const attacker = await newSocket();
  let answers = 0;
  attacker.on('message', () => (answers += 1));
  const before = await counters(server);
  const grown = (after: Map<string, string>, name: string): number => Number(after.get(name)) - Number(before.get(name));
  for (const bytes of recorded) {
    upstream.send(bytes, udpPort, '127.0.0.1');
    attacker.send(bytes, udpPort, '127.0.0.1');
  }
  let after = before;
  await until(async () => {
    after = await counters(server);
    return grown(after, 'InPkts') >= 2 * recorded.length;
  }, 'the server to see all recorded datagrams once more');
  expect(recorded.length).toBeGreaterThan(20);
  if (flags.length === 0) {
    expect([grown(after, 'RepeatSegs'), grown(after, 'PassiveOpens'), answers]).toEqual([0, 0, 0]);
    expect(grown(after, 'Replayed')).toBe(2 * recorded.length);
    expect(target.stats.connections).toBe(1);
  } else {
    // The session of the client has got its segments before, and the attacker has a session of its own, with what the client said.
    expect(grown(after, 'RepeatSegs')).toBeGreaterThan(20);
    expect(grown(after, 'PassiveOpens')).toBe(1);
    await until(() => answers > 0 && target.stats.connections === 2, 'the attacker to be served');
  }
});

test('--max-sessions and --max-sessions-per-ip: who comes too late is told to the log, who is there goes on', async () => {
  const target = await newTarget();
  for (const flags of [
    ['--max-sessions', '2'],
    ['--max-sessions-per-ip', '2'],
  ]) {
    const udpPort = await freePort();
    const server = await startServer(udpPort, target.port, flags);
    const { client, port } = await startClient(udpPort, ['--conn', '2']);
    await Promise.all([1, 2].map((seed) => transfer({ port, seed, upload: 1000, download: 1000 })));
    const late = await startClient(udpPort);
    await expect(transfer({ port: late.port, upload: 10, download: 10, timeoutMs: 700 })).rejects.toThrow();
    await server.waitFor(/a new session from 127\.0\.0\.1:\d+ finds no room, .*: see --max-sessions and --max-sessions-per-ip/);
    await client.during(Promise.all([3, 4].map((seed) => transfer({ port, seed, upload: 1000, download: 1000 }))));
  }
});

test.skipIf(process.platform === 'win32')(
  'the server answers nothing that it cannot authenticate: garbage, another key, what it has seen already',
  async () => {
    const target = await newTarget();
    const udpPort = await freePort();
    const server = await startServer(udpPort, target.port);
    const { recorded } = await recordClient(udpPort);
    const wrongKey: Buffer[] = [];
    const stranger = await newSocket();
    stranger.on('message', (bytes) => wrongKey.push(bytes));
    const other = await startClient(stranger.address().port, ['--key', 'another key']);
    const trying = transfer({ port: other.port, upload: 1000, download: 10 }).catch(() => {});
    await until(() => wrongKey.length > 0, 'datagrams with another key');
    await other.client.stop(500);
    await trying;

    const attacker = await newSocket();
    let answers = 0;
    attacker.on('message', () => (answers += 1));
    const before = Number((await counters(server)).get('OutPkts'));
    const storm = [...recorded, ...wrongKey, ...recorded.map((bytes) => bytes.subarray(0, 19)), Buffer.alloc(1400, 7), Buffer.alloc(0)];
    for (const bytes of storm) attacker.send(bytes, udpPort, '127.0.0.1');
    const refused = (snmp: Map<string, string>): number => Number(snmp.get('InCsumErrors'));
    for (let snmp = await counters(server); refused(snmp) < wrongKey.length + 1; snmp = await counters(server));
    expect(answers).toBe(0);
    // What still leaves is for the client that has gone: its session does not know.
    const after = await counters(server);
    expect(Number(after.get('PassiveOpens'))).toBe(1);
    expect(Number(after.get('OutPkts')) - before).toBeLessThan(10);
    expect(recorded.length).toBeGreaterThan(20);
    expect(target.stats.connections).toBe(1);
  },
);

async function counters(program: {
  mark: number;
  signal(signal: 'SIGUSR1'): boolean;
  waitFor(pattern: RegExp, options: { from: number }): Promise<RegExpMatchArray>;
}): Promise<Map<string, string>> {
  const from = program.mark;
  program.signal('SIGUSR1');
  const [, fields = '', others = ''] = await program.waitFor(/KCP SNMP:&\{([^}]*)\}\n.*guards:&\{([^}]*)\}/, { from });
  return new Map(`${fields} ${others}`.split(' ').map((field) => field.split(':') as [string, string]));
}

const MARKER = 'Zq7-marker-of-the-key-9Kx';

/** All forms in which the key or what is derived from it could show. */
function formsOfKey(): string[] {
  const derived = Buffer.from(deriveKey(MARKER));
  const parts = [Buffer.from(MARKER), derived, derived.subarray(0, 16), derived.subarray(0, 24)];
  return parts.flatMap((part) => [
    part.toString('latin1'),
    part.toString('hex'),
    part.toString('base64').replace(/=+$/, ''),
    [...part].join(', '),
  ]);
}

function expectNoKey(text: string): void {
  for (const form of formsOfKey()) expect(text.toLowerCase()).not.toContain(form.toLowerCase());
}

test.skipIf(process.platform !== 'linux')(
  'the key is in no line, no counter, no message and no title, whatever goes right or wrong',
  async () => {
    const target = await newTarget();
    const config = file('c.json', JSON.stringify({ key: MARKER, mtu: 1300 }));
    const broken = file('broken.json', `{ "key": "${MARKER}", "mtu": }`);
    const wrongType = file('type.json', JSON.stringify({ key: MARKER, mtu: 'x', keys: MARKER.length }));
    const log = `${newFolder()}/log.txt`;
    const pair = await startPair(target.port, ['-c', config, '--log-level', 'debug', '--QPP', '--crypt', 'aes-128-gcm']);
    await pair.client.during(transfer({ port: pair.port, upload: 1000, download: 1000 }));
    const withEnv = { env: { KCPTUN_KEY: MARKER } };
    const ended = await Promise.all([
      runToEnd('server', ['--key', MARKER, '-l', `127.0.0.1:${pair.udpPort}`, '-t', '127.0.0.1:1', '--log', log]),
      runToEnd('server', ['--key', MARKER, '-l', `127.0.0.1:${pair.udpPort}`, '-t', '127.0.0.1:1', '--log-format', 'json']),
      runToEnd('client', ['--key', MARKER, '--mtu', '1', '--crypt', 'rot13']),
      runToEnd('client', ['--key', MARKER, '--nonsense']),
      runToEnd('client', ['-c', broken]),
      runToEnd('client', ['-c', wrongType]),
      runToEnd('client', ['-c', config, '--key', `${MARKER}2`, '--print-config']),
      runToEnd('client', ['--print-config=json'], withEnv),
      runToEnd('server', ['--help'], withEnv),
    ]);
    expect(ended.filter(({ output }) => output === '')).toHaveLength(1);
    expect(readFileSync(log, 'utf8')).toMatch(/address already in use/);
    // Another key at the other end, and a peer that speaks another cipher.
    const stranger = await startClient(pair.udpPort, ['--key', `${MARKER}3`]);
    await transfer({ port: stranger.port, upload: 10, download: 10, timeoutMs: 300 }).catch(() => {});
    await pair.server.waitFor(/failed the integrity check/);
    for (const program of [pair.client, pair.server]) {
      await counters(program);
      // The words of a command line are the system's to show; these programs got the key from the file.
      const title = readFileSync(`/proc/${program.pid}/comm`, 'latin1');
      expectNoKey(title);
      expectNoKey(readFileSync(`/proc/${program.pid}/cmdline`, 'latin1'));
      await program.stop();
    }
    for (const output of [
      ...ended.map((end) => end.output),
      pair.client.output,
      pair.server.output,
      stranger.client.output,
      readFileSync(log, 'utf8'),
    ]) {
      expectNoKey(output);
    }
  },
);
