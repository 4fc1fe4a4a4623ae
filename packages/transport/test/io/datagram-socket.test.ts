// Datagram sockets of Node over the loopback interface, with each backend there is.

import dgram from 'node:dgram';
import { once } from 'node:events';
import { BATCH_CAPACITY, HEADROOM, MAX_DATAGRAM, PacketBatch } from '@kcptun/common';
import { patternBytes, Random } from '@kcptun/testkit';
import { afterEach, describe, expect, test } from 'vitest';
import { createNodeHost, type DatagramOptions, type DatagramSocket } from '../../src/index.ts';

interface Received {
  readonly bytes: Uint8Array;
  readonly path: number;
}

/** A socket with what it has received. */
interface Opened {
  readonly socket: DatagramSocket;
  readonly received: Received[];
  readonly batches: number[];
  readonly troubles: Error[];
  /** Waits until so many datagrams have come. */
  count(wanted: number): Promise<void>;
}

/** Handles that keep a process alive for the sake of a datagram socket. */
function descriptors(): number {
  return process.getActiveResourcesInfo().filter((name) => name.startsWith('UDP') || name === 'PollWrap').length;
}

/** Closing takes a turn of the event loop. */
async function closed(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((done) => setImmediate(done));
}

const cleanups: (() => void)[] = [];
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

describe.each([
  ['node:dgram', false],
  ['the best backend', true],
])('with %s', (_, native) => {
  const host = createNodeHost({ native });

  function open(options: Partial<DatagramOptions> = {}): Promise<Opened> {
    return new Promise((resolve, reject) => {
      const received: Received[] = [];
      const batches: number[] = [];
      const troubles: Error[] = [];
      let check = (): void => {};
      host.openDatagram(
        { host: '127.0.0.1', port: 0, bufferSize: 4 << 20, ...options },
        {
          onBatch: (batch) => {
            batches.push(batch.count);
            for (let index = 0; index < batch.count; index++) {
              if ((batch.length[index] as number) < 0) continue;
              received.push({ bytes: batch.packet(index).slice(), path: batch.path[index] as number });
            }
            check();
          },
          onTrouble: (error) => {
            troubles.push(error);
            check();
          },
        },
        (error, socket) => {
          if (socket === undefined) {
            reject(error);
            return;
          }
          cleanups.push(() => socket.close());
          const count = (wanted: number): Promise<void> =>
            new Promise((done) => {
              check = () => {
                if (received.length >= wanted) done();
              };
              check();
            });
          resolve({ socket, received, batches, troubles, count });
        },
      );
    });
  }

  function batchOf(datagrams: readonly Uint8Array[], path = 0): PacketBatch {
    const batch = new PacketBatch(host.memory);
    cleanups.push(() => batch.release());
    for (const datagram of datagrams) {
      batch.bytes.set(datagram, batch.slot(batch.count) + HEADROOM - 28);
      batch.add(HEADROOM - 28, datagram.length, path);
    }
    return batch;
  }

  const connect = (server: Opened): Promise<Opened> => open({ host: '', remote: server.socket.local });

  test.each(['127.0.0.1', '::1'])('datagrams go to and fro on %s', async (address) => {
    const server = await open({ host: address });
    const client = await connect(server);
    expect(server.socket.local).toMatchObject({ address, family: address === '::1' ? 6 : 4 });
    expect(client.socket.send(batchOf([Uint8Array.of(1, 2, 3)]))).toBe(1);
    await server.count(1);
    const path = server.received[0]?.path as number;
    expect(server.socket.remote(path)).toMatchObject({ address, port: client.socket.local.port });
    expect(client.socket.remote(0)).toEqual(server.socket.local);
    expect(server.socket.send(batchOf([Uint8Array.of(4), Uint8Array.of(5, 6)], path))).toBe(2);
    await client.count(2);
    expect(client.received.map(({ bytes, path: from }) => [[...bytes], from])).toEqual([
      [[4], 0],
      [[5, 6], 0],
    ]);
  });

  test('an empty host listens to both families', async () => {
    const server = await open({ host: '' });
    for (const address of ['127.0.0.1', '::1']) {
      const client = await open({ host: '', remote: { address, port: server.socket.local.port, family: address === '::1' ? 6 : 4 } });
      client.socket.send(batchOf([new TextEncoder().encode(address)]));
    }
    await server.count(2);
    expect(server.received.map(({ bytes }) => new TextDecoder().decode(bytes)).sort()).toEqual(['127.0.0.1', '::1']);
    for (const { path } of server.received) server.socket.send(batchOf([Uint8Array.of(9)], path));
  });

  test.each([
    ['of equal size', () => 1350],
    ['of any size', (random: Random) => random.integer(1, MAX_DATAGRAM)],
    ['in short runs', (random: Random) => random.pick([1350, 1350, 1350, 60])],
  ])('full batches of datagrams %s arrive whole, in order', async (__, sizeOf) => {
    const server = await open();
    const client = await connect(server);
    const random = new Random(1);
    const sent: Uint8Array[] = [];
    for (let round = 0; round < 5; round++) {
      const datagrams = Array.from({ length: BATCH_CAPACITY }, (___, index) => patternBytes(sizeOf(random), round * 100 + index));
      sent.push(...datagrams);
      expect(client.socket.send(batchOf(datagrams))).toBe(BATCH_CAPACITY);
      await server.count(sent.length);
    }
    expect(server.received.map(({ bytes }) => bytes.length)).toEqual(sent.map(({ length }) => length));
    expect(Buffer.concat(server.received.map(({ bytes }) => bytes)).equals(Buffer.concat(sent))).toBe(true);
    expect(new Set(server.received.map(({ path }) => path)).size).toBe(1);
    expect(Math.max(...server.batches)).toBeGreaterThan(1);
  });

  test('a batch may go to several remotes', async () => {
    const server = await open();
    const clients = await Promise.all([connect(server), connect(server), connect(server)]);
    for (const [index, client] of clients.entries()) client.socket.send(batchOf([Uint8Array.of(index)]));
    await server.count(3);
    const paths = [0, 1, 2].map((who) => server.received.find(({ bytes }) => bytes[0] === who)?.path as number);
    expect(new Set(paths).size).toBe(3);
    const batch = batchOf([]);
    for (let index = 0; index < 60; index++) {
      batch.bytes[batch.slot(index) + HEADROOM] = index;
      batch.add(HEADROOM, 1, paths[index % 3] as number);
    }
    server.socket.send(batch);
    for (const [who, client] of clients.entries()) {
      await client.count(20);
      expect(client.received.map(({ bytes }) => bytes[0])).toEqual(Array.from({ length: 20 }, (__, index) => index * 3 + who));
    }
  });

  test('a forgotten path leads nowhere, and its number is used again', async () => {
    const server = await open();
    const first = await connect(server);
    first.socket.send(batchOf([Uint8Array.of(1)]));
    await server.count(1);
    const path = server.received[0]?.path as number;
    server.socket.forget(path);
    expect(server.socket.remote(path)).toBeUndefined();
    server.socket.send(batchOf([Uint8Array.of(2)], path));
    const second = await connect(server);
    second.socket.send(batchOf([Uint8Array.of(3)]));
    await server.count(2);
    expect(server.received[1]?.path).toBe(path);
    server.socket.send(batchOf([Uint8Array.of(4)], path));
    await second.count(1);
    expect([first.received.length, [...(second.received[0]?.bytes ?? [])]]).toEqual([0, [4]]);
  });

  test('only the remote is heard', async () => {
    const server = await open();
    const client = await connect(server);
    const stranger = dgram.createSocket('udp4');
    cleanups.push(() => stranger.close());
    await new Promise<void>((done) => stranger.send(Uint8Array.of(7), client.socket.local.port, '127.0.0.1', () => done()));
    client.socket.send(batchOf([Uint8Array.of(1)]));
    await server.count(1);
    server.socket.send(batchOf([Uint8Array.of(2)], server.received[0]?.path));
    await client.count(1);
    expect(client.received.map(({ bytes }) => bytes[0])).toEqual([2]);
  });

  test('datagrams that are empty or too long do no harm', async () => {
    const server = await open();
    const client = dgram.createSocket('udp4');
    cleanups.push(() => client.close());
    for (const size of [0, 1500, 1501, 9000, 60_000, 5]) {
      await new Promise<void>((done) => client.send(new Uint8Array(size), server.socket.local.port, '127.0.0.1', () => done()));
    }
    await server.count(3);
    while (server.received.at(-1)?.bytes.length !== 5) await server.count(server.received.length + 1);
    expect(Math.max(...server.received.map(({ bytes }) => bytes.length))).toBeLessThanOrEqual(MAX_DATAGRAM);
  });

  test('a port in use is a typed error', async () => {
    const first = await open();
    await expect(open({ port: first.socket.local.port })).rejects.toMatchObject({
      code: 'KCPTUN_ERR_TRANSPORT_BIND',
      message: expect.stringContaining('EADDRINUSE'),
    });
  });

  test('a port or address that cannot be is a typed error', async () => {
    const wrong = { code: 'KCPTUN_ERR_TRANSPORT_BIND' };
    await expect(open({ host: '203.0.113.7' })).rejects.toMatchObject(wrong);
    // The system calls take port 0 for a port like any other; node:dgram throws.
    if (!native) await expect(open({ host: '', remote: { address: '127.0.0.1', port: 0, family: 4 } })).rejects.toMatchObject(wrong);
  });

  test('a peer that is not there (yet) does not kill the socket', async () => {
    const gone = await open();
    const { local } = gone.socket;
    gone.socket.close();
    const client = await open({ host: '', remote: local });
    for (let round = 0; round < 5; round++) {
      client.socket.send(batchOf([Uint8Array.of(round), Uint8Array.of(round)]));
      await new Promise((done) => setImmediate(done));
    }
    const server = await open({ port: local.port });
    while (server.received.length === 0) {
      client.socket.send(batchOf([Uint8Array.of(99)]));
      await new Promise((done) => setImmediate(done));
    }
    expect(server.received[0]?.bytes).toEqual(Uint8Array.of(99));
    for (const trouble of client.troubles) expect(trouble).toMatchObject({ code: 'KCPTUN_ERR_TRANSPORT_SOCKET' });
  });

  test('buffer sizes are told as they were granted', async () => {
    const { socket } = await open({ bufferSize: 100_000 });
    expect(socket.bufferSizes.receive).toBeGreaterThanOrEqual(100_000);
    expect(socket.bufferSizes.send).toBeGreaterThanOrEqual(100_000);
    expect(socket.backend).toMatch(/^[a-z]/);
  });

  test('closing is final and idempotent, also from within a batch', async () => {
    const server = await open();
    const client = await connect(server);
    let calls = 0;
    const closing = await new Promise<DatagramSocket>((resolve) => {
      host.openDatagram(
        { host: '127.0.0.1', port: 0 },
        {
          onBatch: () => {
            calls += 1;
            closing.close();
          },
          onTrouble: () => {},
        },
        (___, socket) => resolve(socket as DatagramSocket),
      );
    });
    const sender = await open({ host: '', remote: closing.local });
    sender.socket.send(batchOf(Array.from({ length: 64 }, () => Uint8Array.of(1))));
    while (calls === 0) await new Promise((done) => setImmediate(done));
    closing.close();
    server.socket.close();
    server.socket.close();
    expect(server.socket.send(batchOf([Uint8Array.of(1)]))).toBe(0);
    client.socket.send(batchOf([Uint8Array.of(1)]));
    await new Promise((done) => setImmediate(done));
    expect([calls, server.received.length]).toEqual([1, 0]);
  });

  test('nothing stays behind', async () => {
    const exchange = async (): Promise<void> => {
      const server = await open();
      const client = await connect(server);
      client.socket.send(batchOf([Uint8Array.of(1)]));
      await server.count(1);
      for (const cleanup of cleanups.splice(0)) cleanup();
    };
    // What the first sockets and their batches set aside for all is kept.
    await exchange();
    await closed();
    const used = (host.memory as { used?: number }).used;
    const before = descriptors();
    for (let index = 0; index < 20; index++) await exchange();
    await closed();
    expect((host.memory as { used?: number }).used).toBe(used);
    expect(descriptors()).toBe(before);
  });
});

test('a socket of another program is told apart', async () => {
  const other = dgram.createSocket('udp4');
  cleanups.push(() => other.close());
  other.bind(0, '127.0.0.1');
  await once(other, 'listening');
  const host = createNodeHost();
  await expect(
    new Promise((resolve, reject) => {
      const events = { onBatch: () => {}, onTrouble: () => {} };
      host.openDatagram({ host: '127.0.0.1', port: other.address().port }, events, (error, socket) =>
        error ? reject(error) : resolve(socket),
      );
    }),
  ).rejects.toMatchObject({ code: 'KCPTUN_ERR_TRANSPORT_BIND' });
});
