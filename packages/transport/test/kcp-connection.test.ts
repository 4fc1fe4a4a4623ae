// KcpConnection and KcpListener on virtual time: streams, ends, timeouts and aborts.

import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { checkPattern, installPoolChecks, patternBytes, type SimNetworkOptions, takeFaults } from '@kcptun/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type DialOptions, dialKcp, type KcpConnection, type KcpListener, type ListenOptions, listenKcp } from '../src/index.ts';
import { pass, runUntil, type SimWorld, simWorld, within } from './sim-host.ts';

let restorePools: () => void;
beforeAll(() => {
  restorePools = installPoolChecks();
});
afterEach(() => expect(takeFaults()).toEqual([]));
afterAll(() => restorePools());

const COMMON = { key: 'secret', crypt: 'none' as const, nodelay: 1, interval: 10 };
const open: KcpListener[] = [];
const errors: unknown[] = [];

afterEach(() => {
  for (const listener of open.splice(0)) listener.close();
  errors.length = 0;
});

interface Setup {
  readonly world: SimWorld;
  readonly listener: KcpListener;
  readonly client: KcpConnection;
  /** Connections that the listener gave out. */
  readonly accepted: KcpConnection[];
}

interface Options {
  readonly configure?: SimNetworkOptions['configure'];
  readonly listen?: Partial<ListenOptions>;
  readonly dial?: Partial<DialOptions>;
  readonly onConnection?: (connection: KcpConnection) => void;
}

/** A listener and a client that is dialed, 10 ms apart. */
async function setUp({ configure = (link) => link.setDelay(10), listen = {}, dial = {}, onConnection }: Options = {}): Promise<Setup> {
  const world = simWorld(1, configure);
  const listener = await within(world, listenKcp({ ...COMMON, host: world.host, port: 4000, ...listen }));
  open.push(listener);
  const accepted: KcpConnection[] = [];
  listener.on('connection', (connection) => {
    accepted.push(connection);
    connection.on('error', (error) => errors.push(error));
    onConnection?.(connection);
  });
  const client = await within(world, dialKcp({ ...COMMON, host: world.host, address: 'server', port: 4000, ...dial }));
  client.on('error', (error) => errors.push(error));
  return { world, listener, client, accepted };
}

const echo = (connection: KcpConnection): unknown => connection.pipe(connection);

describe('a connection', () => {
  test('carries bytes both ways', async () => {
    const { world, client, accepted } = await setUp({ onConnection: echo });
    const bytes = patternBytes(300_000, 1);
    client.write(bytes);
    let received = 0;
    client.on('data', (chunk: Buffer) => {
      expect(checkPattern(chunk, 1, received)).toBe(-1);
      received += chunk.length;
    });
    await runUntil(world, () => received === bytes.length, 60_000);
    expect(accepted).toHaveLength(1);
    expect(client.conv).toBe(accepted[0]?.conv);
    expect(client.remote).toEqual({ address: '10.0.0.1', port: 4000, family: 4 });
    expect(accepted[0]?.remote).toEqual({ address: '10.0.0.2', port: 5000, family: 4 });
    expect(client.stats()).toMatchObject({ conv: client.conv });
    expect(client.stats().srtt).toBeGreaterThan(0);
  });

  test('holds a writer back while nothing is acknowledged', async () => {
    const { world, client } = await setUp({
      configure: (link) => link.blackOut(0, 20_000),
      dial: { sndWnd: 16, dataShards: 0, parityShards: 0 },
    });
    let taken = 0;
    for (let index = 0; index < 100; index++) client.write(new Uint8Array(10_000), () => (taken += 1));
    await pass(world, 1000);
    expect(taken).toBeLessThan(4);
    expect(client.writableNeedDrain).toBe(true);
  });

  test('holds a sender back whose bytes are not read, and goes on when they are', async () => {
    const { world, client, accepted } = await setUp({ listen: { rcvWnd: 16 }, dial: { sndWnd: 16 } });
    const total = 500_000;
    let sent = false;
    client.write(patternBytes(total, 2), () => {
      sent = true;
    });
    await pass(world, 5000);
    expect(sent).toBe(false);
    let received = 0;
    accepted[0]?.on('data', (chunk: Buffer) => {
      expect(checkPattern(chunk, 2, received)).toBe(-1);
      received += chunk.length;
    });
    await runUntil(world, () => received === total, 60_000);
    expect(sent).toBe(true);
  });

  test('tells a pending write that it was destroyed', async () => {
    const { world, client } = await setUp({ configure: (link) => link.blackOut(0, 20_000), dial: { sndWnd: 4 } });
    const failed: unknown[] = [];
    client.write(new Uint8Array(100_000), (error) => failed.push(error));
    client.write(new Uint8Array(100), (error) => failed.push(error));
    await pass(world, 100);
    client.destroy();
    await pass(world, 1);
    expect(failed).toEqual([expect.objectContaining({ code: 'KCPTUN_ERR_TRANSPORT_CLOSED' }), expect.any(Error)]);
    expect(errors).toEqual([]);
  });
});

describe('end()', () => {
  test('finishes when everything is acknowledged, and closes this end', async () => {
    const { world, client, accepted } = await setUp({ configure: (link) => link.setDelay(10).setLoss(0.2) });
    const bytes = patternBytes(100_000, 3);
    let finished = false;
    let closed = false;
    client.on('finish', () => {
      finished = true;
    });
    client.on('close', () => {
      closed = true;
    });
    client.end(bytes);
    await runUntil(world, () => finished, 60_000);
    // Acknowledged means that the other end has it.
    const chunk = accepted[0]?.read() as Buffer;
    expect(checkPattern(chunk, 3)).toBe(-1);
    await runUntil(world, () => closed, 1000);
    expect(world.sockets.size).toBe(1);
    expect(accepted[0]?.destroyed).toBe(false);
  });

  test('what had come by then can still be read, to its end', async () => {
    const { world, client } = await setUp({ onConnection: (connection) => connection.write(patternBytes(50_000, 4)) });
    client.write('hello');
    await pass(world, 3000);
    client.end();
    await runUntil(world, () => client.writableFinished, 5000);
    expect(world.sockets.size).toBe(1);
    const bytes = await within(world, buffer(client));
    expect([bytes.length, checkPattern(bytes, 4)]).toEqual([50_000, -1]);
    expect(errors).toEqual([]);
  });

  test('ends a reader that waits', async () => {
    const { world, client } = await setUp();
    const reading = buffer(client);
    client.end('bye');
    expect(await within(world, reading)).toHaveLength(0);
    expect(client.destroyed).toBe(true);
  });

  test('without a byte written is done at once', async () => {
    const { world, client } = await setUp();
    client.end();
    await runUntil(world, () => client.destroyed, 10);
    await pass(world, 10);
    expect([world.sockets.size, errors.length]).toEqual([1, 0]);
  });

  test('works at the end of a pipeline', async () => {
    const { world, client, accepted } = await setUp();
    async function* source(): AsyncGenerator<Uint8Array> {
      for (let index = 0; index < 10; index++) yield patternBytes(10_000, 5, index * 10_000);
    }
    await within(world, pipeline(source, client), 60_000);
    const bytes = accepted[0]?.read() as Buffer;
    expect(checkPattern(bytes, 5)).toBe(-1);
  });

  test('fails when the peer does not acknowledge', async () => {
    const { world, client } = await setUp({ configure: (link) => link.blackOut(0, 1e6) });
    const ended = new Promise((resolve) => client.end('bye', resolve as () => void));
    await runUntil(world, () => client.destroyed, 60_000);
    await pass(world, 1);
    expect(await ended).toBeInstanceOf(Error);
    expect(errors).toEqual([expect.objectContaining({ code: 'KCPTUN_ERR_SESSION_DEAD_PEER' })]);
  });
});

describe('timeouts', () => {
  test('a peer that was never there is dead after deadPeerTimeout', async () => {
    const { world, client } = await setUp({ configure: (link) => link.blackOut(0, 1e6), dial: { deadPeerTimeout: 2000 } });
    client.write('hello');
    const start = world.clock.now;
    await runUntil(world, () => client.destroyed, 10_000);
    expect(world.clock.now - start).toBeGreaterThanOrEqual(2000);
    expect(world.clock.now - start).toBeLessThanOrEqual(2500);
    await pass(world, 1);
    expect(errors).toEqual([expect.objectContaining({ code: 'KCPTUN_ERR_SESSION_DEAD_PEER' })]);
  });

  test('an application that keeps writing does not put it off', async () => {
    const { world, client } = await setUp({ configure: (link) => link.blackOut(0, 1e6), dial: { deadPeerTimeout: 2000 } });
    for (let index = 0; index < 30 && !client.destroyed; index++) {
      client.write('x');
      await pass(world, 100);
    }
    expect(client.destroyed).toBe(true);
    expect(errors).toEqual([expect.objectContaining({ code: 'KCPTUN_ERR_SESSION_DEAD_PEER' })]);
  });

  test('silence ends both ends after idleTimeout', async () => {
    const { world, client, accepted } = await setUp({ listen: { idleTimeout: 4000 }, dial: { idleTimeout: 1000 } });
    client.write('hello');
    await pass(world, 900);
    expect(client.destroyed).toBe(false);
    await pass(world, 500);
    expect(client.destroyed).toBe(true);
    await pass(world, 4000);
    expect(accepted[0]?.destroyed).toBe(true);
    expect(errors.map((error) => (error as { code: string }).code)).toEqual(['KCPTUN_ERR_SESSION_IDLE', 'KCPTUN_ERR_SESSION_IDLE']);
  });

  test('traffic keeps a connection alive', async () => {
    const { world, client } = await setUp({ onConnection: echo, dial: { idleTimeout: 1000 }, listen: { idleTimeout: 1000 } });
    client.resume();
    for (let index = 0; index < 20; index++) {
      client.write('x');
      await pass(world, 500);
    }
    expect([client.destroyed, errors.length]).toEqual([false, 0]);
  });

  test('0 switches them off: an idle connection arms no timer', async () => {
    const { world, client, accepted } = await setUp({
      dial: { idleTimeout: 0, deadPeerTimeout: 0 },
      listen: { idleTimeout: 0, deadPeerTimeout: 0 },
    });
    client.write('hello');
    await pass(world, 1000);
    expect([world.timers, client.destroyed, accepted[0]?.destroyed]).toEqual([0, false, false]);
  });
});

describe('destroy()', () => {
  test('is silent, closes the socket and leaves no timer', async () => {
    const { world, client, listener, accepted } = await setUp();
    client.write('hello');
    await pass(world, 100);
    client.destroy();
    client.destroy();
    await pass(world, 100);
    expect([client.closed, world.sockets.size, errors.length]).toEqual([true, 1, 0]);
    accepted[0]?.destroy();
    await pass(world, 1);
    expect(world.timers).toBe(0);
    listener.close();
    expect(world.sockets.size).toBe(0);
  });

  test('what a closing server wrote last is still sent', async () => {
    const { world, client } = await setUp({
      onConnection: (connection) => {
        connection.write('last words');
        connection.destroy();
      },
    });
    client.write('hello');
    let heard = '';
    client.on('data', (chunk: Buffer) => {
      heard += chunk.toString();
    });
    await pass(world, 500);
    expect(heard).toBe('last words');
  });
});

describe('a listener', () => {
  test('can be iterated, until it is closed', async () => {
    const { world, listener, client } = await setUp();
    const seen: number[] = [];
    const loop = (async () => {
      for await (const connection of listener) {
        seen.push(connection.conv);
        if (seen.length === 2) listener.close();
      }
    })();
    client.write('hello');
    const second = await within(world, dialKcp({ ...COMMON, host: world.host, address: 'server', port: 4000 }));
    second.write('hello');
    await within(world, loop);
    expect(seen).toEqual([client.conv, second.conv]);
    second.destroy();
  });

  test('that is closed iterates over nothing', async () => {
    const { world, listener } = await setUp();
    listener.close();
    const iterate = async (): Promise<number> => {
      let count = 0;
      for await (const _ of listener) count += 1;
      return count;
    };
    expect(await within(world, iterate())).toBe(0);
  });

  test('leaving the loop leaves the listener open', async () => {
    const { world, listener, client, accepted } = await setUp();
    client.write('hello');
    const first = async (): Promise<KcpConnection | undefined> => {
      for await (const connection of listener) return connection;
      return undefined;
    };
    expect((await within(world, first()))?.conv).toBe(client.conv);
    expect([listener.listenerCount('close'), listener.listenerCount('connection'), accepted.length]).toEqual([0, 1, 1]);
  });

  test('closing ends its connections without an error; idempotent', async () => {
    const { world, listener, client, accepted } = await setUp();
    client.write('hello');
    await pass(world, 100);
    let closed = 0;
    listener.on('close', () => {
      closed += 1;
    });
    listener.close();
    listener.close();
    await pass(world, 1);
    expect([closed, accepted[0]?.destroyed, errors.length]).toEqual([1, true, 0]);
  });

  test('goes on when a client has gone', async () => {
    const { world, accepted, client } = await setUp();
    client.write('first');
    await pass(world, 100);
    expect(accepted).toHaveLength(1);
    client.destroy();
    const again = await within(world, dialKcp({ ...COMMON, host: world.host, address: 'server', port: 4000 }));
    again.write('second');
    await pass(world, 100);
    expect(accepted).toHaveLength(2);
    expect(accepted[1]?.read()?.toString()).toBe('second');
    again.destroy();
  });
});

describe('AbortSignal', () => {
  const aborted = expect.objectContaining({ code: 'KCPTUN_ERR_TRANSPORT_ABORTED' });

  test('already aborted', async () => {
    const world = simWorld();
    const signal = AbortSignal.abort(new Error('why'));
    await expect(dialKcp({ ...COMMON, host: world.host, address: 'server', port: 1, signal })).rejects.toThrow(aborted);
    await expect(listenKcp({ ...COMMON, host: world.host, port: 1, signal })).rejects.toThrow(
      expect.objectContaining({ cause: expect.objectContaining({ message: 'why' }) }),
    );
    expect([world.clock.pending, world.host.memory]).toEqual([0, expect.objectContaining({ used: 0 })]);
  });

  test('while the name is looked up, at once', async () => {
    const world = simWorld();
    const controller = new AbortController();
    const dialing = dialKcp({ ...COMMON, host: world.host, address: 'server', port: 1, signal: controller.signal });
    controller.abort();
    await expect(dialing).rejects.toThrow(aborted);
    await pass(world, 100);
    expect(world.sockets.size).toBe(0);
  });

  test.each(['dialing', 'listening'])('while the socket is opened (%s)', async (what) => {
    const world = simWorld();
    const controller = new AbortController();
    const { openDatagram } = world.host;
    world.host.openDatagram = (...args) => {
      openDatagram(...args);
      controller.abort();
    };
    const options = { ...COMMON, host: world.host, port: 4000, signal: controller.signal };
    const opening = what === 'dialing' ? dialKcp({ ...options, address: 'server' }) : listenKcp(options);
    await expect(within<unknown>(world, opening)).rejects.toThrow(aborted);
    expect(world.sockets.size).toBe(0);
  });

  test('destroys a connection', async () => {
    const controller = new AbortController();
    const { world, client } = await setUp({ dial: { signal: controller.signal } });
    controller.abort();
    await pass(world, 10);
    expect([client.destroyed, world.sockets.size]).toEqual([true, 1]);
    expect(errors).toEqual([expect.objectContaining({ name: 'AbortError' })]);
  });

  test('closes a listener and its connections', async () => {
    const controller = new AbortController();
    const { world, client, accepted } = await setUp({ listen: { signal: controller.signal } });
    client.write('hello');
    await pass(world, 100);
    controller.abort();
    await pass(world, 10);
    expect([world.sockets.size, accepted[0]?.destroyed]).toEqual([1, true]);
  });
});

describe('trouble', () => {
  test('a name that is not found', async () => {
    const world = simWorld();
    await expect(within(world, dialKcp({ ...COMMON, host: world.host, address: 'nowhere', port: 1 }))).rejects.toThrow('no such name');
    expect(world.sockets.size).toBe(0);
  });

  test.each([0, 65_536, 1.5])('port %d', async (port) => {
    await expect(dialKcp({ ...COMMON, address: 'server', port })).rejects.toThrow(/^port must be/);
  });

  test('options out of range', async () => {
    await expect(listenKcp({ ...COMMON, port: 0, sndWnd: 0 })).rejects.toThrow(/^sndWnd must be/);
    const world = simWorld();
    await expect(listenKcp({ ...COMMON, host: world.host, port: 0, mtu: 30 })).rejects.toMatchObject({ code: 'KCPTUN_ERR_SESSION_MTU' });
  });

  test('connections of one host share a cipher, which is closed with the last', async () => {
    const { world, client, listener } = await setUp();
    let made = 0;
    const create = world.host.createCrypt;
    world.host.createCrypt = (...args) => {
      made += 1;
      return create(...args);
    };
    const dial = (key: string): Promise<KcpConnection> =>
      within(world, dialKcp({ ...COMMON, host: world.host, address: 'server', port: 4000, key }));
    const connections = [await dial('secret'), await dial('secret'), await dial('other')];
    expect(made).toBe(1);
    for (const connection of [...connections, client]) connection.destroy();
    await pass(world, 10);
    listener.close();
    await once(await dial('secret').then((connection) => connection.end()), 'close').catch(() => {});
    expect(made).toBe(2);
  });
});
