// dialKcp and listenKcp over real sockets.

import { channel } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { patternBytes } from '@kcptun/testkit';
import { UdpRelay } from '@kcptun/testkit/node';
import { afterEach, describe, expect, test } from 'vitest';
import { createNodeHost, dialKcp, type Host, type KcpConnection, type KcpListener, listenKcp } from '../../src/index.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const COMMON = { key: 'secret', nodelay: 1, interval: 10 };

/** A listener that sends everything back. */
async function echoServer(options: Partial<Parameters<typeof listenKcp>[0]> = {}): Promise<KcpListener> {
  const listener = await listenKcp({ ...COMMON, address: '127.0.0.1', port: 0, ...options });
  cleanups.push(() => listener.close());
  listener.on('connection', (connection) => {
    connection.on('error', () => {});
    connection.pipe(connection);
  });
  return listener;
}

async function dial(listener: KcpListener, options: Partial<Parameters<typeof dialKcp>[0]> = {}): Promise<KcpConnection> {
  const connection = await dialKcp({ ...COMMON, address: '127.0.0.1', port: listener.local.port, ...options });
  cleanups.push(() => connection.destroy());
  return connection;
}

/** Sends bytes and waits for their echo. */
async function echo(connection: KcpConnection, bytes: Uint8Array): Promise<void> {
  const received: Buffer[] = [];
  let length = 0;
  connection.write(bytes);
  while (length < bytes.length) {
    const chunk = (connection.read() as Buffer | null) ?? undefined;
    if (chunk === undefined) {
      await once(connection, 'readable');
      continue;
    }
    received.push(chunk);
    length += chunk.length;
  }
  expect(Buffer.compare(Buffer.concat(received), bytes)).toBe(0);
}

describe.each([
  ['node:dgram', false],
  ['the best backend', true],
])('with %s', (_, native) => {
  const host = createNodeHost({ native });

  test.each(['aes', 'aes-128-gcm', 'salsa20', 'null'] as const)('a megabyte there and back, method %s', async (crypt) => {
    const listener = await echoServer({ host, crypt });
    await echo(await dial(listener, { host, crypt }), patternBytes(1_000_000, 1));
  });

  test('over IPv6, and by name', async () => {
    await echo(await dial(await echoServer({ host, address: '::1' }), { host, address: '::1' }), patternBytes(10_000, 2));
    await echo(await dial(await echoServer({ host, address: '' }), { host, address: 'localhost' }), patternBytes(10_000, 3));
  });

  test('a hundred connections at once, each with a socket of its own', async () => {
    const listener = await echoServer({ host });
    const connections = await Promise.all(Array.from({ length: 100 }, () => dial(listener, { host })));
    await Promise.all(connections.map((connection, index) => echo(connection, patternBytes(3000, index))));
  });

  test('nothing stays behind', async () => {
    let timers = 0;
    const counting: Host = {
      ...host,
      setTimer: (delay, callback) => {
        timers += 1;
        const timer = host.setTimer(delay, () => {
          timers -= 1;
          callback();
        });
        let cancelled = false;
        return {
          cancel: () => {
            if (!cancelled) timers -= 1;
            cancelled = true;
            timer.cancel();
          },
        };
      },
    };
    const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name.startsWith('UDP') || name === 'PollWrap').length;
    const closed = async (): Promise<void> => {
      for (let turn = 0; turn < 3; turn++) await new Promise((done) => setImmediate(done));
    };
    await closed();
    const before = sockets();
    for (let index = 0; index < 10; index++) {
      const listener = await echoServer({ host: counting });
      const connection = await dial(listener, { host: counting });
      await echo(connection, patternBytes(1000, index));
      connection.end();
      connection.resume();
      await once(connection, 'close');
      listener.close();
    }
    await closed();
    expect([timers, sockets()]).toEqual([0, before]);
  });
});

test('connections without a host share one', async () => {
  const listener = await echoServer();
  const connections = await Promise.all(Array.from({ length: 30 }, () => dial(listener)));
  await Promise.all(connections.map((connection, index) => echo(connection, patternBytes(100, index))));
});

test('a port in use', async () => {
  const listener = await echoServer();
  await expect(listenKcp({ ...COMMON, address: '127.0.0.1', port: listener.local.port })).rejects.toMatchObject({
    code: 'KCPTUN_ERR_TRANSPORT_BIND',
    message: expect.stringContaining('EADDRINUSE'),
  });
});

test('a name that is not found', async () => {
  await expect(dialKcp({ ...COMMON, address: 'no-such-name.invalid', port: 1 })).rejects.toMatchObject({
    code: 'KCPTUN_ERR_TRANSPORT_RESOLVE',
    message: expect.stringMatching(/^lookup no-such-name\.invalid: /),
  });
});

test('sessions and refused datagrams are published', async () => {
  const seen: [string, Record<string, unknown>][] = [];
  for (const name of ['kcptun:session:open', 'kcptun:session:close', 'kcptun:datagram:refused']) {
    const listen = (message: unknown): unknown => seen.push([name, message as Record<string, unknown>]);
    channel(name).subscribe(listen);
    cleanups.push(() => channel(name).unsubscribe(listen));
  }
  const listener = await echoServer();
  const stranger = await dial(listener, { key: 'wrong' });
  stranger.write('hello');
  while (!seen.some(([name]) => name === 'kcptun:datagram:refused')) await new Promise((done) => setTimeout(done, 1));
  const refused = seen.find(([name]) => name === 'kcptun:datagram:refused')?.[1];
  expect(refused).toMatchObject({ count: expect.any(Number), remote: expect.objectContaining({ address: '127.0.0.1' }) });
  stranger.destroy();
  const connection = await dial(listener);
  await echo(connection, patternBytes(10, 1));
  connection.destroy();
  listener.close();
  await once(connection, 'close');
  const names = seen.map(([name]) => name).filter((name) => name !== 'kcptun:datagram:refused');
  expect(names.filter((name) => name === 'kcptun:session:open')).toHaveLength(3);
  expect(names.filter((name) => name === 'kcptun:session:close')).toHaveLength(3);
  expect(seen.filter(([name]) => name === 'kcptun:session:open').at(-1)?.[1]).toMatchObject({
    session: expect.objectContaining({ conv: connection.conv }),
  });
});

test('a connection goes on when its NAT chooses another port, in both directions, and that is published', async () => {
  const moves: { from: string; to: string }[] = [];
  const listen = (message: unknown): unknown => moves.push(message as { from: string; to: string });
  channel('kcptun:session:move').subscribe(listen);
  cleanups.push(() => channel('kcptun:session:move').unsubscribe(listen));
  const listener = await echoServer();
  const relay = await UdpRelay.start({ upstreamPort: listener.local.port });
  cleanups.push(() => relay.close());
  const connection = await dialKcp({ ...COMMON, address: '127.0.0.1', port: relay.port });
  cleanups.push(() => connection.destroy());
  await echo(connection, patternBytes(100_000, 1));
  for (let round = 0; round < 3; round++) {
    const going = echo(connection, patternBytes(300_000, 2 + round));
    await relay.changePorts();
    await going;
  }
  await echo(connection, patternBytes(1000, 9));
  expect(moves.length).toBeGreaterThanOrEqual(3);
  for (const [index, { from, to }] of moves.entries()) {
    expect(from).toMatch(/^(\[::ffff:)?127\.0\.0\.1\]?:\d+$/);
    if (index > 0) expect(from).toBe(moves[index - 1]?.to);
    expect(to).not.toBe(from);
  }
});
