// What befalls a machine: it freezes, sleeps, is killed and booted, gets other public addresses, cannot send. The rest of the world goes on.

import { PacketBatch } from '@kcptun/common';
import { patternBytes, type SimHost, SimWorld } from '@kcptun/testkit';
import type { ByteConnection, DatagramSocket } from '@kcptun/transport';
import { describe, expect, test } from 'vitest';

interface Box {
  readonly socket: DatagramSocket;
  readonly seen: string[];
}

function open(world: SimWorld, host: SimHost, port: number, to?: string): Box {
  const seen: string[] = [];
  let socket: DatagramSocket | undefined;
  const remote = to === undefined ? {} : { remote: { address: to, port: 9, family: 4 as const } };
  const onBatch = (batch: PacketBatch): void => {
    for (let index = 0; index < batch.count; index++) {
      const from = (socket as DatagramSocket).remote(batch.path[index] as number);
      seen.push(`${from?.address}:${from?.port} at ${world.clock.now}`);
    }
  };
  host.openDatagram({ host: '', port, ...remote }, { onBatch, onTrouble: () => {} }, (_error, opened) => {
    socket = opened;
  });
  return { socket: socket as unknown as DatagramSocket, seen };
}

function send(box: Box, count = 1): number {
  const batch = new PacketBatch();
  for (let index = 0; index < count; index++) batch.addReceived(patternBytes(100, 1), 0);
  return box.socket.send(batch);
}

function connect(world: SimWorld, from: SimHost, to: SimHost): { near: ByteConnection; far: ByteConnection; seen: string[] } {
  const seen: string[] = [];
  const ends: ByteConnection[] = [];
  const watch = (name: string, connection: ByteConnection): void => {
    ends.push(connection);
    connection.events = {
      onData: (bytes) => seen.push(`${name} ${bytes.length} at ${world.clock.now}`),
      onEnd: () => seen.push(`${name} end`),
      onClose: (error) => seen.push(`${name} ${error?.message ?? 'close'}`),
    };
    connection.resume();
  };
  to.listen(
    { host: '', port: 80 },
    (connection) => watch('far', connection),
    () => {},
  );
  from.connect({ host: to.address, port: 80 }, (_error, connection) => watch('near', connection as ByteConnection));
  world.clock.advanceBy(1);
  return { near: ends[0] as ByteConnection, far: ends[1] as ByteConnection, seen };
}

describe('a process', () => {
  test('never reads the same time twice, and is called no earlier than it asked for', () => {
    const world = new SimWorld({ seed: 1 });
    const host = world.host('a');
    const times = Array.from({ length: 1000 }, () => host.now());
    for (let index = 1; index < times.length; index++) expect(times[index]).toBeGreaterThan(times[index - 1] as number);
    expect(world.clock.now).toBe(0);
    const deadline = host.now() + 5;
    let called = 0;
    host.setTimer(deadline - host.now(), () => {
      called = host.now();
    });
    world.clock.advanceBy(10);
    expect(called).toBeGreaterThanOrEqual(deadline - 1 / 512);
    expect(host.now()).toBeGreaterThanOrEqual(10);
  });

  test('that is frozen does everything later, in order', () => {
    const world = new SimWorld({ seed: 1 });
    const host = world.host('a');
    const far = open(world, world.host('b'), 9);
    const near = open(world, host, 5, 'b');
    const seen: string[] = [];
    host.process.freeze(100);
    const cancelled = host.setTimer(1, () => seen.push('cancelled'));
    host.setTimer(20, () => seen.push(`b at ${world.clock.now}`));
    host.setTimer(10, () => seen.push(`a at ${world.clock.now}`));
    host.setTimer(200, () => seen.push(`c at ${world.clock.now}`));
    world.clock.advanceBy(50);
    cancelled.cancel();
    send(near);
    world.clock.advanceBy(1000);
    expect(seen).toEqual(['a at 100', 'b at 100', 'c at 200']);
    expect(far.seen).toEqual(['a:5 at 50']);
    expect(host.process.pending).toBe(0);
  });

  test('that is frozen leaves its connections to the buffers of the system', () => {
    const world = new SimWorld({ seed: 1, connections: { delay: 1, capacity: 1000 } });
    const { near, seen } = connect(world, world.host('a'), world.host('b'));
    world.clock.advanceBy(1);
    world.host('b').process.freeze(50);
    near.write(patternBytes(1500, 1), () => seen.push(`taken at ${world.clock.now}`));
    world.clock.advanceBy(100);
    expect(seen).toEqual(['far 1000 at 52', 'taken at 52', 'far 500 at 53']);
  });

  test('that slept finds its clock ahead, and its timers where they were', () => {
    const world = new SimWorld({ seed: 1 });
    const host = world.host('a');
    let at = 0;
    host.setTimer(10, () => {
      at = host.now();
    });
    host.process.jump(5000);
    expect(host.now()).toBe(5000);
    world.clock.advanceBy(20);
    expect(at).toBe(5010);
  });
});

describe('a machine', () => {
  test('that is killed never speaks again, and its connections are closed by the system', () => {
    const world = new SimWorld({ seed: 1 });
    const old = world.host('b');
    const { seen } = connect(world, world.host('a'), old);
    open(world, old, 9);
    old.setTimer(10, () => seen.push('timer'));
    const booted = world.reboot('b');
    expect(world.host('b')).toBe(booted);
    expect([old.open, old.connections, old.process.pending, booted.open]).toEqual([0, 0, 0, 0]);
    world.clock.runUntilIdle(100);
    expect(seen).toEqual(['near end']);
    expect(old.setTimer(1, () => seen.push('timer'))).toBeDefined();
    world.clock.runUntilIdle(100);
    expect(seen).toEqual(['near end']);
  });

  test('that is booted gets what is on its way, and other random numbers', () => {
    const world = new SimWorld({ seed: 1, configure: (link) => link.setDelay(10) });
    const near = open(world, world.host('a'), 5, 'b');
    const numbers = [new Uint8Array(8), new Uint8Array(8)] as const;
    world.host('b').random(numbers[0]);
    send(near);
    const booted = world.reboot('b');
    booted.random(numbers[1]);
    const far = open(world, booted, 9);
    world.clock.advanceBy(20);
    expect(far.seen).toEqual(['a:5 at 10']);
    expect(numbers[0]).not.toEqual(numbers[1]);
  });

  test('behind a NAT that forgets is seen at other ports, and hears nothing that goes to the old ones', () => {
    const world = new SimWorld({ seed: 1, configure: (link) => link.setDelay(10) });
    const far = open(world, world.host('b'), 9);
    const near = open(world, world.host('a'), 5, 'b');
    send(near);
    world.clock.advanceBy(15);
    world.rebind('a');
    send({ ...far, socket: far.socket }); // path 0: the old port
    world.clock.advanceBy(15);
    send(near);
    world.clock.advanceBy(15);
    world.rebind('a', '9.9.9.9');
    send(near);
    world.clock.advanceBy(15);
    expect(far.seen).toEqual(['a:5 at 10', 'a:20000 at 40', '9.9.9.9:20001 at 55']);
    expect(near.seen).toEqual([]);
    const answer = new PacketBatch();
    answer.addReceived(patternBytes(10, 1), 2);
    far.socket.send(answer);
    world.clock.advanceBy(15);
    expect(near.seen).toEqual(['b:9 at 70']);
  });

  test('whose network is congested refuses the rest of a batch', () => {
    const sent: string[] = [];
    const world = new SimWorld({
      seed: 1,
      configure: (link) => link.setLoss(1),
      tap: {
        sent: (from, to, bytes, fate) => sent.push(`${from.address}:${from.port} ${to.address}:${to.port} ${bytes.length} ${fate}`),
        arrived: () => {},
      },
    });
    const host = world.host('a');
    world.host('b');
    const near = open(world, host, 5, 'b');
    host.sendLimit = 2;
    expect(send(near, 5)).toBe(2);
    host.sendLimit = Number.POSITIVE_INFINITY;
    expect(send(near)).toBe(1);
    expect(sent).toEqual(['a:5 b:9 100 lost', 'a:5 b:9 100 lost', 'a:5 b:9 100 lost']);
  });

  test('shows what arrives, and whether a socket takes it', () => {
    const arrived: string[] = [];
    const world = new SimWorld({
      seed: 1,
      configure: (link) => link.setDelay(5),
      tap: {
        sent: () => {},
        arrived: (from, to, bytes, taken) => arrived.push(`${from.address} ${to.port} ${bytes.length} ${taken} at ${world.clock.now}`),
      },
    });
    const far = open(world, world.host('b'), 9);
    const near = open(world, world.host('a'), 5, 'b');
    send(near);
    world.clock.advanceBy(10);
    send(near);
    far.socket.close();
    world.clock.advanceBy(10);
    expect(arrived).toEqual(['a 9 100 true at 5', 'a 9 100 false at 15']);
  });
});
