// What every datagram backend must do; run for each of them.

import { createSocket } from 'node:dgram';
import { BATCH_CAPACITY, PacketBatch } from '@kcptun/common';
import { patternBytes } from '@kcptun/testkit';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TransportError } from '../../src/errors.ts';
import { ROOMY, type Station, World } from './native-world.ts';

const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, index) => from + index);

function expectPatterns(station: Station, sizes: readonly number[], first: number): void {
  expect(station.arrivals.map(({ bytes }) => bytes.length)).toEqual(sizes);
  // Comparing thousands of datagrams by toEqual takes seconds.
  const wrong = station.arrivals.findIndex(({ bytes }, index) => Buffer.compare(bytes, patternBytes(bytes.length, first + index)) !== 0);
  expect(wrong).toBe(-1);
}

/** Runs the suite over the backend that `native` selects. */
export function datagramCompliance(name: string, native: boolean): void {
  describe(`datagrams by ${name}`, () => {
    let world: World;
    beforeEach(() => {
      world = new World(native);
    });
    afterEach(() => world.close());

    it('carries every size from 0 to 1500 unchanged and in order', async () => {
      const server = await world.open(ROOMY);
      const client = await world.connect(server);
      for (let first = 0; first <= 1500; first += BATCH_CAPACITY) {
        const sizes = range(first, Math.min(1501, first + BATCH_CAPACITY));
        expect(client.sendSizes(sizes, first)).toBe(sizes.length);
        await server.received(first + sizes.length);
      }
      expectPatterns(server, range(0, 1501), 0);
    });

    it('carries batches of every size of equal datagrams', async () => {
      const server = await world.open(ROOMY);
      const client = await world.connect(server);
      let total = 0;
      for (let count = 1; count <= BATCH_CAPACITY; count++) {
        expect(client.sendSizes(Array(count).fill(900), total)).toBe(count);
        total += count;
        await server.received(total);
      }
      expectPatterns(server, Array(total).fill(900), 0);
    });

    it('carries batches of any mix of sizes, there and back', async () => {
      const server = await world.open(ROOMY);
      const client = await world.connect(server);
      server.onBatch = (batch) => server.socket.send(batch);
      // Few distinct sizes make trains of every shape; empty datagrams are among them.
      const sizes = fc.array(fc.constantFrom(0, 1, 20, 1349, 1350, 1500), { minLength: 1, maxLength: BATCH_CAPACITY });
      await fc.assert(
        fc.asyncProperty(sizes, fc.nat(1000), async (some, first) => {
          client.arrivals.length = 0;
          server.arrivals.length = 0;
          expect(client.sendSizes(some, first)).toBe(some.length);
          await client.received(some.length);
          expectPatterns(server, some, first);
          expectPatterns(client, some, first);
        }),
        { numRuns: 60 },
      );
    });

    it('carries IPv6', async () => {
      const server = await world.open({ host: '::1' });
      const client = await world.connect(server, '::1');
      expect(server.socket.local).toEqual({ address: '::1', port: server.socket.local.port, family: 6 });
      client.sendSizes([1350, 1350, 7], 0);
      await server.received(3);
      expectPatterns(server, [1350, 1350, 7], 0);
      const { path } = server.arrivals[0]!;
      expect(server.socket.remote(path)).toEqual({ address: '::1', port: client.socket.local.port, family: 6 });
      server.sendOne(path, patternBytes(33, 5));
      await client.received(1);
      expectPatterns(client, [33], 5);
    });

    it('hears both families on a socket for all addresses', async () => {
      const server = await world.open({ host: '' });
      const four = await world.connect(server, '127.0.0.1');
      const six = await world.connect(server, '::1');
      four.sendSizes([10], 0);
      await server.received(1);
      six.sendSizes([20], 0);
      await server.received(2);
      const remotes = server.arrivals.map(({ path }) => server.socket.remote(path));
      expect(remotes).toEqual([
        { address: '::ffff:127.0.0.1', port: four.socket.local.port, family: 6 },
        { address: '::1', port: six.socket.local.port, family: 6 },
      ]);
      server.sendAll(server.arrivals.slice());
      await Promise.all([four.received(1), six.received(1)]);
      expect([four, six].map(({ arrivals }) => arrivals[0]!.bytes.length)).toEqual([10, 20]);
    });

    it('gives a connected socket path 0 and keeps others out', async () => {
      const server = await world.open();
      const client = await world.connect(server);
      const stranger = createSocket('udp4');
      await new Promise<void>((sent) => stranger.send('stray', client.socket.local.port, '127.0.0.1', () => sent()));
      stranger.close();
      client.sendSizes([1], 0);
      await server.received(1);
      server.sendOne(server.arrivals[0]!.path, patternBytes(9, 1));
      await client.received(1);
      expect(client.arrivals).toEqual([{ path: 0, bytes: patternBytes(9, 1) }]);
      expect(client.socket.remote(0)).toEqual({ address: '127.0.0.1', port: server.socket.local.port, family: 4 });
    });

    it('tells many remotes apart and answers them in one batch', async () => {
      const server = await world.open();
      const clients: Station[] = [];
      for (let index = 0; index < 50; index++) {
        const client = await world.connect(server);
        clients.push(client);
        client.sendSizes([100 + index, 100 + index], index);
        await server.received((index + 1) * 2);
      }
      const paths = server.arrivals.filter((_, index) => index % 2 === 0).map(({ path }) => path);
      expect(new Set(paths).size).toBe(50);
      paths.forEach((path, index) => {
        expect(server.socket.remote(path)?.port).toBe(clients[index]!.socket.local.port);
      });
      // Two in a row for one remote, then one in turn for all.
      const answers = [...paths.slice(0, 7).flatMap((path) => [path, path]), ...paths];
      expect(server.sendAll(answers.map((path) => ({ path, bytes: patternBytes(64, path) })))).toBe(answers.length);
      await Promise.all(clients.map((client, index) => client.received(index < 7 ? 3 : 1)));
      clients.forEach((client, index) => {
        expect(client.arrivals).toEqual(Array(index < 7 ? 3 : 1).fill({ path: 0, bytes: patternBytes(64, paths[index]!) }));
      });
    });

    it('gives the number of a forgotten path to the next remote and sends nothing there before', async () => {
      const server = await world.open();
      const first = await world.connect(server);
      first.sendSizes([5], 0);
      await server.received(1);
      const { path } = server.arrivals[0]!;
      server.socket.forget(path);
      server.socket.forget(path);
      server.socket.forget(9999);
      expect(server.socket.remote(path)).toBeUndefined();
      expect(server.sendOne(path, patternBytes(5, 0))).toBe(1);
      const second = await world.connect(server);
      second.sendSizes([6], 0);
      await server.received(2);
      expect(server.arrivals[1]!.path).toBe(path);
      expect(server.socket.remote(path)?.port).toBe(second.socket.local.port);
      first.sendSizes([7], 0);
      await server.received(3);
      server.sendOne(server.arrivals[2]!.path, patternBytes(8, 3));
      await first.received(1);
      expectPatterns(first, [8], 3);
    });

    it('hands over bursts in full batches, in order', async () => {
      const server = await world.open({ bufferSize: 1024 * 1024 });
      const client = await world.connect(server);
      for (let round = 1; round <= 20; round++) {
        for (let batch = 0; batch < 2; batch++)
          client.sendSizes(Array(BATCH_CAPACITY).fill(1000), server.arrivals.length + batch * BATCH_CAPACITY);
        await server.received(round * 2 * BATCH_CAPACITY);
      }
      expectPatterns(server, Array(40 * BATCH_CAPACITY).fill(1000), 0);
      expect(Math.max(...server.batchSizes)).toBeLessThanOrEqual(BATCH_CAPACITY);
    });

    it('cuts datagrams that are longer than a slot', async () => {
      const server = await world.open();
      const sender = createSocket('udp4');
      sender.send(patternBytes(9000, 1), server.socket.local.port, '127.0.0.1');
      await server.received(1);
      sender.close();
      expect(server.arrivals[0]!.bytes).toEqual(patternBytes(9000, 1).subarray(0, 1500));
    });

    it('sends batches that have a memory of their own', async () => {
      const server = await world.open();
      const client = await world.connect(server);
      for (let round = 0; round < 4; round++) {
        const own = new PacketBatch(round % 2 === 0 ? undefined : world.memory);
        for (let index = 0; index < 3; index++) own.addReceived(patternBytes(700, round * 3 + index), 0);
        expect(client.socket.send(own)).toBe(3);
        own.release();
        await server.received(round * 3 + 3);
      }
      expectPatterns(server, Array(12).fill(700), 0);
    });

    it('sends nothing for an empty batch', async () => {
      const station = await world.open();
      expect(station.sendAll([])).toBe(0);
    });

    it('says which buffers the kernel granted', async () => {
      const station = await world.open({ bufferSize: 64 * 1024 });
      const { receive, send } = station.socket.bufferSizes;
      expect(receive).toBeGreaterThanOrEqual(64 * 1024);
      expect(send).toBeGreaterThanOrEqual(64 * 1024);
      expect((await world.open()).socket.bufferSizes).toEqual({ receive: undefined, send: undefined });
    });

    it('closes once, says and hears nothing afterwards', async () => {
      const server = await world.open();
      const client = await world.connect(server);
      client.sendSizes([1], 0);
      server.socket.close();
      server.socket.close();
      expect(server.sendOne(0, patternBytes(1, 0))).toBe(0);
      const next = await world.open({ port: server.socket.local.port });
      const { port } = client.socket.local;
      client.socket.close();
      const other = await world.open({ port });
      next.onBatch = (batch) => next.socket.send(batch);
      const again = await world.connect(next);
      again.sendSizes([3], 0);
      await again.received(1);
      expect([server.arrivals, server.troubles, client.arrivals, client.troubles, other.arrivals]).toEqual([[], [], [], [], []]);
    });

    it('may be closed by its owner in the middle of a batch', async () => {
      const server = await world.open({ bufferSize: 512 * 1024 });
      const client = await world.connect(server);
      const closed = new Promise<number>((resolve) => {
        server.onBatch = (batch) => {
          server.socket.close();
          resolve(batch.count);
        };
      });
      for (let round = 0; round < 3; round++) client.sendSizes(Array(BATCH_CAPACITY).fill(100), 0);
      expect(await closed).toBeGreaterThan(0);
      await new Promise((resolve) => setImmediate(resolve));
      expect(server.batchSizes.length).toBe(1);
    });

    it('reports an address or port that cannot be had', async () => {
      const first = await world.open();
      const { port } = first.socket.local;
      for (const options of [{ port }, { host: '192.0.2.1' }, { host: 'localhost.invalid' }]) {
        const error = await world.open(options).then(
          () => undefined,
          (cause: unknown) => cause,
        );
        expect(error).toBeInstanceOf(TransportError);
        expect(error).toMatchObject({ code: 'KCPTUN_ERR_TRANSPORT_BIND' });
      }
      await expect(world.open({ port })).rejects.toMatchObject({ cause: { code: 'EADDRINUSE', syscall: 'bind' } });
    });

    it('reports a remote that refuses and goes on', async () => {
      const gone = await world.open();
      const client = await world.connect(gone);
      gone.socket.close();
      for (let round = 1; round <= 3; round++) {
        client.sendSizes([20], 0);
        await client.until(() => client.troubles.length >= round);
      }
      expect(client.troubles[0]).toBeInstanceOf(TransportError);
      expect(client.troubles[0]).toMatchObject({ code: 'KCPTUN_ERR_TRANSPORT_SOCKET', cause: { code: 'ECONNREFUSED' } });
      const back = await world.open({ port: gone.socket.local.port });
      back.onBatch = (batch) => back.socket.send(batch);
      client.sendSizes(Array(10).fill(1200), 40);
      await client.received(10);
      expectPatterns(client, Array(10).fill(1200), 40);
    });
  });
}
