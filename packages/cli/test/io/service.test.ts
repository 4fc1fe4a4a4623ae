// The programs under a service manager: what they tell it, on a real datagram socket that python3 holds, because Node has none of this kind.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { Program } from '@kcptun/testkit/node';
import { describe, expect, onTestFinished, test } from 'vitest';
import { newFolder, start } from './programs.ts';

const PYTHON = process.platform === 'linux' && spawnSync('python3', ['--version']).status === 0;
if (!PYTHON && process.env['CI'] === 'true' && process.platform === 'linux')
  throw new Error('python3 is needed to receive what a program tells its service manager');

const RECEIVER = `
import socket, sys
receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
name = sys.argv[1]
receiver.bind('\\0' + name[1:] if name.startswith('@') else name)
print('bound', flush=True)
while True: print('[' + receiver.recv(65536).decode().replace('\\n', ' ') + ']', flush=True)
`;

async function receive(address: string): Promise<Program> {
  const receiver = new Program('python3', ['-c', RECEIVER, address], { name: 'receiver' });
  onTestFinished(() => void receiver.stop(500));
  await receiver.waitFor(/bound/);
  return receiver;
}

/** Datagrams of our own, also where the tests run without native code, which has a test of its own. */
const NATIVE = { KCPTUN_NO_NATIVE: undefined };
const ARGS = ['-l', '127.0.0.1:0', '-r', '127.0.0.1:1', '--key', 'k'];

describe.skipIf(!PYTHON)('NOTIFY_SOCKET', () => {
  test('a path: ready once it listens, signs of life, reloading and ready again, stopping', async () => {
    const folder = newFolder();
    const address = join(folder, 'notify');
    const receiver = await receive(address);
    const env = { ...NATIVE, NOTIFY_SOCKET: address, WATCHDOG_USEC: '100000' };
    const client = start('client', [...ARGS, '--log', join(folder, 'log')], { env });
    await receiver.waitFor(/\[READY=1 STATUS=sessions: 0, open streams: 0\]/);
    // What was said before it was ready is nothing.
    expect(receiver.output).toMatch(/^bound\n\[READY=1 /);
    await receiver.waitFor(/(\[WATCHDOG=1\]\s+){3}/);
    const before = Number(process.hrtime.bigint() / 1000n);
    client.signal('SIGHUP');
    const reload = await receiver.waitFor(/\[RELOADING=1 MONOTONIC_USEC=(\d+)\]\n(?:\[WATCHDOG=1\]\n)*\[READY=1\]/);
    expect(Number(reload[1])).toBeGreaterThanOrEqual(before);
    expect(Number(reload[1])).toBeLessThanOrEqual(Number(process.hrtime.bigint() / 1000n));
    client.signal('SIGTERM');
    await receiver.waitFor(/\[STOPPING=1 STATUS=stopping, open streams: 0 EXTEND_TIMEOUT_USEC=7000000\]/);
    expect(await client.exited).toEqual({ code: 0, signal: null });
  });

  test('a name without a file; the watchdog of another process is not fed', async () => {
    const address = `@kcptun-test-${process.pid}`;
    const receiver = await receive(address);
    const client = start('client', ARGS, { env: { ...NATIVE, NOTIFY_SOCKET: address, WATCHDOG_USEC: '20000', WATCHDOG_PID: '1' } });
    await receiver.waitFor(/\[READY=1 /);
    client.signal('SIGHUP');
    await receiver.waitFor(/\[RELOADING=1 [^\]]*\]\n\[READY=1\]/);
    expect(receiver.output).not.toContain('WATCHDOG');
  });

  test.skipIf(spawnSync('systemd-notify', ['--version']).status !== 0)('without native code, by systemd-notify', async () => {
    const address = join(newFolder(), 'notify');
    const receiver = await receive(address);
    const client = start('client', ARGS, { env: { NOTIFY_SOCKET: address, KCPTUN_NO_NATIVE: '1' } });
    await receiver.waitFor(/\[READY=1 STATUS=sessions: 0, open streams: 0\]/);
    client.signal('SIGHUP');
    await receiver.waitFor(/\[RELOADING=1 MONOTONIC_USEC=\d+\]\n(?:\[BARRIER=1\]\n)?\[READY=1\]/);
  });

  test('that leads nowhere: one warning, and the program works', async () => {
    const env = { ...NATIVE, NOTIFY_SOCKET: join(newFolder(), 'nobody'), WATCHDOG_USEC: '50000', PATH: '/nowhere' };
    const client = start('client', ARGS, { env });
    await client.waitFor(/WARNING: the service manager cannot be told anything: not sent, errno 2; .*systemd-notify/);
    client.signal('SIGHUP');
    await client.waitFor(/SIGHUP: nothing to do/);
    expect(client.output.match(/service manager/g)).toHaveLength(1);
  });
});

test.skipIf(process.platform !== 'linux')('few open files are warned of, many are not', async () => {
  const { fileURLToPath } = await import('node:url');
  const main = fileURLToPath(new URL('../../../kcptun-client/dist/main.js', import.meta.url));
  const limited = (soft: number, hard: number): Program => {
    const program = new Program('/bin/sh', [
      '-c',
      `ulimit -Sn ${soft} && ulimit -Hn ${hard} && exec "$@"`,
      'sh',
      process.execPath,
      main,
      ...ARGS,
    ]);
    onTestFinished(() => void program.stop(500));
    return program;
  };
  // Node itself goes up to the hard limit.
  const few = limited(256, 1000);
  await few.waitFor(
    /WARNING: only 1000 files may be open at a time, one of them for each connection; raise the hard limit \(LimitNOFILE=65536/,
  );
  const many = limited(256, 4096);
  await many.waitFor(/pprof: /);
  expect(many.output).not.toContain('files may be open');
});
