// The programs as processes: what they print, how they end, what they survive.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { checkPattern, patternBytes } from '@kcptun/testkit';
import { freePort, startTarget, transfer } from '@kcptun/testkit/node';
import { describe, expect, onTestFinished, test } from 'vitest';
import { file, messages, runToEnd, type Side, start, startClient, startPair, startServer, until } from './programs.ts';

const SIDES: readonly Side[] = ['client', 'server'];

async function newTarget() {
  const target = await startTarget();
  onTestFinished(() => target.close());
  return target;
}

describe.each(SIDES)('kcptun-%s', (side) => {
  test('--help and --version', async () => {
    const golden = readFileSync(new URL(`../help-${side}.txt`, import.meta.url), 'utf8').trimEnd();
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
    const [help, short] = await Promise.all([runToEnd(side, ['--help']), runToEnd(side, ['-v'])]);
    expect(help).toEqual({ code: 0, output: `${golden}\n` });
    expect(short).toEqual({ code: 0, output: `kcptun version ${version}\n` });
  });

  test('mistakes: exit code 2 and a line for each, on any number of them', async () => {
    const badJson = file('bad.json', '{ "mtu": 1350, "key": "hush" \n "mode": "fast" }');
    const wrongType = file('type.json', '{ "mtu": "large", "nocomp": 2 }');
    const cases: readonly (readonly [readonly string[], readonly RegExp[]])[] = [
      [
        ['--foo', '--mtuu', '1000', '--sndwnd', 'abc', '--crypt', 'rot13', '--mode', 'warp', 'word', '--mtu'],
        [
          /--foo: there is no such flag; see --help$/,
          /--mtuu: there is no such flag; did you mean --mtu\?$/,
          /word: unexpected word/,
          /--mtu: the value is missing/,
          /--crypt rot13: is not known; use one of aes, /,
          /--mode warp: is not known/,
          /--sndwnd abc: is not a whole number/,
        ],
      ],
      [['-c', '/no/such/file.json'], [/-c \/no\/such\/file\.json: there is no such file$/]],
      [['-c', badJson], [/bad\.json: is not valid JSON/]],
      [
        ['-c', wrongType],
        [/"mtu" "large": is not a whole number/, /"nocomp" 2: is neither true nor false/],
      ],
    ];
    const results = await Promise.all(cases.map(([args]) => runToEnd(side, args)));
    for (const [index, { code, output }] of results.entries()) {
      const expected = (cases[index] as (typeof cases)[number])[1];
      const lines = output.trimEnd().split('\n');
      expect({ code, lines: lines.length }).toEqual({ code: 2, lines: expected.length });
      for (const [at, pattern] of expected.entries()) expect(lines[at]).toMatch(pattern);
      for (const line of lines) expect(line.startsWith(`kcptun-${side}: `)).toBe(true);
      expect(output).not.toContain('hush');
    }
  });
});

describe('start', () => {
  test('tells the settings in the order of the Go programs', async () => {
    const target = await newTarget();
    const { client, server, udpPort } = await startPair(target.port, ['--mode', 'fast2', '--datashard', '4', '--parityshard', '2']);
    const clientLines = messages(client.output);
    expect(clientLines.slice(0, 4)).toEqual([
      expect.stringMatching(/^version: \d/),
      'initiating key derivation',
      expect.stringMatching(/^backends: datagrams (native|dgram \(native: .+\)), aes \S+.*, compression \S+$/),
      'key derivation done',
    ]);
    expect(clientLines.slice(4, 12)).toEqual([
      'smux version: 2',
      expect.stringMatching(/^listening on: 127\.0\.0\.1:\d+$/),
      'encryption: aes',
      'QPP: false',
      'QPP Count: 61',
      'nodelay parameters: 1 20 2 1',
      `remote address: 127.0.0.1:${udpPort}`,
      'sndwnd: 128 rcvwnd: 512',
    ]);
    expect(clientLines).toContain('datashard: 4 parityshard: 2');
    const serverLines = messages(server.output);
    expect(serverLines.at(-1)).toBe(`Listening on: 127.0.0.1:${udpPort}/udp`);
    expect(serverLines).toContain(`target: 127.0.0.1:${target.port}`);
  });

  test.each(['aes', 'salsa20', 'aes-128-gcm'])('recommends aes-128-gcm at both ends, unless it is that: %s', async (crypt) => {
    const target = await newTarget();
    const { client, server, port } = await startPair(target.port, ['--crypt', crypt]);
    // By the time that bytes have passed, both have said all there is to say about their start.
    await transfer({ port, upload: 1, download: 1 });
    const line = `use --crypt aes-128-gcm where both ends know it: packets of ${crypt} can be altered on the way unnoticed`;
    const times = crypt === 'aes-128-gcm' ? 0 : 1;
    for (const program of [client, server]) expect(messages(program.output).filter((said) => said === line)).toHaveLength(times);
  });

  test('a file wins over flags, and says so; unknown keys are named', async () => {
    const config = file('client.json', '{ "MTU": 1200, "rcvwnd": 2048, "keyy": "x", "key": "from the file", "localaddr": "127.0.0.1:0" }');
    const client = start('client', ['-r', '127.0.0.1:1', '--mtu', '1300', '--key', 'from the flag', '-c', config]);
    await client.waitFor(/pprof: /);
    const lines = messages(client.output);
    // That nobody listens at port 1 may be known by now.
    const warnings = lines.filter((line) => line.startsWith('WARNING: ') && !line.startsWith('WARNING: 127.0.0.1:1: '));
    expect(warnings).toHaveLength(3);
    expect(warnings.join('\n')).toMatch(/"keyy" is ignored: there is no such key/);
    expect(warnings.join('\n')).toMatch(/client\.json wins over the command line: "mtu": 1200 instead of --mtu/);
    expect(warnings.join('\n')).toMatch(/client\.json wins over the command line: "key": \(hidden\) instead of --key/);
    expect(lines).toContain('mtu: 1200');
    expect(lines).toContain('sndwnd: 128 rcvwnd: 2048');
    expect(client.output).not.toMatch(/from the (file|flag)/);
  });

  test('the key of the environment is used, and shown by neither program', async () => {
    const target = await newTarget();
    const udpPort = await freePort();
    const env = { KCPTUN_KEY: 'secret of the environment' };
    const server = start('server', ['-l', `127.0.0.1:${udpPort}`, '-t', `127.0.0.1:${target.port}`, '--key', 'secret of the environment']);
    await server.waitFor(/Listening on: /);
    const client = start('client', ['-l', '127.0.0.1:0', '-r', `127.0.0.1:${udpPort}`], { env });
    const port = Number((await client.waitFor(/listening on: 127\.0\.0\.1:(\d+)[\s\S]*pprof: /))[1]);
    await client.during(transfer({ port, upload: 10_000, download: 10_000 }));
    client.signal('SIGUSR1');
    await client.waitFor(/KCP SNMP:&\{BytesSent:\d+ BytesReceived:\d+ .*\}/);
    expect(client.output + server.output).not.toContain('secret of the environment');
    expect(client.output).not.toContain('WARNING');
  });

  test('without a key: a warning, because everybody knows the default', async () => {
    const client = start('client', ['-l', '127.0.0.1:0', '-r', '127.0.0.1:1']);
    await client.waitFor(/WARNING: the default key is public/);
  });

  test('a port that is taken: exit code 1 and one line that names it and its flag', async () => {
    const target = await newTarget();
    const { port, udpPort } = await startPair(target.port);
    const [client, server] = await Promise.all([
      runToEnd('client', ['-l', `127.0.0.1:${port}`, '-r', '127.0.0.1:1', '--key', 'k']),
      runToEnd('server', ['-l', `127.0.0.1:${udpPort}`, '-t', '127.0.0.1:1', '--key', 'k']),
    ]);
    for (const [{ code, output }, taken] of [
      [client, `--localaddr 127.0.0.1:${port}: `],
      [server, `--listen 127.0.0.1:${udpPort}: `],
    ] as const) {
      const problems = messages(output).filter((line) => line.includes('EADDRINUSE'));
      expect(code).toBe(1);
      expect(problems).toHaveLength(1);
      expect(problems[0]?.startsWith(taken)).toBe(true);
      expect(messages(output).at(-1)).toBe(problems[0]);
    }
  });
});

describe('signals', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s in the middle of a transfer, without time to drain, ends both at once with 0',
    async (signal) => {
      const target = await newTarget();
      const { client, server, port, udpPort } = await startPair(target.port, ['--drain-timeout', '0']);
      const near = net.connect(port, '127.0.0.1');
      onTestFinished(() => void near.destroy());
      near.on('error', () => {}).resume();
      near.write(patternBytes(5_000_000, 3));
      await target.opened(1);
      client.signal(signal);
      server.signal(signal);
      expect(await Promise.all([client.exited, server.exited])).toEqual([
        { code: 0, signal: null },
        { code: 0, signal: null },
      ]);
      // A drain would say how long the streams have.
      expect(messages(client.output)).toContain(`${signal}: open streams: 1, stopping`);
      expect(messages(client.output).at(-1)).toBe('WARNING: stopped before all streams had ended');
      // Nothing is left: both ports can be had again at once.
      await startServer(udpPort, target.port);
      await runUntilListening(port);
    },
  );

  test('SIGTERM lets a connection finish, takes no other, and the end is 0', async () => {
    const target = net.createServer((socket) => socket.on('error', () => {}).pipe(socket)).listen(0, '127.0.0.1');
    await once(target, 'listening');
    onTestFinished(() => void target.close());
    const { client, server, port } = await startPair((target.address() as net.AddressInfo).port, ['--drain-timeout', '20']);
    const near = net.connect(port, '127.0.0.1');
    onTestFinished(() => void near.destroy());
    near.write('first');
    expect(String((await once(near, 'data'))[0])).toBe('first');
    for (const program of [client, server]) {
      program.signal('SIGTERM');
      await program.waitFor(/SIGTERM: open streams: 1, they have up to 20 s to end; a second signal does not wait/);
    }
    await expect(once(net.connect(port, '127.0.0.1'), 'connect')).rejects.toThrow('ECONNREFUSED');
    near.end(patternBytes(300_000, 3));
    let received = 0;
    for await (const bytes of near) {
      expect(checkPattern(bytes as Buffer, 3, received)).toBe(-1);
      received += (bytes as Buffer).length;
    }
    expect(received).toBe(300_000);
    expect(await Promise.all([client.exited, server.exited])).toEqual([
      { code: 0, signal: null },
      { code: 0, signal: null },
    ]);
    expect(messages(client.output).at(-1)).toBe('stopped');
    expect(messages(server.output).at(-1)).toBe('stopped');
  });

  test('what does not finish in time is cut; a second signal does not wait for that', async () => {
    const target = await newTarget();
    const { client, server, port } = await startPair(target.port, ['--drain-timeout', '1'], ['--drain-timeout', '3600']);
    const near = net.connect(port, '127.0.0.1').on('error', () => {});
    onTestFinished(() => void near.destroy());
    await target.opened(1);
    server.signal('SIGTERM');
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(messages(server.output).at(-1)).toBe('WARNING: stopped before all streams had ended');
    await until(() => near.destroyed, 'the end of the connection, which the server has told');
    // Another one waits for a server that does not come.
    const waiting = net.connect(port, '127.0.0.1').on('error', () => {});
    onTestFinished(() => void waiting.destroy());
    await client.waitFor(/stream opened.*stream opened/s);
    client.signal('SIGINT');
    await client.waitFor(/SIGINT: open streams: 1, they have up to 3600 s to end/);
    client.signal('SIGTERM');
    expect(await client.exited).toEqual({ code: 143, signal: null });
  });
});

async function runUntilListening(port: number): Promise<void> {
  const client = start('client', ['-l', `127.0.0.1:${port}`, '-r', '127.0.0.1:1', '--key', 'k']);
  await client.waitFor(/pprof: /);
}

describe('kill -9', () => {
  /** The rest of a connection whose tunnel dies: everything received is checked against the pattern. */
  function receive(socket: net.Socket): { length: number; wrong: number } {
    const state = { length: 0, wrong: -1 };
    socket.on('data', (bytes) => {
      state.wrong = Math.max(state.wrong, checkPattern(bytes, 3, state.length));
      state.length += bytes.length;
    });
    socket.on('error', () => {});
    return state;
  }

  async function listenOnce(): Promise<{ readonly port: number; readonly sockets: net.Socket[] }> {
    const sockets: net.Socket[] = [];
    const server = net.createServer((socket) => sockets.push(socket.on('error', () => {}))).listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    return { port: (server.address() as net.AddressInfo).port, sockets };
  }

  test('of the client: the target has a prefix, and another client is served', async () => {
    const { port: targetPort, sockets } = await listenOnce();
    const pair = await startPair(targetPort);
    const near = net.connect(pair.port, '127.0.0.1').on('error', () => {});
    near.write(patternBytes(30_000_000, 3));
    await until(() => sockets.length === 1, 'the connection to the target');
    const state = receive(sockets[0] as net.Socket);
    await until(() => state.length > 1_000_000, 'the first megabyte');
    pair.client.signal('SIGKILL');
    await pair.client.exited;
    await new Promise<void>((resolve) => (near.destroyed ? resolve() : near.once('close', () => resolve())));
    expect(state.wrong).toBe(-1);
    expect(state.length).toBeLessThan(30_000_000);

    const { port } = await startClient(pair.udpPort);
    const again = net.connect(port, '127.0.0.1').on('error', () => {});
    again.end(patternBytes(100_000, 3));
    await until(() => sockets.length === 2, 'the next connection to the target');
    const second = receive(sockets[1] as net.Socket);
    await pair.server.during(once(sockets[1] as net.Socket, 'end'));
    expect(second).toEqual({ length: 100_000, wrong: -1 });
    expect(state.wrong).toBe(-1);
  });

  test('of the server: the application has a prefix, and new connections work with the next server', async () => {
    const { port: targetPort, sockets } = await listenOnce();
    const pair = await startPair(targetPort, [], ['--conn', '2']);
    const near = net.connect(pair.port, '127.0.0.1');
    const state = receive(near);
    near.write('x');
    await until(() => sockets.length === 1, 'the connection to the target');
    (sockets[0] as net.Socket).write(patternBytes(30_000_000, 3));
    await until(() => state.length > 1_000_000, 'the first megabyte');
    pair.server.signal('SIGKILL');
    await pair.server.exited;
    await startServer(pair.udpPort, targetPort);
    // Of the sessions only the new server knows that they are no more: what meets one of them is reset, and at once.
    let again = net.connect(pair.port, '127.0.0.1');
    let second = receive(again);
    again.write('x');
    let resets = 0;
    again.on('close', function tryAgain() {
      if (sockets.length === 2) return;
      resets += 1;
      again = net.connect(pair.port, '127.0.0.1').on('close', tryAgain);
      second = receive(again);
      again.write('x');
    });
    await pair.client.during(until(() => sockets.length === 2, 'the next connection to the target'));
    // One for each session at most.
    expect(resets).toBeLessThanOrEqual(2);
    (sockets[1] as net.Socket).end(patternBytes(100_000, 3));
    await pair.client.during(once(again, 'end'));
    expect(second).toEqual({ length: 100_000, wrong: -1 });
    expect(state.wrong).toBe(-1);
    expect(state.length).toBeLessThan(30_000_000);
    near.destroy();
  });
});

/** Resident memory of a process, in MB. */
function residentMemory(pid: number | undefined): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1000;
}

/** What Node 22 and 24 need more than Node 20 before they do anything, in MB. */
const EXTRA_MB = Number(process.versions.node.split('.')[0]) >= 22 ? 6 : 0;

const SMALL_WINDOWS = ['--sndwnd', '1024', '--rcvwnd', '1024', '--nocomp'];

describe.skipIf(process.platform !== 'linux')('memory', () => {
  test('of an idle client falls below 75 MB with Node 20, and it stays below 200 MB after a transfer', async () => {
    const target = await newTarget();
    const { client, server, port } = await startPair(target.port, SMALL_WINDOWS);
    // V8 gives back what the start took when nothing has happened for some seconds.
    await client.during(until(() => residentMemory(client.pid) < 75 + EXTRA_MB, 'the memory of the start to be given back'));
    await client.during(transfer({ port, upload: 25_000_000, download: 25_000_000 }));
    expect(residentMemory(client.pid)).toBeLessThan(200);
    expect(residentMemory(server.pid)).toBeLessThan(200);
  });
});
