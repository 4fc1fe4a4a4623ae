// TCP keepalive as the kernel has it: its timer in /proc/net/tcp, and the options of the socket.

import { randomUUID } from 'node:crypto';
import net from 'node:net';
import { endianness, tmpdir } from 'node:os';
import { join } from 'node:path';
import { keepAliveTimers } from '@kcptun/testkit/node';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type ByteConnection, type ByteListener, createNodeHost, type StreamAddress } from '../../src/index.ts';
import { keepAlive } from '../../src/node/keep-alive.ts';
import { sharedCalls } from '../../src/node/native/shared-calls.ts';

const calls = sharedCalls();
const host = createNodeHost();
/** Both ends of a connection over the host's interface, and the port that was listened on. */
async function connectPair(address: StreamAddress): Promise<{ near: ByteConnection; far: ByteConnection; port: number }> {
  let accept: (connection: ByteConnection) => void = () => {};
  const far = new Promise<ByteConnection>((resolve) => {
    accept = resolve;
  });
  const port = await new Promise<number>((resolve, reject) => {
    const ready = (error: Error | undefined, listener: ByteListener | undefined): void => {
      if (listener === undefined) {
        reject(error);
        return;
      }
      onTestFinished(() => listener.close());
      resolve(listener.port);
    };
    host.listen(address, (connection) => accept(connection), ready, reject);
  });
  const near = await new Promise<ByteConnection>((resolve, reject) => {
    host.connect('path' in address ? address : { ...address, port }, (error, connection) => {
      if (connection === undefined) reject(error);
      else resolve(connection);
    });
  });
  const ends = { near, far: await far, port };
  onTestFinished(() => {
    ends.near.destroy(false);
    ends.far.destroy(false);
  });
  return ends;
}

describe.runIf(process.platform === 'linux')('the timer of the kernel', () => {
  test('runs on both ends once it is asked for, and not before', async () => {
    const { near, far, port } = await connectPair({ host: '127.0.0.1', port: 0 });
    expect(keepAliveTimers(port)).toEqual({ accepted: [], connected: [] });
    near.keepAlive(15_000);
    far.keepAlive(15_000);
    const { accepted, connected } = keepAliveTimers(port);
    expect([accepted.length, connected.length]).toEqual([1, 1]);
    const most = typeof calls === 'string' ? 140 : 15;
    for (const seconds of [...accepted, ...connected]) {
      expect(seconds).toBeLessThanOrEqual(most);
      expect(seconds).toBeGreaterThan(most - 10);
    }
  });

  test('a unix socket and a closed connection take the call', async () => {
    const path = join(tmpdir(), `kcptun-${randomUUID()}`);
    const { near } = await connectPair({ path });
    near.keepAlive(15_000);
    near.destroy(false);
    near.keepAlive(15_000);
  });
});

test.runIf(typeof calls !== 'string' && endianness() === 'LE')('idle, interval and probes are those of Go', async () => {
  if (typeof calls === 'string') throw new Error(calls);
  const server = net.createServer().listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const socket = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  await new Promise((resolve) => socket.once('connect', resolve));
  keepAlive(socket, 15_000);
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
  const [SOL_SOCKET, SO_KEEPALIVE, IPPROTO_TCP] = [1, 9, 6];
  expect(calls.option(fd, SOL_SOCKET, SO_KEEPALIVE)).toBe(1);
  expect([4, 5, 6].map((name) => calls.option(fd, IPPROTO_TCP, name))).toEqual([15, 15, 9]);
});
