// What can be seen of running programs: counters in a file, the log in its forms and places, and that none of it can bring them down.

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, startTarget, transfer } from '@kcptun/testkit/node';
import { describe, expect, onTestFinished, test } from 'vitest';
import { messages, newFolder, runToEnd, start, startClient, startPair, startServer, until } from './programs.ts';

const VECTORS = JSON.parse(readFileSync(new URL('../../../testkit/vectors/snmp.json', import.meta.url), 'utf8')) as {
  readonly csv: Readonly<Record<string, { readonly header: string }>>;
};

async function newTarget() {
  const target = await startTarget();
  onTestFinished(() => target.close());
  return target;
}

function read(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

describe('--snmplog', () => {
  test('appends the counters every period: header, one row a time, what was carried', async () => {
    const target = await newTarget();
    const path = join(newFolder(), 'snmp.csv');
    const { client, port } = await startPair(target.port, [], ['--snmplog', path, '--snmpperiod', '1']);
    await client.during(transfer({ port, upload: 300_000, download: 200_000 }));
    const carried = read(path).split('\n').length;
    await until(() => read(path).split('\n').length > Math.max(carried, 3), 'two rows');
    const [header = '', ...rows] = read(path).trimEnd().split('\n');
    expect(header).toBe(VECTORS.csv['20260314']?.header);
    const names = header.split(',');
    const table = rows.map((row) => Object.fromEntries(row.split(',').map((value, index) => [names[index], Number(value)])));
    for (const value of table.flatMap((row) => Object.values(row) as number[])) expect(Number.isInteger(value) && value >= 0).toBe(true);
    const last = table.at(-1) as Record<string, number>;
    expect(last['ActiveOpens']).toBe(1);
    expect(last['BytesSent']).toBeGreaterThan(0);
    expect(last['InPkts']).toBeGreaterThan(0);
    expect(last['OutBytes']).toBeGreaterThan(0);
    for (const [before, after] of table.slice(1).map((row, index) => [table[index], row] as const)) {
      expect(after['Unix']).toBeGreaterThanOrEqual(before?.['Unix'] as number);
      expect(after['BytesSent']).toBeGreaterThanOrEqual(before?.['BytesSent'] as number);
    }
    expect(Math.abs((last['Unix'] as number) - Date.now() / 1000)).toBeLessThan(60);
  });

  test.skipIf(!existsSync('/usr/share/zoneinfo/Asia/Kolkata'))('the name is a time layout; the zone has its own name', async () => {
    const zones = [
      ['Asia/Shanghai', 'CST+0800'],
      ['Asia/Kolkata', 'IST+0530'],
      ['Asia/Dubai', '+04+0400'],
      ['UTC', 'UTC+0000'],
    ] as const;
    await Promise.all(
      zones.map(async ([zone, expected]) => {
        const folder = newFolder();
        const args = [
          '-l',
          '127.0.0.1:0',
          '-r',
          '127.0.0.1:1',
          '--key',
          'k',
          '--snmpperiod',
          '1',
          '--snmplog',
          `${folder}/2006-MST-0700.csv`,
        ];
        start('client', args, { env: { TZ: zone } });
        await until(() => readdirSync(folder).length > 0, `a file for ${zone}`);
        const year = new Intl.DateTimeFormat('en', { timeZone: zone, year: 'numeric' }).format(new Date());
        expect(readdirSync(folder)).toEqual([`${year}-${expected}.csv`]);
      }),
    );
  });

  test('a file that cannot be had is said each time and tried again', async () => {
    const folder = join(newFolder(), 'later');
    const { client } = await startClient(1, ['--snmplog', join(folder, 'snmp.csv'), '--snmpperiod', '1']);
    await client.waitFor(/snmp logger: ENOENT.*later.*\n(.*\n)*.*snmp logger: ENOENT/);
    mkdirSync(folder);
    await until(() => read(join(folder, 'snmp.csv')) !== '', 'the file');
    expect(client.running).toBe(true);
  });
});

describe('--log', () => {
  test.skipIf(process.platform === 'win32')('everything goes to the file, which SIGHUP reopens; a rotation loses no line', async () => {
    const target = await newTarget();
    const path = join(newFolder(), 'kcptun.log');
    const udpPort = await freePort();
    await startServer(udpPort, target.port);
    const port = await freePort();
    const client = start('client', ['-l', `127.0.0.1:${port}`, '-r', `127.0.0.1:${udpPort}`, '--key', 'k', '--log', path]);
    await until(() => /pprof: /.test(read(path)), 'the settings');
    expect(messages(read(path))[0]).toMatch(/^version: /);
    await client.during(transfer({ port, upload: 1000, download: 1000 }));
    await until(() => /stream closed/.test(read(path)), 'the end of the stream');
    renameSync(path, `${path}.1`);
    client.signal('SIGHUP');
    await until(() => /SIGHUP: the log file was reopened/.test(read(path)), 'the new file');
    await client.during(transfer({ port, upload: 1000, download: 1000 }));
    await until(() => /stream closed/.test(read(path)), 'the end of the second stream');
    expect(messages(read(`${path}.1`)).filter((line) => line.startsWith('stream '))).toHaveLength(2);
    expect(messages(read(path)).filter((line) => line.startsWith('stream '))).toHaveLength(2);
    expect(client.output).toBe('');
  });

  test('that cannot be opened: one line, exit code 2, nothing started', async () => {
    const path = join(newFolder(), 'no', 'kcptun.log');
    const { code, output } = await runToEnd('server', ['--log', path, '--key', 'k']);
    expect({ code, output }).toEqual({
      code: 2,
      output: expect.stringMatching(/^kcptun-server: --log .*: cannot be opened: ENOENT.*\n$/),
    });
  });

  test.skipIf(!existsSync('/dev/full'))('on a full disk: said once on standard error, the tunnel works', async () => {
    const target = await newTarget();
    const udpPort = await freePort();
    await startServer(udpPort, target.port);
    const port = await freePort();
    const client = start('client', ['-l', `127.0.0.1:${port}`, '-r', `127.0.0.1:${udpPort}`, '--key', 'k', '--log', '/dev/full']);
    await client.waitFor(/the log file \/dev\/full takes no more: ENOSPC/);
    await untilConnected(port);
    await client.during(transfer({ port, upload: 100_000, download: 100_000 }));
    expect(messages(client.output)).toHaveLength(1);
  });
});

/** Waits for a listener of which no log tells. */
async function untilConnected(port: number): Promise<void> {
  const { connect } = await import('node:net');
  for (let open = false; !open; ) {
    open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
  }
}

test.skipIf(process.platform === 'win32')('--quiet leaves out the lines about single streams, and only these', async () => {
  const target = await newTarget();
  const [loud, quiet] = await Promise.all(
    [[], ['--quiet']].map(async (flags) => {
      const { client, server, port, udpPort } = await startPair(target.port, flags);
      await client.during(transfer({ port, upload: 1000, download: 1000 }));
      // The last line of both: it comes behind those of the stream.
      for (const program of [client, server]) program.signal('SIGTERM');
      await Promise.all([client.exited, server.exited]);
      const plain = (text: string): string[] =>
        messages(text.replaceAll(`:${udpPort}`, ':UDP')).map((line) =>
          line.replace(/:\d{4,5}\b/g, ':PORT').replace(/^(quiet|SIGTERM): .*/, '$1'),
        );
      return [...plain(client.output), ...plain(server.output)];
    }),
  );
  const streamLines = /^(stream opened in|stream closed in|pipe): /;
  expect(loud?.filter((line) => streamLines.test(line)).length).toBeGreaterThanOrEqual(4);
  expect(quiet).toEqual(loud?.filter((line) => !streamLines.test(line)));
});

test.skipIf(process.platform === 'win32')(
  '--log-format json: an object a line with time, level, msg and facts; the key is in none',
  async () => {
    const target = await newTarget();
    const udpPort = await freePort();
    const server = start('server', [
      '-l',
      `127.0.0.1:${udpPort}`,
      '-t',
      `127.0.0.1:${target.port}`,
      '--key',
      'hush',
      '--log-format',
      'json',
    ]);
    await server.waitFor(/"event":"listening"/);
    const client = start('client', [
      '-l',
      '127.0.0.1:0',
      '-r',
      `127.0.0.1:${udpPort}`,
      '--key',
      'hush',
      '--log-format',
      'json',
      '--mtu',
      '1200',
    ]);
    const port = Number((await client.waitFor(/"event":"listening","address":"127\.0\.0\.1:(\d+)"/))[1]);
    await client.during(transfer({ port, upload: 1000, download: 1000 }));
    await client.waitFor(/"event":"stream\.close"/);
    client.signal('SIGUSR1');
    await client.waitFor(/"event":"snmp"/);
    const lines = client.output
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    for (const line of lines) {
      expect(line).toMatchObject({ time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/), msg: expect.any(String) });
      expect(['debug', 'info', 'warn', 'error']).toContain(line['level']);
    }
    const event = (name: string) => lines.find((line) => line['event'] === name);
    expect(event('settings')).toMatchObject({ mtu: 1200, remoteaddr: `127.0.0.1:${udpPort}`, quiet: false });
    expect(event('session.open')).toMatchObject({ remote: `127.0.0.1:${udpPort}`, local: expect.any(String) });
    expect(event('stream.open')).toMatchObject({
      sid: 3,
      kcp: `127.0.0.1:${udpPort}`,
      connection: expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    });
    expect(event('snmp')).toMatchObject({ ActiveOpens: 1, BytesSent: expect.any(Number) });
    expect(client.output + server.output).not.toContain('hush');
  },
);

test('--log-level error leaves out what is in order; debug shows troubles of datagrams', async () => {
  const port = await freePort();
  const quiet = start('client', ['-l', `127.0.0.1:${port}`, '-r', '127.0.0.1:1', '--log-level', 'error']);
  await untilConnected(port);
  expect(quiet.output).toBe('');
  // Nobody listens on that port: the system answers, and the native socket tells. node:dgram does not.
  const closed = await freePort();
  const { client, port: near } = await startClient(closed, ['--log-level', 'debug']);
  if (!client.output.includes('datagrams native')) return;
  await Promise.race([
    transfer({ port: near, upload: 10, download: 10, timeoutMs: 9000 }).catch(() => {}),
    client.waitFor(/ udp: .*ECONNREFUSED/),
  ]);
  expect(client.output).toMatch(/ udp: .*ECONNREFUSED/);
});

describe('nothing of it ends the program', () => {
  test.skipIf(process.platform === 'win32')('standard error whose reader has gone', async () => {
    const target = await newTarget();
    const udpPort = await freePort();
    await startServer(udpPort, target.port);
    const port = await freePort();
    const args = ['-l', `127.0.0.1:${port}`, '-r', `127.0.0.1:${udpPort}`, '--key', 'k'];
    const client = start('client', args);
    await client.waitFor(/pprof: /);
    client.closeOutput();
    await client.during(transfer({ port, upload: 100_000, download: 100_000 }));
    await client.during(transfer({ port, upload: 100_000, download: 100_000 }));
    expect(client.running).toBe(true);
    client.signal('SIGTERM');
    expect(await client.exited).toEqual({ code: 0, signal: null });
  });

  test.skipIf(process.platform === 'win32')('SIGHUP without a log file', async () => {
    const { client } = await startClient(1);
    client.signal('SIGHUP');
    await client.waitFor(/SIGHUP: nothing to do/);
    client.signal('SIGUSR1');
    await client.waitFor(/KCP SNMP:&\{/);
  });
});

test.skipIf(process.platform === 'win32')('an error that nothing expected: one clear line and exit code 1', async () => {
  const bomb = `data:text/javascript,${encodeURIComponent('process.on("SIGUSR2", () => { throw new TypeError("boom") })')}`;
  const client = start('client', ['-l', '127.0.0.1:0', '-r', '127.0.0.1:1', '--key', 'k'], { env: { NODE_OPTIONS: `--import=${bomb}` } });
  await client.waitFor(/pprof: /);
  client.signal('SIGUSR2');
  expect(await client.exited).toEqual({ code: 1, signal: null });
  expect(messages(client.output).filter((line) => line.includes('boom'))).toEqual([
    expect.stringMatching(/^internal error, please report it: TypeError: boom at .*data:text\/javascript/),
  ]);
  expect(messages(client.output).at(-1)).toContain('boom');
});
