// A machine with several addresses, as the loopback interface of Linux is one: answers leave from the
// address that was called, and a client that may do so hears answers from another one.

import { PacketBatch } from '@kcptun/common';
import { patternBytes } from '@kcptun/testkit';
import { afterEach, describe, expect, it } from 'vitest';
import { SystemCalls } from '../../src/node/native/ffi.ts';
import { ReceiveTable, SendTable } from '../../src/node/native/message-table.ts';
import { NativeSocket } from '../../src/node/native/native-socket.ts';
import { ROOMY, type Station, World } from './native-world.ts';

const worlds: World[] = [];
function worldOf(native: boolean): World {
  const world = new World(native);
  worlds.push(world);
  return world;
}
afterEach(() => {
  for (const world of worlds.splice(0)) world.close();
});

const wanted = process.env['KCPTUN_NO_NATIVE'] !== '1';
const { obstacle } = new World(wanted).backend;
/** Only Linux answers for all of 127.0.0.0/8. */
const many = process.platform === 'linux';
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A connected socket: it hears the address that it calls, and no other. */
function call(world: World, server: Station, address: string): Promise<Station> {
  return world.open({ ...ROOMY, host: '', remote: { address, port: server.socket.local.port, family: 4 } });
}

describe.skipIf(obstacle !== undefined || !many)(
  `answers of a native socket for all addresses${obstacle === undefined ? '' : ` (NOT TESTED HERE: ${obstacle})`}`,
  () => {
    it.each(['', '0.0.0.0'])('leave from the address that was called, host "%s"', async (host) => {
      const world = worldOf(true);
      const server = await world.open({ ...ROOMY, host });
      server.onBatch = (batch) => server.socket.send(batch);
      const clients = await Promise.all(['127.0.0.1', '127.0.0.2', '127.9.9.9'].map((address) => call(world, server, address)));
      // Trains and single datagrams, to all in turn.
      for (const [index, client] of clients.entries()) client.sendSizes([...Array(20).fill(900), 30], index * 100);
      await Promise.all(clients.map((client) => client.received(21)));
      for (const [index, { arrivals }] of clients.entries()) {
        expect(arrivals.map(({ bytes }) => bytes.length)).toEqual([...Array(20).fill(900), 30]);
        expect(arrivals[20]?.bytes).toEqual(patternBytes(30, index * 100 + 20));
      }
    });

    it('give one remote that calls two addresses a path each', async () => {
      const world = worldOf(true);
      const server = await world.open({ host: '' });
      const one = await world.open({
        ...ROOMY,
        host: '127.0.0.1',
        remote: { address: '127.0.0.2', port: server.socket.local.port, family: 4 },
      });
      one.sendSizes([10], 0);
      await server.received(1);
      // The same address and port, as of two clients behind a NAT that keeps ports apart by where they lead.
      const { port } = one.socket.local;
      one.socket.close();
      const other = await world.open({
        host: '127.0.0.1',
        port,
        remote: { address: '127.0.0.3', port: server.socket.local.port, family: 4 },
      });
      other.sendSizes([11], 0);
      await server.received(2);
      const [first, second] = server.arrivals.map(({ path }) => path) as [number, number];
      expect(first).not.toBe(second);
      expect(server.socket.remote(first)).toEqual(server.socket.remote(second));
      server.sendAll([
        { path: first, bytes: patternBytes(5, 1) },
        { path: second, bytes: patternBytes(6, 2) },
      ]);
      await other.received(1);
      expect(other.arrivals.map(({ bytes }) => bytes)).toEqual([patternBytes(6, 2)]);
      // A number that was given back is a number of its own again.
      server.socket.forget(second);
      other.sendSizes([12], 0);
      await server.received(3);
      expect(server.arrivals[2]?.path).toBe(second);
    });

    it('leave from where the system wants when the address is gone, and from it when it is called again', async () => {
      const world = worldOf(true);
      const { memory, queue } = world;
      /** The kernel has lost the address while `gone`: it refuses messages with an address to send from. */
      class Moving extends SystemCalls {
        gone = false;
        refused = 0;
        override sendmmsg(fd: number, messages: number, count: number, flags: number): number {
          if (this.gone && sending.sources) {
            this.refused += 1;
            return -22;
          }
          return super.sendmmsg(fd, messages, count, flags);
        }
      }
      class Sources extends SendTable {
        sources = false;
        override add(...values: Parameters<SendTable['add']>): void {
          this.sources = values[6];
          super.add(...values);
        }
      }
      const calls = new Moving();
      const sending = new Sources(calls);
      const shared = { calls, sending, receiving: new ReceiveTable(calls, memory), memory, queue };
      const paths: number[] = [];
      const troubles: string[] = [];
      const events = {
        onBatch: (batch: PacketBatch) => {
          paths.push(batch.path[0] as number);
        },
        onTrouble: ({ message }: Error) => {
          troubles.push(message);
        },
      };
      const server = NativeSocket.open({ host: '', port: 0 }, events, shared);
      const client = await world.open({ host: '', anySource: true, remote: { address: '127.0.0.2', port: server.local.port, family: 4 } });
      const send = (): void => {
        const batch = new PacketBatch(memory);
        batch.addReceived(patternBytes(7, paths.length), paths[0] as number);
        expect(server.send(batch)).toBe(1);
        batch.release();
      };
      client.sendSizes([1], 0);
      while (paths.length < 1) await turn();
      calls.gone = true;
      send();
      send();
      await client.received(2);
      expect([calls.refused, troubles]).toEqual([2, []]);
      calls.gone = false;
      client.sendSizes([1], 0);
      while (paths.length < 2) await turn();
      expect(paths[1]).toBe(paths[0]);
      send();
      await client.received(3);
      expect(sending.sources).toBe(true);
      server.close();
    });
  },
);

describe.skipIf(!many).each([
  ['dgram', false],
  ['the best backend', wanted],
])('a client of %s that hears any address', (_, native) => {
  it.each([
    ['node:dgram, which cannot choose where answers leave from', false],
    ['the best backend', wanted],
  ])('is answered by a server for all addresses of %s', async (__, theirs) => {
    const world = worldOf(native);
    const others = worldOf(theirs);
    const server = await others.open({ ...ROOMY, host: '' });
    const remote = { address: '127.0.0.2', port: server.socket.local.port, family: 4 as const };
    const client = await world.open({ ...ROOMY, host: '', anySource: true, remote });
    expect(client.socket.local).toMatchObject({ address: '127.0.0.1', family: 4 });
    expect(client.socket.remote(0)).toEqual(remote);
    const stranger = await others.open({ host: '127.0.0.1', remote: client.socket.local });
    stranger.sendSizes([3], 0); // not the remote's port
    for (let round = 0; round < 2; round++) {
      client.sendSizes([...Array(10).fill(700), 9], 50);
      await server.received((round + 1) * 11);
      expect(server.arrivals[10]?.bytes).toEqual(patternBytes(9, 60));
      const { path } = server.arrivals[0]!;
      server.sendAll(Array.from({ length: 20 }, (___, index) => ({ path, bytes: patternBytes(900, index) })));
      await client.received((round + 1) * 20);
      client.socket.forget(0); // a client's only path stays
    }
    // One that answers from elsewhere has a path of its own.
    const path = server.socket.backend.startsWith('native') ? 0 : 1;
    expect(client.arrivals.map((arrival) => arrival.path)).toEqual(Array(40).fill(path));
    expect(client.socket.remote(path)?.address).toBe(path === 0 ? '127.0.0.2' : '127.0.0.1');
    expect(client.arrivals.map(({ bytes }) => bytes.length)).toEqual(Array(40).fill(900));
    expect(client.troubles).toEqual([]);
  });

  it.each([
    ['::1', 6],
    ['0:0::1', 6],
    ['127.0.0.1', 4],
  ] as const)('knows the remote %s by path 0', async (address, family) => {
    const world = worldOf(native);
    const server = await world.open({ host: family === 6 ? '::1' : address });
    const client = await world.open({ host: '', anySource: true, remote: { address, port: server.socket.local.port, family } });
    server.onBatch = (batch) => server.socket.send(batch);
    client.sendSizes([5], 0);
    await client.received(1);
    expect(client.arrivals[0]?.path).toBe(0);
  });

  it('hears the remote and the one other address that it is told, and no others', async () => {
    const world = worldOf(native);
    const others = worldOf(false);
    const called = await others.open({ host: '127.0.0.2' });
    const { port } = called.socket.local;
    const client = await world.open({ host: '', anySource: true, remote: { address: '127.0.0.2', port, family: 4 } });
    client.sendSizes([1], 0);
    await called.received(1);
    const [second, third] = await Promise.all(
      ['127.0.0.3', '127.0.0.4'].map((host) => others.open({ host, port, remote: client.socket.local })),
    );
    /** Each says something, the called one last; returns the paths. */
    const speak = async (): Promise<number[]> => {
      const before = client.arrivals.length;
      second?.sendSizes([3], 0);
      third?.sendSizes([4], 0);
      await turn();
      called.sendOne(called.arrivals[0]?.path as number, patternBytes(5, 0));
      await client.until(() => client.arrivals.slice(before).some(({ path }) => path === 0));
      return client.arrivals.slice(before).map(({ path }) => path);
    };
    expect(await speak()).toEqual([1, 2, 0]);
    client.socket.hearOnly(2);
    expect(await speak()).toEqual([2, 0]);
    client.socket.hearOnly(0);
    expect(await speak()).toEqual([0]);
  });

  it('is told at once when there is no way to its remote', async () => {
    const world = worldOf(native);
    const remote = { address: '127.0.0.1', port: 0, family: 6 as const };
    await expect(world.open({ host: '', anySource: true, remote })).rejects.toMatchObject({ code: 'KCPTUN_ERR_TRANSPORT_BIND' });
  });
});

describe.skipIf(obstacle !== undefined || !many)('a native client that hears any address', () => {
  it.each([
    ['127.0.0.2', 4],
    ['::1', 6],
  ] as const)('is told that nobody listens at %s, and goes on', async (address, family) => {
    const world = worldOf(true);
    const server = await world.open({ host: address });
    const { port } = server.socket.local;
    server.socket.close();
    const client = await world.open({ ...ROOMY, host: '', anySource: true, remote: { address, port, family } });
    for (let round = 1; round <= 3; round++) {
      client.sendSizes([20], 0);
      await client.until(() => client.troubles.length >= round);
    }
    expect(client.troubles[0]).toMatchObject({ code: 'KCPTUN_ERR_TRANSPORT_SOCKET', cause: { code: 'ECONNREFUSED' } });
    const back = await world.open({ ...ROOMY, host: address, port });
    back.onBatch = (batch) => back.socket.send(batch);
    client.sendSizes(Array(10).fill(1200), 40);
    await client.received(10);
    expect(client.arrivals.map(({ bytes }) => bytes)).toEqual(Array.from({ length: 10 }, (_, index) => patternBytes(1200, 40 + index)));
  });

  it('takes no word about another remote, and none once it is known who answers', async () => {
    const world = worldOf(true);
    const called = await world.open({ host: '127.0.0.2' });
    const { port } = called.socket.local;
    const client = await world.open({ host: '', anySource: true, remote: { address: '127.0.0.2', port, family: 4 } });
    client.sendSizes([1], 0);
    await called.received(1);
    const other = await world.open({ host: '127.0.0.3', port, remote: client.socket.local });
    other.sendSizes([3], 0);
    await client.received(1);
    other.socket.close();
    const { path } = client.arrivals[0]!;
    expect(path).toBe(1);
    /** Whatever the loopback says of what was sent has come, and was read, when the called one has answered. */
    const settle = async (): Promise<void> => {
      client.sendSizes([2], 0);
      called.sendOne(called.arrivals[0]?.path as number, patternBytes(5, 0));
      const before = client.arrivals.length;
      await client.until(() => client.arrivals.length > before);
    };
    for (let round = 0; round < 40; round++) client.sendOne(path, patternBytes(9, round)); // more than one look takes
    await settle();
    await settle();
    expect(client.troubles).toEqual([]);
    client.socket.hearOnly(path);
    called.socket.close();
    for (let round = 0; round < 3; round++) client.sendSizes([2], 0);
    const back = await world.open({ host: '127.0.0.2', port });
    back.onBatch = (batch) => back.socket.send(batch);
    const before = client.arrivals.length;
    client.sendSizes([2], 0);
    await client.until(() => client.arrivals.length > before);
    expect(client.troubles).toEqual([]);
  });
});
