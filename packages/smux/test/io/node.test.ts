// Streams as Duplex over real TCP sockets and over a pair in memory.

import { once } from 'node:events';
import { createServer, connect as netConnect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { muxOver, type SmuxDuplex, type SmuxMuxer } from '../../src/node/index.ts';
import { pattern, same } from '../support.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Two ends of one TCP connection on the loopback interface. */
async function sockets(): Promise<[Socket, Socket]> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const near = netConnect(address.port, '127.0.0.1');
  const [far] = (await once(server, 'connection')) as [Socket];
  cleanups.push(() => {
    near.destroy();
    far.destroy();
    server.close();
  });
  return [near, far];
}

/** Two Duplex joined in memory, without any buffering of their own. */
function joined(): [Duplex, Duplex] {
  const make = (): Duplex => {
    let waiting: (() => void) | undefined;
    const duplex: Duplex = new Duplex({
      read() {
        const done = waiting;
        waiting = undefined;
        done?.();
      },
      write(chunk, _encoding, done) {
        const other = duplex === a ? b : a;
        if (other.push(chunk)) done();
        else ends.get(other)?.(done);
      },
      final(done) {
        (duplex === a ? b : a).push(null);
        done();
      },
    });
    ends.set(duplex, (done) => {
      waiting = done;
    });
    return duplex;
  };
  const ends = new Map<Duplex, (done: () => void) => void>();
  const a = make();
  const b = make();
  cleanups.push(() => {
    a.destroy();
    b.destroy();
  });
  return [a, b];
}

async function muxers(connection: [Duplex, Duplex], version: 1 | 2): Promise<[SmuxMuxer, SmuxMuxer]> {
  const client = muxOver(connection[0], { client: true, version });
  const server = muxOver(connection[1], { client: false, version });
  cleanups.push(() => Promise.all([client.close(), server.close()]));
  return [client, server];
}

describe.each([1, 2] as const)('version %i', (version) => {
  describe.each(['tcp', 'memory'] as const)('over %s', (kind) => {
    const connect = async (): Promise<[SmuxMuxer, SmuxMuxer]> => muxers(kind === 'tcp' ? await sockets() : joined(), version);

    test('half close: a reply comes after the end of the request', async () => {
      const [client, server] = await connect();
      server.on('stream', async (stream: SmuxDuplex) => {
        // Not by async iteration, which destroys a Duplex at its end.
        const request: Buffer[] = [];
        stream.on('data', (bytes: Buffer) => request.push(bytes));
        await once(stream, 'end');
        stream.end(Buffer.concat([Buffer.from('got '), ...request]));
      });
      const stream = client.openStream();
      stream.end('hello');
      expect((await buffer(stream)).toString()).toBe('got hello');
      expect(stream.sid).toBe(3);
    });

    test('many streams both ways, 2 MB each', async () => {
      const [client, server] = await connect();
      server.on('stream', (stream: SmuxDuplex) => void pipeline(stream, stream));
      const data = Buffer.from(pattern(0, 2_000_000));
      const results = await Promise.all(
        Array.from({ length: 8 }, async () => {
          const stream = client.openStream();
          stream.end(data);
          return buffer(stream);
        }),
      );
      for (const result of results) expect(same(result, data)).toBe(true);
      expect([client.streamCount, server.streamCount]).toEqual([0, 0]);
    });
  });

  test('back-pressure: a reader that does not read stops the writer', async () => {
    const [client, server] = await muxers(joined(), version);
    const accepted = once(server, 'stream') as Promise<[SmuxDuplex]>;
    const stream = client.openStream();
    const block = Buffer.alloc(1_000_000, 1);
    let drained = 0;
    const write = (): void => void stream.write(block, () => drained++);
    for (let i = 0; i < 12; i++) write();
    const [far] = await accepted;
    // Nothing moves any more once a later stream has had its answer.
    if (version === 2) {
      const other = client.openStream();
      const [otherFar] = (await once(server, 'stream')) as [SmuxDuplex];
      other.end('x');
      otherFar.end('y');
      expect((await buffer(other)).toString()).toBe('y');
      expect(drained).toBeLessThan(2);
    }
    let received = 0;
    for await (const bytes of far as AsyncIterable<Buffer>) {
      received += bytes.length;
      if (received === 12 * block.length) break;
    }
    expect(received).toBe(12 * block.length);
  });

  test('destroy gives the stream up, the other side sees its end', async () => {
    const [client, server] = await muxers(joined(), version);
    server.on('stream', (stream: SmuxDuplex) => stream.write('data'));
    const stream = client.openStream();
    const [far] = (await once(server, 'stream')) as [SmuxDuplex];
    await once(stream, 'data');
    stream.destroy();
    far.resume();
    await once(far, 'end');
    far.end();
    await once(far, 'close');
    expect(server.streamCount).toBe(0);
  });
});

test('a stream that was cut short ends with an error, however late it is read', async () => {
  const [client, server] = await muxers(joined(), 2);
  const stream = client.openStream();
  stream.on('error', () => {});
  // More than what a Duplex reads ahead, so that the reset is there before all of it is asked for.
  const data = Buffer.alloc(200_000, 1);
  const written = new Promise((resolve) => stream.write(data, resolve));
  const [far] = (await once(server, 'stream')) as [SmuxDuplex];
  await written;
  stream.destroy(new Error('broken'));
  // A later stream that has its answer comes behind the reset.
  const other = client.openStream();
  const [otherFar] = (await once(server, 'stream')) as [SmuxDuplex];
  other.end();
  otherFar.end('y');
  await buffer(other);
  let received = 0;
  far.on('data', (bytes: Buffer) => {
    received += bytes.length;
  });
  await expect(once(far, 'end')).rejects.toMatchObject({ code: 'KCPTUN_ERR_SMUX_RESET' });
  expect(received).toBe(data.length);
});

test('a stream that nobody listens for is refused', async () => {
  const [client] = await muxers(joined(), 2);
  const stream = client.openStream();
  stream.resume();
  await once(stream, 'end');
});

test('close ends the streams of both ends', async () => {
  const [client, server] = await muxers(await sockets(), 2);
  const stream = client.openStream();
  const [far] = (await once(server, 'stream')) as [SmuxDuplex];
  const farError = once(far, 'error');
  const serverClosed = once(server, 'close');
  await Promise.all([client.close(), once(stream, 'close')]);
  expect((await serverClosed)[0]).toMatchObject({ code: 'KCPTUN_ERR_SMUX_CONNECTION', message: 'connection ended' });
  expect((await farError)[0]).toMatchObject({ code: 'KCPTUN_ERR_SMUX_CONNECTION' });
  await client.close();
  expect([client.closed, server.closed]).toEqual([true, true]);
});

test('two ends of different versions end with a typed error', async () => {
  const [near, far] = joined();
  const client = muxOver(near, { client: true, version: 2 });
  const server = muxOver(far, { client: false, version: 1 });
  const closed = once(server, 'close');
  client.openStream().on('error', () => {});
  expect((await closed)[0]).toMatchObject({ message: 'invalid protocol', seenVersion: 2, expectedVersion: 1 });
  await client.close();
});

test('a write that waits fails when the connection breaks', async () => {
  const [near, far] = joined();
  const client = muxOver(near, { client: true });
  far.pause();
  const stream = client.openStream();
  const failed = once(stream, 'error');
  stream.write(Buffer.alloc(1_000_000));
  near.destroy(new Error('cable cut'));
  expect((await failed)[0]).toMatchObject({ code: 'KCPTUN_ERR_SMUX_CONNECTION', cause: { message: 'cable cut' } });
});
