// The simulated world by itself: connections that behave like TCP, sockets, names, and nothing left behind.

import { PacketBatch } from '@kcptun/common';
import { patternBytes, type SimHost, SimWorld } from '@kcptun/testkit';
import type { ByteConnection, ByteEvents, DatagramSocket } from '@kcptun/transport';
import { describe, expect, test } from 'vitest';

interface End extends ByteEvents {
  readonly connection: ByteConnection;
  readonly seen: string[];
  length: number;
}

function watch(connection: ByteConnection): End {
  const end: End = {
    connection,
    seen: [],
    length: 0,
    onData(bytes) {
      end.length += bytes.length;
    },
    onEnd: () => end.seen.push('end'),
    onClose: (error) => end.seen.push(error === undefined ? 'close' : error.message),
  };
  connection.events = end;
  return end;
}

function connectPair(world: SimWorld): { readonly near: End; readonly far: End } {
  let near: End | undefined;
  let far: End | undefined;
  world.host('b').listen(
    { host: '', port: 80 },
    (connection) => {
      far = watch(connection);
    },
    () => {},
  );
  world.host('a').connect({ host: 'b', port: 80 }, (_error, connection) => {
    near = watch(connection as ByteConnection);
  });
  world.clock.runUntil(() => near !== undefined && far !== undefined, 10);
  return { near: near as unknown as End, far: far as unknown as End };
}

describe('byte connections', () => {
  test('start paused, arrive after the delay, and end in order', () => {
    const world = new SimWorld({ seed: 1, connections: { delay: 5 } });
    const { near, far } = connectPair(world);
    near.connection.write(patternBytes(1000, 1), () => near.seen.push('taken'));
    near.connection.end();
    world.clock.advanceBy(10);
    expect(far).toMatchObject({ length: 0, seen: [] });
    far.connection.resume();
    world.clock.advanceBy(1);
    expect(far).toMatchObject({ length: 1000, seen: ['end'] });
    far.connection.end();
    near.connection.resume();
    world.clock.runUntilIdle(20);
    expect(far.seen).toEqual(['end', 'close']);
    expect(near.seen).toEqual(['taken', 'end', 'close']);
  });

  test('hold a sender whose receiver is paused', () => {
    const world = new SimWorld({ seed: 1, connections: { capacity: 10_000 } });
    const { near, far } = connectPair(world);
    let taken = 0;
    for (let count = 0; count < 10; count++) {
      near.connection.write(patternBytes(4000, 1), () => {
        taken += 1;
      });
    }
    world.clock.advanceBy(100);
    expect(taken).toBe(2);
    far.connection.resume();
    world.clock.advanceBy(100);
    expect(taken).toBe(10);
    expect(far.length).toBe(40_000);
  });

  test('a reset reaches the other end, and whoever writes to a closed one is told', () => {
    const world = new SimWorld({ seed: 1 });
    const reset = connectPair(world);
    reset.far.connection.resume();
    reset.near.connection.destroy(true);
    world.clock.runUntilIdle(10);
    expect([reset.near.seen, reset.far.seen]).toEqual([['close'], ['read ECONNRESET']]);

    const other = new SimWorld({ seed: 1 });
    const { near, far } = connectPair(other);
    far.connection.destroy(false);
    near.connection.resume();
    other.clock.advanceBy(1);
    expect(near.seen).toEqual(['end']);
    near.connection.write(patternBytes(10, 1), () => {});
    other.clock.runUntilIdle(10);
    expect(near.seen).toEqual(['end', 'write EPIPE']);
  });

  test('are refused where nobody listens, and not answered where nobody is', () => {
    const world = new SimWorld({ seed: 1 });
    world.host('b');
    const answers: (string | undefined)[] = [];
    world.host('a').connect({ host: 'b', port: 81 }, (error) => answers.push(error?.message));
    world.host('a').connect({ host: 'nowhere', port: 81 }, (error) => answers.push(error?.message));
    world.clock.runUntilIdle(10);
    expect(answers).toEqual(['connect ECONNREFUSED b:81']);
  });
});

describe('hosts', () => {
  function open(host: SimHost, port: number, onBatch: (batch: PacketBatch) => void): DatagramSocket {
    let opened: DatagramSocket | undefined;
    host.openDatagram({ host: '', port }, { onBatch, onTrouble: () => {} }, (_error, socket) => {
      opened = socket;
    });
    return opened as unknown as DatagramSocket;
  }

  test('send datagrams over links that are set by address, and answer to the path they came from', () => {
    const world = new SimWorld({ seed: 1, configure: (link, from, to) => link.setDelay(from === '10.0.0.1' && to === '10.0.0.2' ? 7 : 1) });
    const seen: string[] = [];
    const far = open(world.host('10.0.0.2'), 9, (batch) => {
      seen.push(`far got ${batch.count} at ${world.clock.now}`);
      far.send(batch);
    });
    const sender = world.host('10.0.0.1');
    const remote = { address: '10.0.0.2', port: 9, family: 4 } as const;
    let near: DatagramSocket | undefined;
    sender.openDatagram(
      { host: '', port: 0, remote },
      { onBatch: (batch) => seen.push(`near got ${batch.count} at ${world.clock.now}`), onTrouble: () => {} },
      (_error, socket) => {
        near = socket;
      },
    );
    const batch = new PacketBatch();
    for (let count = 0; count < 3; count++) batch.addReceived(patternBytes(100, 1), 0);
    expect((near as unknown as DatagramSocket).send(batch)).toBe(3);
    world.clock.runUntilIdle(20);
    expect(seen).toEqual(['far got 3 at 7', 'near got 3 at 8']);
    expect(far.remote(0)).toMatchObject({ address: '10.0.0.1' });
    far.forget(0);
    expect(far.remote(0)).toBeUndefined();
    expect([sender.open, world.host('10.0.0.2').open]).toEqual([1, 1]);
    far.close();
    expect(world.host('10.0.0.2').open).toBe(0);
  });

  test('count what a socket has not read when it is closed', () => {
    const world = new SimWorld({ seed: 1 });
    const [here, there] = [world.host('10.0.0.1'), world.host('10.0.0.2')];
    const sockets: DatagramSocket[] = [1, 2].map((port) => open(there, port, () => sockets[1]?.close()));
    for (const port of [1, 2, 2]) here.send(9, { address: '10.0.0.2', port, family: 4 }, patternBytes(100, 1));
    world.clock.runUntilIdle(20);
    expect(there.unread).toBe(2);
    expect(here.unread).toBe(0);
  });

  test('refuse what is taken, and know only the names they were told', () => {
    const world = new SimWorld({ seed: 1 });
    const host = world.host('10.0.0.1');
    open(host, 9, () => {});
    const answers: (string | undefined)[] = [];
    host.openDatagram({ host: '', port: 9 }, { onBatch: () => {}, onTrouble: () => {} }, (error) => answers.push(error?.message));
    host.listen(
      { path: '/s' },
      () => {},
      (error) => answers.push(error?.message),
    );
    host.listen(
      { path: '/s' },
      () => {},
      (error) => answers.push(error?.message),
    );
    world.names.set('known', '10.0.0.9');
    host.resolve('known', 1, (_error, addresses) => answers.push(addresses?.[0]?.address));
    host.resolve('unknown', 1, (error) => answers.push(error?.message));
    world.clock.runUntilIdle(10);
    expect(answers).toEqual([
      'bind EADDRINUSE 10.0.0.1:9',
      undefined,
      'listen EADDRINUSE: address already in use /s',
      '10.0.0.9',
      'lookup unknown: ENOTFOUND',
    ]);
  });

  test('draw the same random numbers for the same seed, and others on other hosts', () => {
    const draw = (seed: number, address: string): string => {
      const world = new SimWorld({ seed });
      world.host('first');
      const bytes = new Uint8Array(16);
      world.host(address).random(bytes);
      return bytes.join();
    };
    expect(draw(1, 'first')).toBe(draw(1, 'first'));
    expect(draw(1, 'first')).not.toBe(draw(2, 'first'));
    expect(draw(1, 'first')).not.toBe(draw(1, 'second'));
  });
});
