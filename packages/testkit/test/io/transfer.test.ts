// The exchange of client and target over plain TCP, and that each kind of damage on the way is noticed.

import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type Order, startTarget, type Target, touch, transfer } from '@kcptun/testkit/node';
import { describe, expect, onTestFinished, test } from 'vitest';

async function target(): Promise<Target> {
  const started = await startTarget();
  onTestFinished(() => started.close());
  return started;
}

/** A TCP forwarder that may change what passes; both ways are half-closed one by one. */
async function forwarder(port: number, up: (bytes: Buffer) => Buffer, down: (bytes: Buffer) => Buffer): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    for (const [from, to, change] of [
      [client, upstream, up],
      [upstream, client, down],
    ] as const) {
      sockets.add(from);
      from.on('data', (bytes: Buffer) => to.write(change(bytes)));
      from.once('end', () => to.end());
      from.on('error', () => to.destroy());
      from.once('close', () => to.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const same = (bytes: Buffer): Buffer => bytes;

/** Changes the byte at `place` of the stream. */
function damage(place: number): (bytes: Buffer) => Buffer {
  let position = 0;
  return (bytes) => {
    const at = place - position;
    position += bytes.length;
    if (at < 0 || at >= bytes.length) return bytes;
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] as number) ^ 1;
    return changed;
  };
}

describe('transfer', () => {
  const orders: Order[] = ['after-upload', 'at-once', 'after-eof'];
  const sizes: [number, number][] = [
    [0, 0],
    [1, 1],
    [0, 70_000],
    [70_000, 0],
    [1_000_003, 2_000_001],
  ];
  const cases = orders.flatMap((order) => sizes.map(([upload, download]) => ({ order, upload, download })));

  test.each(cases)('moves $upload bytes up and $download down, answered $order', async ({ order, upload, download }) => {
    const { port, stats } = await target();
    const through = await forwarder(port, same, same);
    const result = await transfer({ port: through, upload, download, order, seed: 77 });
    expect(result.firstByteMs).toBeLessThanOrEqual(result.ms);
    expect(stats).toMatchObject({ connections: 1, uploaded: upload, answered: 1 });
  });

  test('keeps many exchanges apart', async () => {
    const { port, stats } = await target();
    await Promise.all(
      Array.from({ length: 30 }, (_, seed) => transfer({ port, upload: 5000 + seed, download: 9000 - seed, seed, order: 'at-once' })),
    );
    expect(stats).toMatchObject({ connections: 30, answered: 30 });
  });

  test('holds the end of uploads back until all are open', async () => {
    const { port, stats, opened } = await target();
    const gate = opened(20);
    await Promise.all(Array.from({ length: 20 }, (_, seed) => transfer({ port, upload: 1, download: 100, seed, gate })));
    expect(stats).toMatchObject({ mostOpen: 20, answered: 20 });
    await expect(transfer({ port, upload: 1, download: 0, gate: Promise.reject(new Error('shut')) })).rejects.toThrow('shut');
  });

  test('notices a changed bit of the upload', async () => {
    const { port, stats } = await target();
    const through = await forwarder(port, damage(16 + 4000), same);
    const exchange = transfer({ port: through, upload: 5000, download: 5000 });
    await expect(exchange).rejects.toMatchObject({ failure: 'wrong', message: expect.stringMatching(/hashes differ/) });
    expect(stats.wrong).toBe(1);
  });

  test('notices a changed bit of the download', async () => {
    const { port } = await target();
    const through = await forwarder(port, same, damage(4321));
    await expect(transfer({ port: through, upload: 5000, download: 5000 })).rejects.toThrow(/byte 4321 .* wrong/);
  });

  test('tells an orderly end that comes too early from a reset', async () => {
    const { port, stats } = await target();
    const ended = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    ended.end(Buffer.concat([Buffer.from([9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]), Buffer.alloc(3)]));
    ended.resume();
    await once(ended, 'close');
    expect(stats).toMatchObject({ cut: 1, answered: 0 });
    let ends = true;
    const server = createServer((socket) => void (ends ? socket.on('error', () => {}).end() : socket.resetAndDestroy()));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const exchange = { port: (server.address() as AddressInfo).port, upload: 0, download: 1 };
    await expect(transfer(exchange)).rejects.toMatchObject({ failure: 'cut' });
    ends = false;
    await expect(transfer(exchange)).rejects.toMatchObject({ failure: 'broken' });
  });

  test('leaves connections unread for as long as it is told to', async () => {
    let stalls = true;
    const { port, stats, close, endStalled } = await startTarget({ stalls: () => stalls });
    onTestFinished(close);
    const late = expect(transfer({ port, upload: 1, download: 0, timeoutMs: 300 })).rejects.toMatchObject({ failure: 'late' });
    await expect.poll(() => stats.stalled).toBe(1);
    await late;
    stalls = false;
    await transfer({ port, upload: 1, download: 0 });
    stalls = true;
    const stalled = connect({ port, host: '127.0.0.1' });
    stalled.resume();
    await expect.poll(() => stats.stalled).toBe(2);
    endStalled();
    await once(stalled, 'close');
    await expect.poll(() => stats.open).toBe(0);
    expect(stats).toMatchObject({ stalled: 2, answered: 1 });
  });

  test('notices an echo', async () => {
    const echo = createServer((socket) => socket.on('error', () => {}).pipe(socket));
    echo.listen(0, '127.0.0.1');
    await once(echo, 'listening');
    onTestFinished(() => void echo.close());
    const { port } = echo.address() as AddressInfo;
    await expect(transfer({ port, upload: 5000, download: 5000 })).rejects.toThrow(/byte 0 .* wrong/);
  });

  test('notices bytes that are missing, too many, or never come', async () => {
    const { port } = await target();
    const short = await forwarder(port, same, (bytes) => bytes.subarray(1));
    await expect(transfer({ port: short, upload: 0, download: 0 })).rejects.toThrow(/ended after 31 of 32 bytes/);
    const long = await forwarder(port, same, (bytes) => Buffer.concat([bytes, bytes]));
    await expect(transfer({ port: long, upload: 0, download: 0 })).rejects.toThrow(/more bytes/);
    const silent = createServer(() => {});
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    onTestFinished(() => void silent.close());
    const dead = (silent.address() as AddressInfo).port;
    await expect(transfer({ port: dead, upload: 1, download: 1, timeoutMs: 500 })).rejects.toThrow(
      /not over after 500 ms: 17 bytes written/,
    );
  });

  test('touches and leaves', async () => {
    const { port, stats } = await target();
    await touch({ port });
    expect(stats).toMatchObject({ connections: 1, empty: 1, answered: 0 });
  });

  test('fails at once where nobody listens', async () => {
    const closed = await startTarget();
    await closed.close();
    await closed.close();
    await expect(transfer({ port: closed.port, upload: 1, download: 1 })).rejects.toThrow(/the connection broke/);
  });
});
